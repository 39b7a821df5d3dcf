"""The weights that fine-tuning starts from: ImageNet's, or those of another photo model.

With ``auto``, the candidates are compared on the user's own photos: the accuracy of a logistic regression on their
frozen features, over the folds of the same cross-validation by groups. The best one is then fine-tuned. A model that
was trained on some of these photos is no candidate: the networks of all folds would have seen photos that test them.

Legend: N photos, K classes, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from clothier import atomic, bundle
from clothier.data.fingerprints import matches, read_hashes
from clothier.errors import ModelError, UsageError
from clothier.recipes.loader import from_values
from clothier.runs import read_json
from clothier.training.finetune.data import split_folds
from clothier.training.finetune.efficientnet_lite import BACKBONES, EfficientNetLite, pretrained, weights_file
from clothier.training.finetune.features import fit_linear_probe
from clothier.training.options import AUTO_INIT, IMAGENET
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clothier.bundle import Bundle
    from clothier.data.fingerprints import Hashes
    from clothier.data.photo_table import PhotoTable
    from clothier.recipes.photo import BackboneName
    from clothier.runs import Run
    from clothier.training.finetune.features import FrozenFeatures
    from clothier.types import Floats, Int64Array, Labels, Progress

PHOTO = "photo"  # the kind of model
CHOICE_FILE = "initial_weights.json"  # of a run folder; a resumed run does not choose again
BASELINE_CS = (1e-3, 3e-3, 1e-2, 3e-2)  # C of the logistic regression that fine-tuning is compared with
BASELINE_TASK = "logistic regression"
IN_TRAINING_SET = (
    "{n:,} of these photos are in the training set of {name}, so results of training from its weights {end}"
)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Networks that fine-tuning may start from, by name, and why one is missing."""

    networks: Mapping[str, EfficientNetLite]
    note: str = ""  # a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialWeights:
    """Which weights were chosen, and why.

    Attributes:
        name: ``imagenet``, or the name of a photo model.
        accuracies: out-of-fold accuracy of logistic regression on the frozen features of each candidate, 0 to 1.
        note: why a model was no candidate, a sentence; or "".
    """

    name: str
    accuracies: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ``metrics.json`` and the card hold it."""
        return {"name": self.name, "accuracies": self.accuracies, "note": self.note}

    def summary(self) -> str:
        """One or two sentences for the protocol."""
        sentences = [f"Training started from the weights of {self.name}."]
        if len(self.accuracies) > 1:
            found = ", ".join(f"{name} {100 * accuracy:.1f} %" for name, accuracy in self.accuracies.items())
            reason = f"logistic regression on frozen features, on the same folds: {found}"
            sentences = [f"Training started from the weights of {self.name}, which were chosen by {reason}."]
        return " ".join([*sentences, *([self.note] if self.note else [])])


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """The network that fine-tuning starts from, and what it gives for the N photos."""

    weights: InitialWeights
    network: EfficientNetLite
    frozen: FrozenFeatures
    baseline_accuracy: float  # out-of-fold, 0 to 1, of logistic regression on the embeddings
    baseline_c: float  # its C, the best of BASELINE_CS on the folds
    baseline_logits: Floats  # (N, K), its out-of-fold logits


def check_initial_weights(init: str, backbone: BackboneName) -> None:
    """Checks what can be checked before minutes are spent on reading photos.

    Raises:
        ModuleNotFoundError: ImageNet's weights are needed, and their package is not installed.
        UsageError: ``init`` is a model with another backbone.
        ClothierError: there is no such model, or it is damaged.
    """
    if init in (AUTO_INIT, IMAGENET):
        weights_file(backbone)
    else:
        _require_backbone(bundle.resolve(init), backbone)


def load_candidates(init: str, backbone: BackboneName, hashes: Hashes) -> Candidates:
    """The networks that ``--init`` allows for labeled photos with these (N, 2, 64) hashes, both ways.

    Raises:
        UsageError: ``init`` is a model with another backbone, or it was trained on some of the photos.
        ClothierError: there is no such model, or it is damaged.
    """
    if init == IMAGENET:
        return Candidates({IMAGENET: pretrained(backbone)})
    model = bundle.resolve(DEFAULT_MODEL if init == AUTO_INIT else init)
    name, n_known = model.metadata.name, _count_training_photos(model, hashes)
    if init == AUTO_INIT:
        reason = IN_TRAINING_SET.format(n=n_known, name=name, end="would be too good.") if n_known else ""
        if (other := backbone_of(model)) != backbone:
            reason = f"{name} was not compared, because its backbone is {other}."
        imagenet = {IMAGENET: pretrained(backbone)}
        return Candidates(imagenet, reason) if reason else Candidates({**imagenet, name: read_network(model, backbone)})
    if n_known:
        end = f"would be too good. Leave those photos out, or give --init {IMAGENET}."
        raise UsageError(IN_TRAINING_SET.format(n=n_known, name=name, end=end))
    return Candidates({name: read_network(model, backbone)})


def backbone_of(model: Bundle) -> BackboneName | None:
    """The backbone whose input a photo model has; None if it has none of them."""
    is_photo, spec = model.metadata.model == PHOTO, model.metadata.input_spec
    return next((name for name, one in BACKBONES.items() if is_photo and one.input_spec == spec), None)


def _require_backbone(model: Bundle, backbone: BackboneName) -> None:
    other = backbone_of(model)
    if other is None:
        raise UsageError(
            f"{model.path} is a {model.metadata.model} model of another backbone or input, so training cannot start "
            f"from its weights. Give {IMAGENET}, or a run of clothier train photo --backbone {backbone}."
        )
    if other != backbone:
        raise UsageError(
            f"{model.path} has the backbone {other}, so training of {backbone} cannot start from its weights. "
            f"Give --backbone {other}, or --init {IMAGENET}."
        )


def read_network(model: Bundle, backbone: BackboneName) -> EfficientNetLite:
    """The network of a photo model's ``weights.safetensors``, in float32 and in evaluation mode.

    Raises:
        UsageError: it has another backbone or another input.
        ModelError: the file is damaged, or has weights of another network.
    """
    _require_backbone(model, backbone)
    network = EfficientNetLite(backbone, len(model.metadata.classes))
    try:
        tensors = load_tensors(model.read(bundle.WEIGHTS_FILE))
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{model.weights} is damaged: {error}. {bundle.EXPORT_HINT}") from error
    expected = {name: value.shape for name, value in network.state_dict().items()}
    if {name: value.shape for name, value in tensors.items()} != expected:
        raise ModelError(f"{model.weights} has other weights than {BACKBONES[backbone].title}. {bundle.EXPORT_HINT}")
    network.load_state_dict(tensors)  # float16 is copied into float32
    return network.eval()


def _count_training_photos(model: Bundle, hashes: Hashes) -> int:
    content = model.optional_files.get(bundle.TRAINING_HASHES_FILE)
    if content is None:
        return 0
    return int(matches(hashes, read_hashes(content, model.path / bundle.TRAINING_HASHES_FILE)).sum())


def choose_start(
    run: Run,
    candidates: Candidates,
    extract: Callable[[str, EfficientNetLite], FrozenFeatures],
    table: PhotoTable,
    folds: Int64Array,
    progress: Progress,
) -> Start:
    """The candidate with the best out-of-fold accuracy; the first of equals. A resumed run keeps its choice.

    ``extract`` gives the features of the photos of ``table`` by a candidate's network.

    Raises:
        ModelError: the weights that a resumed run started from are no candidate now.
    """
    file, networks = run.path / CHOICE_FILE, candidates.networks
    earlier = from_values(InitialWeights, read_json(file), str(file)) if file.is_file() else None
    if earlier:
        if earlier.name not in networks:
            raise ModelError(f"{run.path} started from {earlier.name}, from which it cannot now. Start a new run.")
        networks = {earlier.name: networks[earlier.name]}
    accuracies: dict[str, float] = {}

    def prepared() -> Iterator[Start]:
        for name, network in networks.items():
            frozen = extract(name, network)
            baseline = _fit_baseline(frozen.embeddings, table.labels, folds, len(table.classes), progress)
            accuracies[name] = baseline[0]
            yield Start(InitialWeights(name=name), network, frozen, *baseline)

    best = max(prepared(), key=lambda start: start.baseline_accuracy)
    if earlier is None:
        chosen = InitialWeights(name=best.weights.name, accuracies=accuracies, note=candidates.note)
        atomic.write_json(file, chosen.to_json())
        progress("train photo", 0, 0, chosen.summary())
    return replace(best, weights=earlier or chosen)


def _fit_baseline(
    embeddings: Floats, labels: Labels, folds: Int64Array, n_classes: int, progress: Progress
) -> tuple[float, float, Floats]:
    """Logistic regression on frozen features: the best accuracy out of fold, its C and its logits (N, K)."""
    labeled, found = labels >= 0, []
    progress(BASELINE_TASK, 0, len(BASELINE_CS))
    for done, inverse_reg in enumerate(BASELINE_CS, 1):
        logits = np.zeros((len(labels), n_classes), np.float32)
        for train, test in split_folds(folds, labels):
            probe = fit_linear_probe(embeddings[train], labels[train], n_classes, inverse_reg)
            logits[test] = probe.logits(embeddings[test])
        found.append((float((logits[labeled].argmax(1) == labels[labeled]).mean()), inverse_reg, logits))
        progress(BASELINE_TASK, done, len(BASELINE_CS))
    return max(found, key=lambda one: one[0])  # the first of equals
