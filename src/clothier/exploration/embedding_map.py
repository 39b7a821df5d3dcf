"""The map of a data set: made, judged, kept as arrays, and asked where new pictures belong."""

from __future__ import annotations

import io
import json
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError
from clothier.exploration.pca import PCA, fit_pca
from clothier.exploration.tsne.embedding import PERPLEXITY, Embedding, max_perplexity, tsne
from clothier.exploration.tsne.map_quality import MapQuality, map_quality
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.types import Classifier, Floats, Images, Progress

MAP_FORMAT_VERSION = 1
PIXELS = "pixels"
N_COMPONENTS = 50  # principal components that the map is made of: 86 % of the variance of Fashion-MNIST's pixels
CHUNK_SIZE = 2048  # pictures that a classifier is shown at a time
ARRAYS = ("positions", "features", "mean", "components", "explained_variance")


@dataclass(frozen=True, slots=True)
class MapMetadata:
    """What is known of a map.

    Attributes:
        source: ``pixels``, or the name of the model whose embeddings were mapped.
        dataset: what was mapped, train part first.
        digest: SHA-256 of it.
        n_components: principal components that the map was made of.
        perplexity: of the t-SNE.
        seed: likewise.
        seconds: from principal components to positions.
        quality: of the map; its votes are learnt from the train part and scored on the test part.
        pca_baseline: the same of the first two principal components, which any map must beat.
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
    """A map of all pictures of a data set.

    Attributes:
        embedding: positions, train part first, and the features that they were made of.
        pca: what made the features of pixels or of a model's embeddings.
        metadata: what is known of it.
    """

    embedding: Embedding
    pca: PCA
    metadata: MapMetadata

    @property
    def positions(self) -> Floats:
        """(N, 2) float32, train part first."""
        return self.embedding.positions

    def transform(
        self, images: Images, classifier: Classifier | None = None, *, progress: Progress = no_progress
    ) -> Floats:
        """Where new pictures belong.

        Args:
            images: (M, H, W) uint8, of the size that was mapped.
            classifier: the model whose embeddings were mapped; None for a map of pixels.
            progress: told of steps done.

        Returns:
            (M, 2) float32.

        Raises:
            DataError: pictures of another size, or another model than was mapped.
        """
        name = PIXELS if classifier is None else classifier.name
        if name != self.metadata.source:
            raise DataError(f"this is a map of {self.metadata.source}, and {name} were given. Give what was mapped.")
        raw = images if classifier is None else _embeddings(images, classifier)
        if np.prod(raw.shape[1:]) != len(self.pca.mean):
            raise DataError(
                f"the map was made of {len(self.pca.mean)} numbers a picture, and got pictures of {images.shape[1:]}. "
                "Give pictures of the size that was mapped."
            )
        return self.embedding.transform(self.pca.transform(raw), progress=progress)

    def to_bytes(self) -> bytes:
        """An .npz of plain arrays, without pickles, that :func:`load_map` reads; garments' pixels are not in it."""
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
    """Reads a map that ``clothier explore`` has saved.

    Raises:
        DataError: it cannot be read, is damaged, or is of a newer format.
    """
    try:
        # numpy leaves a damaged file open that it has opened itself
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS}
            fields = json.loads(str(file["metadata"]))
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is no map: {error}. Give the map.npz of clothier explore, or explore anew.") from error
    if fields.pop("format") != MAP_FORMAT_VERSION:
        raise DataError(f"{path} is of a newer format than this Clothier reads. Install a newer one, or explore anew.")
    pca = PCA(arrays["mean"], arrays["components"], arrays["explained_variance"], fields.pop("total_variance"))
    quality, baseline = (MapQuality(**fields.pop(name)) for name in ("quality", "pca_baseline"))
    metadata = MapMetadata(**fields, quality=quality, pca_baseline=baseline)
    return EmbeddingMap(Embedding(arrays["positions"], arrays["features"], metadata.perplexity), pca, metadata)


def fit_map(
    dataset: Dataset,
    classifier: Classifier | None = None,
    *,
    perplexity: float | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> EmbeddingMap:
    """Maps all pictures of a data set, by their pixels or by what a classifier makes of them.

    Args:
        dataset: what to map.
        classifier: whose embeddings to map; None maps the pixels.
        perplexity: of the t-SNE; None for the usual one, or for less where there are few pictures.
        seed: likewise.
        progress: told of every stage.

    Raises:
        DataError: pictures that are all the same, or too few for a map.
        UsageError: a perplexity that does not suit so many pictures.
    """
    images = np.concatenate([dataset.train.images, dataset.test.images])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    raw = images if classifier is None else _embeddings(images, classifier, progress)
    pca = fit_pca(raw, min(N_COMPONENTS, *_matrix_shape(raw)))
    features = pca.transform(raw)
    begun = time.perf_counter()
    chosen = min(PERPLEXITY, max_perplexity(len(images))) if perplexity is None else perplexity
    embedding = tsne(features, perplexity=chosen, seed=seed, progress=progress)
    seconds = time.perf_counter() - begun
    facts = MapMetadata(
        source=PIXELS if classifier is None else classifier.name,
        dataset=dataset.name,
        digest=dataset.digest,
        n_components=features.shape[1],
        perplexity=chosen,
        seed=seed,
        seconds=seconds,
        quality=map_quality(embedding.positions, features, labels, len(dataset.train), seed=seed),
        pca_baseline=map_quality(features[:, :2], features, labels, len(dataset.train), seed=seed),
    )
    return EmbeddingMap(embedding, pca, facts)


def _matrix_shape(raw: Images | Floats) -> tuple[int, int]:
    return len(raw), int(np.prod(raw.shape[1:]))


def _embeddings(images: Images, classifier: Classifier, progress: Progress = no_progress) -> Floats:
    """(N, D) float32, a chunk of pictures at a time."""
    found: list[Floats] = []
    for start in range(0, len(images), CHUNK_SIZE):
        found.append(classifier.run(images[start : start + CHUNK_SIZE]).embeddings)
        progress(f"embeddings of {classifier.name}", min(start + CHUNK_SIZE, len(images)), len(images))
    return np.concatenate(found)
