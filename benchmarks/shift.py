"""How often an unlike catalogue is recognized, and photographers that the model has not seen are called unlike.

    python -m benchmarks.shift FOLDER...     writes benchmarks/results/shift.json

Each FOLDER is a catalogue that is unlike the training photos of ``photo``; a ``labels.csv`` in it (``file``, ``label``)
says what is right. False alarms need no photos: the bundle has, for up to twenty photos of each training photographer,
the distance to photos of others, by networks that were trained without the photographer. A third of the photographers
is tested against the rest, in batches of several photographers and of a single one.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import make_parser, write_results
from clothier.inference import load
from clothier.inference.model import DecodedPhoto
from clothier.selective.shift import MIN_BATCH, like_statistics, shift_scores
from clothier.taxonomy import PARENT_CLASS

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.inference import Model
    from clothier.selective.shift import ShiftDetector

SIZES = (30, 100, 400)  # photos of a batch
ROUNDS, PARTS, BATCHES = 20, 3, 10  # random divisions of the photographers; parts; batches of each part
MIN_SINGLE = 10  # photos of one photographer
DRAWS = 200  # batches of 30 from each unlike catalogue
MIXED_SIZE, MIXED_SHARES = 100, (0.25, 0.5)  # photos of a batch of two catalogues, and the unlike share


def main() -> None:
    """Measures both."""
    parser = make_parser("shift", __doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    options = parser.parse_args()
    model = load("photo")
    if model.shift_detector is None:
        parser.error("the bundled model has no shift.npz")
    rows = false_alarm_rows(model.shift_detector)
    rows += [catalogue_row(model, model.shift_detector, folder) for folder in options.folders]
    write_results(options.out, "shift", rows, "FOLDER...")


def false_alarm_rows(detector: ShiftDetector) -> list[dict[str, Any]]:
    """False alarms among held-out photographers, by the size of the batch."""
    generator = np.random.default_rng(0)
    p_values: dict[str, list[tuple[float, float]]] = {}
    photographers = np.unique(detector.groups)
    for _ in range(ROUNDS):
        for held_out in np.array_split(generator.permutation(photographers), PARTS):
            rest, scores, groups = hold_out(detector, held_out)
            for n in SIZES:
                for _ in range(BATCHES):
                    order = np.concatenate([np.flatnonzero(groups == one) for one in generator.permutation(held_out)])
                    p_value = rest.p_value(float(scores[order[:n]].mean()), n)
                    p_values.setdefault(f"several photographers, {n} photos", []).append((p_value, rest.level))
            for one in held_out:
                own = scores[groups == one]
                if len(own) >= MIN_SINGLE:
                    p_value = rest.p_value(float(own.mean()), len(own))
                    p_values.setdefault("one photographer, 10 to 20 photos", []).append((p_value, rest.level))
    return [
        {
            "name": name,
            "n": len(found),
            "false_alarms": float(np.mean([p_value <= level for p_value, level in found])),
            "false_alarms_at_5_percent": float(np.mean([p_value <= 0.05 for p_value, _ in found])),
            "level": found[0][1],
        }
        for name, found in p_values.items()
    ]


def hold_out(
    detector: ShiftDetector, held_out: npt.NDArray[np.float32]
) -> tuple[ShiftDetector, npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """The detector without some photographers, and the scores and groups of their photos by it."""
    is_held_out = np.isin(detector.groups, held_out)
    like = detector.distances[~is_held_out].astype(np.float64)
    rest = replace(detector, groups=detector.groups[~is_held_out], **like_statistics(like))
    scores = shift_scores(detector.distances[is_held_out], np.sort(like, axis=0))
    return rest, scores, detector.groups[is_held_out]


def catalogue_row(model: Model, detector: ShiftDetector, folder: Path) -> dict[str, Any]:
    """What is accepted of an unlike catalogue without and with the test, and how often batches are recognized."""
    files = sorted(file for file in folder.iterdir() if file.suffix not in (".csv", ".txt"))
    photos = [one for one in map(model.decode, files) if isinstance(one, DecodedPhoto) and one.model is model]
    output = model.predict_images(np.stack([one.image for one in photos]))
    if output.shift_features is None:
        raise SystemExit("the bundled model has no early features")
    accepted = np.array([one is not None and one.decision == "accept" for one in model.decide(output)])
    shift = detector.test(output.shift_features)
    classes = [model.classes[label] for label in output.probabilities.argmax(axis=1)]
    wrong = is_wrong(folder, [Path(one.file).name for one in photos], classes)
    scores, generator = detector.score(output.shift_features), np.random.default_rng(0)
    batches = [generator.choice(scores, MIN_BATCH, replace=len(scores) < MIN_BATCH) for _ in range(DRAWS)]
    recognized = [detector.p_value(float(one.mean()), MIN_BATCH) <= detector.level for one in batches]
    like = np.asarray(detector.scores, np.float64)
    return {
        "name": folder.name,
        "n": len(photos),
        **shift.to_json(),
        "accepted_without_test": float(accepted.mean()),
        "wrong_of_accepted": None if wrong is None or not accepted.any() else float(wrong[accepted].mean()),
        "accepted": 0.0 if shift.unlike else float(accepted.mean()),
        "batches_of_30_recognized": float(np.mean(recognized)),
        "mixed_batches_recognized": {
            str(share): _mixed(detector, scores, like, share, generator) for share in MIXED_SHARES
        },
    }


def _mixed(
    detector: ShiftDetector,
    scores: npt.NDArray[np.float64],
    like: npt.NDArray[np.float64],
    share: float,
    generator: np.random.Generator,
) -> float:
    """Fraction of batches recognized that have ``share`` photos of the catalogue among like ones."""
    n = round(MIXED_SIZE * share)
    found = []
    for _ in range(DRAWS):
        parts = generator.choice(scores, n), generator.choice(like, MIXED_SIZE - n)
        found.append(detector.p_value(float(np.concatenate(parts).mean()), MIXED_SIZE) <= detector.level)
    return float(np.mean(found))


def is_wrong(folder: Path, names: list[str], classes: list[str]) -> npt.NDArray[np.bool_] | None:
    """Where the class is not the label, or its parent class; None without labels."""
    table = folder / "labels.csv"
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as file:
        labels = {row["file"]: row["label"] for row in csv.DictReader(file)}
    pairs = zip(names, classes, strict=True)
    return np.array([labels[name] not in (found, PARENT_CLASS.get(found)) for name, found in pairs])


if __name__ == "__main__":
    main()
