"""The t-SNE map of a dataset: fit, save and load it, and place new images on it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.data.combined_splits import CombinedSplits
from clothier.errors import DataError
from clothier.exploration.pca import PCA, fit_pca
from clothier.exploration.tsne.embedding import PERPLEXITY, Embedding, max_perplexity, tsne
from clothier.exploration.tsne.map_quality import MapQuality, map_quality
from clothier.types import no_progress
from clothier.untrusted import DAMAGED_ARRAYS

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.data.dataset import Dataset
    from clothier.types import Classifier, Floats, Images, Progress

MAP_FORMAT_VERSION = 1
PIXELS = "pixels"
N_COMPONENTS = 50  # principal components that are mapped: 86 % of the variance of Fashion-MNIST's pixels
CHUNK_SIZE = 2048  # images per call of the classifier
ARRAYS = ("positions", "features", "mean", "components", "explained_variance")
REAL = (np.float32, np.float64)  # types of arrays; a float16 could not be compared with MAX_VALUE
MAX_BYTES = 1 << 30  # of a map: five million images
MAX_VALUE = 1e9  # of any number in a map: its square is a float32
MAX_WIDTH = 2000  # of a map: ten times that of 70,000 images; the grid of the repulsion then takes half a gigabyte


@dataclass(frozen=True, slots=True)
class MapMetadata:
    """How a map was made, and how good it is.

    Attributes:
        source: ``pixels``, or the name of the model whose embeddings were mapped.
        dataset: its name.
        digest: its SHA-256.
        n_components: principal components that were mapped.
        perplexity, seed: of the t-SNE.
        seconds: from principal components to positions.
        quality: of the map; k-NN is fitted on the training split and scored on the test split.
        pca_baseline: the quality of the first two principal components, which a map must beat.
    """

    source: str
    dataset: str
    digest: str
    n_components: int
    perplexity: float
    seed: int
    seconds: float
    quality: MapQuality
    pca_baseline: MapQuality

    def to_json(self) -> dict[str, Any]:
        """As ``explore.json`` holds it."""
        fields = asdict(self)
        return {**fields.pop("quality"), **fields}


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingMap:
    """A map of all images of a dataset, training images first; ``pca`` makes features of pixels or embeddings."""

    embedding: Embedding
    pca: PCA
    metadata: MapMetadata

    @property
    def positions(self) -> Floats:
        """(N, 2) float32, training images first."""
        return self.embedding.positions

    def transform(
        self, images: Images, classifier: Classifier | None = None, *, progress: Progress = no_progress
    ) -> Floats:
        """Positions (M, 2) float32 of new images, (M, H, W) uint8 of the size that was mapped.

        ``classifier`` is the model whose embeddings were mapped; None for a map of pixels.

        Raises:
            DataError: images of another size, or another model.
        """
        name = PIXELS if classifier is None else classifier.name
        if name != self.metadata.source:
            raise DataError(f"the map is of {self.metadata.source}, not of {name}. Give the same source as the map's.")
        raw = images if classifier is None else _embeddings(images, classifier)
        if np.prod(raw.shape[1:]) != len(self.pca.mean):
            raise DataError(
                f"the map is of {len(self.pca.mean)} numbers per image, and got images of shape {images.shape[1:]}. "
                "Give images of the size that was mapped."
            )
        return self.embedding.transform(self.pca.transform(raw), progress=progress)

    def to_bytes(self) -> bytes:
        """An .npz without pickles for :func:`load_map`; it does not hold the images."""
        metadata = {"format": MAP_FORMAT_VERSION, "total_variance": self.pca.total_variance, **asdict(self.metadata)}
        file = io.BytesIO()
        np.savez(
            file,
            positions=self.embedding.positions,
            features=self.embedding.features,
            mean=self.pca.mean,
            components=self.pca.components,
            explained_variance=self.pca.explained_variance,
            metadata=np.array(json.dumps(metadata)),
        )
        return file.getvalue()


def load_map(path: Path | str) -> EmbeddingMap:
    """Reads the ``map.npz`` of ``clothier explore``.

    Raises:
        DataError: it cannot be read, is damaged or changed, or is of a newer format.
    """
    try:
        if not Path(path).is_file():
            raise FileNotFoundError(f"no such file {path}")
        if sum(member.file_size for member in zipfile.ZipFile(path).infolist()) > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES:,} bytes")
        # numpy does not close a damaged file that it has opened itself
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS}
            fields = json.loads(str(file["metadata"]))
        version = fields.pop("format")
        if version == MAP_FORMAT_VERSION:
            return _unpack_map(arrays, fields)
    except DAMAGED_ARRAYS as error:
        raise DataError(f"{path} is not a map: {error}. Give the map.npz of clothier explore.") from error
    raise DataError(f"{path} has format {version!r}, not {MAP_FORMAT_VERSION}. Update Clothier, or explore again.")


def _unpack_map(arrays: dict[str, npt.NDArray[np.generic]], fields: dict[str, Any]) -> EmbeddingMap:
    """Checks everything that the map's use relies on: shapes, ranges and finite numbers."""
    (n, k), p = arrays["features"].shape, arrays["mean"].size
    shapes = {"positions": (n, 2), "features": (n, k), "mean": (p,), "components": (k, p), "explained_variance": (k,)}
    for name, shape in shapes.items():
        values = arrays[name]
        is_real = values.shape == shape and values.dtype in REAL
        if not (is_real and (np.abs(values) <= MAX_VALUE).all()):
            raise ValueError(f"{name} must be {shape} real numbers of at most {MAX_VALUE:g}")
    positions, features = (arrays[name].astype(np.float32) for name in ("positions", "features"))
    mean, components, variance = (arrays[name].astype(np.float64) for name in ARRAYS[2:])
    if np.ptp(positions, axis=0).max() > MAX_WIDTH:
        raise ValueError(f"the positions must lie within {MAX_WIDTH} units")
    if not np.allclose(components @ components.T, np.eye(k), atol=1e-3) or (np.diff(variance) > 0).any():
        raise ValueError("the components must be orthonormal, with falling variances")
    total = fields.pop("total_variance")
    qualities = {name: MapQuality(**fields[name]) for name in ("quality", "pca_baseline")}
    metadata = MapMetadata(**fields | qualities)
    if not _is_consistent(metadata, n, k) or not _is_number(total) or not 0 <= variance[-1] <= total:
        raise ValueError("its metadata do not belong to its arrays")
    embedding = Embedding(positions, features, metadata.perplexity)
    return EmbeddingMap(embedding, PCA(mean, components, variance, float(total)), metadata)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= MAX_VALUE  # type: ignore[operator]  # mypy reads no "in"


