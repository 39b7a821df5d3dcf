"""The use case of ``clothier predict``: picture files in, an answer for each out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothier import bundle
from clothier.data.photos import is_garment28, read_for, view_of
from clothier.data.photos.save_input import keep
from clothier.errors import PhotoError, UsageError
from clothier.inference.predictor import UNDECIDED, Judge, open_judge
from clothier.system import usable_cores
from clothier.taxonomy import read_taxonomy
from clothier.types import DEFAULT_MODEL, ClassProbability, FailedInput, Prediction, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.selective.decisions import Verdict
    from clothier.selective.ood import Novelty
    from clothier.selective.thresholds import Thresholds
    from clothier.taxonomy import Taxonomy
    from clothier.types import Classifier, Images, Outputs, Progress

    Doubles = npt.NDArray[np.float64]

PHOTO, SMALL = "photo", "fashion-cnn"  # the shipped photo model, and who answers for 28x28 grey pictures in its place
INSTEAD = "a 28x28 grey picture is Fashion-MNIST's view, so {} answers for {}"
BATCH = 64  # pictures read before the model looks at them together


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A picture that could be read: the view of it, and who looks at that."""

    file: str
    view: Images
    judge: Judge


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted of every answer: how many classes, a company's codes, and where the views are kept."""

    top: int
    taxonomy: Taxonomy | None
    show: Path | None


class Model:
    """A trained model that answers for files: ``clothier.load("fashion-cnn").predict(["shoe.png"])``."""

    def __init__(
        self,
        classifier: Classifier,
        thresholds: Thresholds | None = None,
        novelty: Novelty | None = None,
        *,
        small: str | None = None,
    ) -> None:
        """Puts a model together.

        Args:
            classifier: what looks at pictures.
            thresholds: when to ask a person; None decides nothing.
            novelty: how strange a picture is; None cannot tell.
            small: the bundle that answers for 28x28 grey pictures in its place; None leaves none to another.
        """
        self.classifier = classifier
        self.judge = Judge(classifier, thresholds, novelty)
        self._small = small
        self._loaded: Judge | None = None

    def run(self, images: Images) -> Outputs:
        """Logits (N, K) and embeddings (N, D) of (N, H, W) or (N, H, W, 3) uint8 pictures."""
        return self.classifier.run(images)

    def predict(
        self,
        files: Sequence[str | Path],
        *,
        top: int = 3,
        taxonomy: Path | None = None,
        show: Path | None = None,
        progress: Progress = silent,
    ) -> list[Prediction | FailedInput]:
        """An answer for each file, in their order; one that cannot be read is named and the others go on.

        Args:
            files: pictures, of one garment each.
            top: how many classes to name, best first.
            taxonomy: a file with a company's own code for each class (:func:`clothier.taxonomy.read_taxonomy`).
            show: a folder that gets what the model saw of each picture, as PNG files; it is made.
            progress: told of every batch.

        Raises:
            UsageError: ``top`` is less than 1, or ``files`` is one name and no list of them.
            DataError: the taxonomy cannot be read, or is not one of the model's classes.
            StorageError: what the model saw cannot be kept.
        """
        if isinstance(files, str):
            raise UsageError(f"got the one name {files!r}; give a list of files, such as [{files!r}].")
        if top < 1:
            raise UsageError(f"top is {top}; 1 or more classes can be named.")
        codes = read_taxonomy(taxonomy, self.classifier.classes) if taxonomy else None
        asked = _Asked(top, codes, show)
        answers: list[Prediction | FailedInput] = []
        with ThreadPoolExecutor(usable_cores()) as pool:
            for start in range(0, len(files), BATCH):
                answers += self._answers(list(pool.map(self._see, files[start : start + BATCH])), asked)
                progress("predict", len(answers), len(files))
        return answers

    def _see(self, file: str | Path) -> _Seen | FailedInput:
        try:
            picture = read_for(Path(file), self.classifier.view)
        except PhotoError as error:
            return FailedInput(str(file), error.code, str(error))
        judge = self._other() if self._small and is_garment28(picture) else self.judge
        return _Seen(str(file), view_of(picture, judge.classifier.view), judge)

    def _other(self) -> Judge:
        """Who answers for 28x28 grey pictures, loaded for the first of them; by two threads twice, at worst."""
        self._loaded = self._loaded or open_judge(bundle.find(self._small or SMALL))
        return self._loaded

    def _answers(self, batch: Sequence[_Seen | FailedInput], asked: _Asked) -> list[Prediction | FailedInput]:
        """Each model looks at all of its pictures together."""
        answers: dict[int, Prediction | FailedInput] = {}
        seen: dict[Judge, dict[int, _Seen]] = {}
        for place, one in enumerate(batch):
            if isinstance(one, FailedInput):
                answers[place] = one
            else:
                seen.setdefault(one.judge, {})[place] = one
        for judge, mine in seen.items():
            instead_of = None if judge is self.judge else self.classifier.name
            found = _predictions(judge, list(mine.values()), asked, instead_of)
            answers |= zip(mine, found, strict=True)
        return [answers[place] for place in range(len(batch))]


def _predictions(judge: Judge, seen: Sequence[_Seen], asked: _Asked, instead_of: str | None) -> list[Prediction]:
    """What a model says of pictures of its view; ``instead_of`` names the one that was asked, if it is another."""
    judged = judge.judge(np.stack([one.view for one in seen]))
    rows = zip(seen, judged.probabilities, judge.verdicts(judged), strict=True)
    return [_prediction(judge.classifier, *row, asked, instead_of) for row in rows]


def _prediction(
    classifier: Classifier,
    seen: _Seen,
    probabilities: Doubles,
    verdict: Verdict | None,
    asked: _Asked,
    instead_of: str | None,
) -> Prediction:
    order = np.argsort(-probabilities, kind="stable")[: asked.top]
    top = tuple(ClassProbability(classifier.classes[i], float(probabilities[i])) for i in order)
    reason = verdict.reason if verdict else UNDECIDED
    return Prediction(
        seen.file,
        top,
        decision=verdict.decision if verdict else None,
        reason=f"{INSTEAD.format(classifier.name, instead_of)}; {reason}" if instead_of else reason,
        model=classifier.name,
        code=asked.taxonomy.code_of(top[0].name) if asked.taxonomy and not instead_of else None,
        saw=str(keep(seen.view, asked.show, seen.file)) if asked.show else None,
    )


def load(name: str = DEFAULT_MODEL) -> Model:
    """A trained model, ready to answer.

    Args:
        name: a shipped bundle's name, a run folder or a bundle's folder.

    Raises:
        UnknownNameError: neither.
        ModelError: the bundle is incomplete, altered or too new.
    """
    judge = open_judge(bundle.find(str(name)))
    small = SMALL if name == PHOTO else None
    return Model(judge.classifier, judge.thresholds, judge.novelty, small=small)


def predict(
    files: Sequence[str | Path],
    *,
    model: str = DEFAULT_MODEL,
    top: int = 3,
    taxonomy: Path | None = None,
    show: Path | None = None,
    progress: Progress = silent,
) -> list[Prediction | FailedInput]:
    """:meth:`Model.predict` of the model of that name."""
    return load(model).predict(files, top=top, taxonomy=taxonomy, show=show, progress=progress)