def _is_consistent(metadata: MapMetadata, n: int, k: int) -> bool:
    """Whether every field is of its type, and belongs to ``n`` points of ``k`` features."""
    qualities = (metadata.quality, metadata.pca_baseline)
    scores = [score for one in qualities for score in (one.knn10, one.knn100, one.trustworthiness) if score is not None]
    integers = (metadata.seed, *(count for one in qualities for count in (one.n, one.trustworthiness_n)))
    texts = (metadata.source, metadata.dataset, metadata.digest)
    return (
        all(type(text) is str and text.isprintable() for text in texts)
        and all(type(value) is int and value >= 0 for value in integers)
        and all(map(_is_number, (metadata.perplexity, metadata.seconds, *scores)))
        and max(scores, default=0) <= 1
        and all(one.n == n and one.trustworthiness_n <= n for one in qualities)
        and metadata.n_components == k
        and 1 <= metadata.perplexity <= max_perplexity(n)
    )


def fit_map(
    dataset: Dataset,
    classifier: Classifier | None = None,
    *,
    perplexity: float | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> EmbeddingMap:
    """Maps all images of a dataset by their pixels or by a classifier's embeddings.

    ``perplexity`` None is 30, or less where there are few images.

    Raises:
        DataError: images that are all the same, or too few for a map.
        UsageError: a perplexity that does not suit the number of images.
    """
    combined = CombinedSplits.from_dataset(dataset)
    raw = combined.images if classifier is None else _embeddings(combined.images, classifier, progress)
    pca = fit_pca(raw, min(N_COMPONENTS, len(raw), int(np.prod(raw.shape[1:]))))
    features = pca.transform(raw)
    start = time.perf_counter()
    perplexity = min(PERPLEXITY, max_perplexity(len(combined))) if perplexity is None else perplexity
    embedding = tsne(features, perplexity=perplexity, seed=seed, progress=progress)
    seconds = time.perf_counter() - start
    quality, pca_baseline = (
        map_quality(positions, features, combined.labels, combined.n_train, seed=seed)
        for positions in (embedding.positions, features[:, :2])
    )
    metadata = MapMetadata(
        source=PIXELS if classifier is None else classifier.name,
        dataset=dataset.name,
        digest=dataset.digest,
        n_components=features.shape[1],
        perplexity=perplexity,
        seed=seed,
        seconds=seconds,
        quality=quality,
        pca_baseline=pca_baseline,
    )
    return EmbeddingMap(embedding, pca, metadata)


def _embeddings(images: Images, classifier: Classifier, progress: Progress = no_progress) -> Floats:
    """(N, D) float32, computed in chunks."""
    chunks: list[Floats] = []
    for start in range(0, len(images), CHUNK_SIZE):
        chunks.append(classifier.run(images[start : start + CHUNK_SIZE]).embeddings)
        progress(f"embeddings of {classifier.name}", min(start + CHUNK_SIZE, len(images)), len(images))
    return np.concatenate(chunks)
