"""Writes the tables of README.md and docs/ anew from ``benchmarks/results``, between their markers.

    python -m benchmarks.tables           writes
    python -m benchmarks.tables --check   exits 1 where a document disagrees with the results

A table stands between ``<!-- table: NAME -->`` and ``<!-- /table -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import bundle
from clothier.report.reference_study import REFERENCE_RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
RESULTS_DIR = ROOT / "benchmarks" / "results"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PUBLISHED_RESULTS = ROOT / "benchmarks" / "published_results.json"
DEFAULT_TRAIN_IMAGES = 55_000  # images that our recipes learn from where nothing else is said
CURRENT_RELEASE = "today's"  # release of Fashion-MNIST, in the anchors
KINDS = {
    "cnn": "Convolutional networks",
    "small": "Convolutional networks of at most 300,000 weights",
    "dnn": "Without convolutions; ours are fully connected, on PCA features",
}
MIN_P_VALUE = 0.001  # p-values below are not told apart
TABLE_PATTERN = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)

Row = dict[str, Any]


def main() -> None:
    """Writes every document, or checks it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a document is out of date")
    check = parser.parse_args().check
    stale = [document for document in DOCUMENTS if document.read_text() != fill_tables(document.read_text())]
    for document in () if check else stale:
        document.write_text(fill_tables(document.read_text()))
    if check and stale:
        sys.exit(f"out of date: {', '.join(one.name for one in stale)}; run python -m benchmarks.tables")


def fill_tables(text: str) -> str:
    """A document with each of its tables made anew."""
    return TABLE_PATTERN.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def load_results(name: str) -> Row:
    """One file of ``benchmarks/results``."""
    content: Row = json.loads((RESULTS_DIR / f"{name}.json").read_text())
    return content


def presets() -> str:
    """Accuracy of the original study's recipes and of the fast DNN, and their training time."""
    found = load_results("presets")
    lines = [_table_row("model", "preset", "weights", "epochs", "training, s", "test accuracy, %")]
    lines.append(_table_row(*["---"] * 2, *["---:"] * 4))
    for row in found["rows"]:
        model, preset = row["name"].split()
        name, size, epochs = model.upper(), f"{row['parameters']:,}", row["epochs"]
        accuracy = (
            f"**{_percent(row['accuracy'])}** ({_percent(row['accuracy_min'])} to {_percent(row['accuracy_max'])})"
        )
        lines.append(_table_row(name, f"`{preset}`", size, epochs, f"{row['min']:.0f}", accuracy))
        if preset == "classic":
            lines.append(
                _table_row(name, "the original study", size, epochs, "", _percent(REFERENCE_RESULTS[model].accuracy))
            )
    count = found["rows"][0]["n"]
    note = (
        f"Accuracy: mean (lowest to highest) of {count} seeds, 10,000 test images read once after training. "
        f"Seconds: the fastest of {count} on {_machine(found)}, which had other work at times."
    )
    return "\n".join([*lines, "", _with_command(note, found)])


def study() -> str:
    """What a user waits for."""
    return _process_table("study", "From the start of the process, data in place, without the map and the audit")


def explore() -> str:
    """What an exploration takes."""
    return _process_table("explore", "From the start of the process, data in place; one run")


def _process_table(name: str, protocol: str) -> str:
    """Seconds, memory and sizes of whole processes."""
    found = load_results(name)
    lines = [_table_row("what", "measured", "accuracy on test"), _table_row("---", "---:", "---")]
    for row in found["rows"]:
        accuracies = ", ".join(
            f"{model.upper()} {_percent(value)} %" for model, value in row.get("accuracies", {}).items()
        )
        lines.append(_table_row(row["name"], f"{row['median']:.3g} {row['unit']}", accuracies))
    return "\n".join([*lines, "", _with_command(f"{protocol}; {_machine(found)}.", found)])


def maps() -> str:
    """How quick and how good each map is."""
    found = load_results("map")
    rows = [row for row in found["rows"] if "knn10" in row]
    lines = [_table_row("map", "points", "seconds", "10 neighbours, %", "100 neighbours, %", "trustworthiness")]
    lines.append(_table_row("---", *["---:"] * 5))
    for row in rows:
        votes = (_percent(row[name]) for name in ("knn10", "knn100"))
        lines.append(
            _table_row(
                row["name"], f"{row['points']:,}", f"{row['median']:.1f}", *votes, f"{row['trustworthiness']:.3f}"
            )
        )
    count, ratio = rows[0]["n"], found["ratios"]["map/opentsne"]
    note = (
        f"Seconds: median of {count} ({rows[-1]['n']} of the original's); votes and trustworthiness: means. Votes are "
        "learnt from the first 60,000 points and scored on the 10,000 test images (the original's: 4,000 and 1,000). "
        f"Our map takes {ratio:.2f} of openTSNE's time: median of paired ratios, interleaved; {_machine(found)}."
    )
    return "\n".join([*lines, "", _with_command(note, found)])


def training() -> str:
    """How long each training takes, and what it is worth."""
    found = load_results("training")
    lines = [
        _table_row("training", "weights", "runs", "seconds", "test accuracy, %", "with TTA, %"),
        _table_row("---", *["---:"] * 5),
    ]
    for row in found["rows"]:
        seconds = f"{row['median']:.1f}" + (f" ({row['min']:.1f} to {row['max']:.1f})" if row["n"] > 1 else "")
        spread = f" ({_percent(row['accuracy_min'])} to {_percent(row['accuracy_max'])})" if row["n"] > 1 else ""
        augmented = "" if row["accuracy_tta"] is None else _percent(row["accuracy_tta"])
        size = "" if row["parameters"] is None else f"{row['parameters']:,}"
        lines.append(_table_row(row["name"], size, row["n"], seconds, _percent(row["accuracy"]) + spread, augmented))
    return "\n".join([*lines, "", _with_command(_training_note(found), found)])


def _training_note(results: Row) -> str:
    """The protocol of the benchmark of training, and its ratios in words."""
    told = "; ".join(_target_sentence(goal, results["ratios"]) for goal in results["goals"])
    return (
        "Seconds: median (lowest to highest), from arrays in memory to final weights, each training in a process of "
        "its own; accuracy: mean. Ours train on all 60,000 images with epochs fixed beforehand, the study on its "
        f"48,000. TTA: six views, not timed. {told}: medians of paired ratios, in turns. The fast CNN computes at "
        f"{results['ratios']['flops/peak']:.2f} of the rate of a 4096-cubed matrix product; {_machine(results)}."
    )


def _target_sentence(target: Row, ratios: Row) -> str:
    """A time to an accuracy, or how far it stayed away."""
    what = f"{_percent(target['wanted'])} % ({'with' if 'tta' in target['figure'] else 'without'} TTA)"
    if target["name"] in ratios:
        return f"{what} takes {ratios[target['name']]:.2f} of the study's time"
    return f"{what} was not reached: {_percent(target['reached'])} %"


def inference() -> str:
    """How quickly each model answers, by each way to run it."""
    found = load_results("inference")
    sides = ("eager torch", "ONNX Runtime, float32", "ONNX Runtime, int8")
    rows = {row["name"]: row for row in found["rows"]}
    lines = [_table_row("model", "run by", "1 picture, ms", "256 at a time, images/s", "test accuracy, %")]
    lines.append(_table_row(*["---"] * 2, *["---:"] * 3))
    for model in dict.fromkeys(name.split(", ")[0] for name in rows):
        for side in (side for side in sides if f"{model}, {side}, 1 picture" in rows):
            one, many = (rows[f"{model}, {side}, {pictures}"] for pictures in ("1 picture", "256 pictures"))
            accuracy = "" if one["accuracy"] is None else _percent(one["accuracy"])
            ships = f"{side} (ships)" if one["ships"] else side
            lines.append(_table_row(model, ships, f"{one['median']:.3f}", f"{many['median']:,.0f}", accuracy))
    ratios = found["ratios"]
    gains = [
        f"{model} in {kind} {ratios[f'{model} {kind} latency/torch']:.2f} of the time and "
        f"{ratios[f'{model} {kind} rate/torch']:.1f} times the rate"
        for model, kind in (("study-cnn", "float32"), ("fashion-cnn", "float32"), ("fashion-cnn", "int8"))
    ]
    note = (
        f"Medians of {found['rows'][0]['n']} turns, all from the same bytes, each side on {_machine(found)}. The "
        f"study's CNN has its first weights. By PyTorch's, as medians of paired ratios: {', '.join(gains)}."
    )
    return "\n".join([*lines, "", _with_command(note, found)])


def audit() -> str:
    """How many pictures of Fashion-MNIST are there more than once, and what that does to an accuracy."""
    found = load_results("explore")
    audited = next(row["audit"] for row in found["rows"] if row["name"] == "explore")
    duplicates, judged = audited["duplicates"], audited["reference_model"]
    lines = [_table_row("correlation of the pixels", "pairs", "test images left", f"{judged['name']} on them, %")]
    lines.append(_table_row(*["---:"] * 4))
    lines.append(_table_row("all", "", f"{judged['test']['n']:,}", _percent(judged["test"]["accuracy"])))
    for least, pairs in duplicates["pairs_by_correlation"].items():
        rest = judged["test_without_leakage"][least]
        lines.append(_table_row(f"{least} or more", f"{pairs:,}", f"{rest['n']:,}", _percent(rest["accuracy"])))
    near = duplicates["near"]
    note = (
        f"Exact copies: {duplicates['exact']['groups']}. Near duplicates are pairs of {near['correlation']} or more; "
        f"{duplicates['leaked_test_images']} test images repeat a training image so. "
        f"Standard error of each accuracy: {100 * judged['test']['standard_error']:.2f} points."
    )
    return "\n".join([*lines, "", _with_command(note, found)])


def photo() -> str:
    """What the photo model does on photographers whom the answering network never saw, by its card."""
    made = bundle.resolve("photo")
    figures, both = made.metadata.metrics["validation"], made.metadata.metrics["baseline_comparison"]
    lines = [_table_row("on photographers kept out", "frozen backbone", "`photo`"), _table_row("---", "---:", "---:")]
    for name, figure in (("accuracy, %", "accuracy"), ("macro recall, %", "macro_recall")):
        values = (_percent(both[side][figure]) for side in ("baseline", "model"))
        lines.append(_table_row(f"{name}, mean of {len(both['model']['folds'])} folds", *values))
    for name, figure in (
        ("ECE, %", "ece"),
        ("tags that are accepted, %", "coverage"),
        ("of those wrong, %", "selective_risk"),
        (f"AUROC of {figures['n_ood']} photos outside the classes, %", "novelty_auroc"),
    ):
        lines.append(_table_row(name, "", _percent(figures[figure])))
    apart, strange, *_ = load_results("selective_prediction")["rows"]
    lines.append(_table_row(f"AUROC of {strange['n']} pictures without a garment, %", "", _percent(strange["auroc"])))
    lines.append(_table_row("wrong, thresholds from four fifths of the photographers, %", "", _percent(apart["mean"])))
    size = sum(file.stat().st_size for file in made.path.iterdir()) / 1e6
    note = (
        f"{made.metadata.metrics['protocol']} {len(made.metadata.classes)} classes, counted in the table's broader words; "
        f"{made.metadata.parameters:,} weights, {size:.1f} MB. The last row is the mean of {apart['n']} splits, of which "
        f"{apart['above']} were above 5 %; {_percent(apart['coverage'])} % were accepted. Made by "
        "`python tools/make_photo_bundle.py PHOTOS` and `python -m benchmarks.selective_prediction RUN STRANGERS`.\n"
    )
    return "\n".join([*lines, "", note])


def bundles() -> str:
    """The models of Fashion-MNIST that ship, by their cards."""
    lines = [_table_row("model", "preset", "weights", "size, MB", "test accuracy, %", "with TTA, %", "ECE, %")]
    lines.append(_table_row(*["---"] * 2, *["---:"] * 5))
    for name in ("fashion-cnn", "fashion-dnn"):
        made = bundle.resolve(name)
        test = made.metadata.metrics["test"]
        size = sum(file.stat().st_size for file in made.path.iterdir()) / 1e6
        figures = (_percent(test[figure]) for figure in ("accuracy", "accuracy_tta", "ece"))
        lines.append(
            _table_row(f"`{name}`", made.metadata.preset, f"{made.metadata.parameters:,}", f"{size:.1f}", *figures)
        )
    return "\n".join([*lines, "", "10,000 test images, one seed each. Made by `python tools/make_bundles.py`.\n"])


def ablation() -> str:
    """What each trick of the CNN recipes buys."""
    found = load_results("ablation")
    lines = [_table_row("recipe", "seconds", "change", "test accuracy, %", "points", "with TTA, %")]
    lines.append(_table_row("---", *["---:"] * 5))
    for row in found["rows"]:
        preset, name = row["name"].split(": ")
        if name == "the recipe":
            whole, title, change, points = row, f"**`{preset}`**", "", ""
        else:
            change = f"{row['median'] - whole['median']:+z.1f}"
            title, points = name, f"{100 * (row['accuracy'] - whole['accuracy']):+z.2f}"
        spread = f"{_percent(row['accuracy'])} ({_percent(row['accuracy_min'])} to {_percent(row['accuracy_max'])})"
        lines.append(_table_row(title, f"{row['median']:.1f}", change, spread, points, _percent(row["accuracy_tta"])))
    first = found["rows"][0]
    note = (
        f"Seconds: median of {first['n']} rounds; change, in seconds, and points: against the whole recipe. Accuracy: "
        f"mean (lowest to highest) of {first['seeds']} seeds. TTA: six views. {_machine(found)}."
    )
    return "\n".join([*lines, "", _with_command(note, found)])


def leaderboard() -> str:
    """The most accurate networks, ours and the published ones, by kind."""
    found = load_results("leaderboard")
    anchors: list[Row] = json.loads(PUBLISHED_RESULTS.read_text())["rows"]
    ours = [row for row in found["rows"] if "kind" in row]
    head = ("network", "weights", "epochs", "core-hours", "seeds", "test, %", "with TTA, %", "protocol")
    lines = []
    for kind, title in KINDS.items():
        rows = [(row["accuracy"], _own_row(row)) for row in ours if row["kind"] == kind]
        fresh = [row for row in anchors if row["kind"] == kind and row["release"] == CURRENT_RELEASE]
        stale = [row for row in anchors if row["kind"] == kind and row["release"] != CURRENT_RELEASE]
        rows += [(row["accuracy"] / 100, _published_row(row)) for row in fresh]
        lines += ["", f"### {title}", "", _table_row(*head), _table_row("---", *["---:"] * 6, "---")]
        lines += [line for _, line in sorted(rows, key=lambda one: one[0], reverse=True)]
        lines += [_published_row(row) for row in stale]
    note = (
        "Ours, in bold: mean (lowest to highest) of their seeds, trained on 55,000 images of today's files where the "
        f"protocol names no other number, last epoch, on {_machine(found)}. What a cell leaves empty, we do not know."
    )
    return "\n".join([*lines[1:], "", _with_command(note, found)])


def _own_row(row: Row) -> str:
    spread = f" ({_percent(row['accuracy_min'])} to {_percent(row['accuracy_max'])})" if row["seeds"] > 1 else ""
    augmented = "" if row["accuracy_tta"] is None else _percent(row["accuracy_tta"])
    protocol = "learns from teachers" if row["taught_by"] else "learns from labels"
    if row["learnt"] != DEFAULT_TRAIN_IMAGES:
        protocol += f"; {row['learnt']:,} images"
    return _table_row(
        f"**{row['name']}**",
        f"{row['parameters']:,}",
        row["epochs"],
        f"{row['core_hours']:.1f}",
        row["seeds"],
        f"**{_percent(row['accuracy'])}**{spread}",
        augmented,
        protocol,
    )


def _published_row(row: Row) -> str:
    release = "" if row["release"] == CURRENT_RELEASE else f"{row['release'] or 'release not said'}; "
    protocol = f"{release}{row['chosen'] or 'choice of the epoch not said'}; {row['source']}"
    size = f"{row['parameters']:,}" if row["parameters"] else ""
    augmented = f"{row['accuracy_tta']:.2f}" if "accuracy_tta" in row else ""
    accuracies = (f"{row['accuracy']:.2f}", augmented)
    return _table_row(row["name"], size, row["epochs"] or "", "", row["seeds"] or "", *accuracies, protocol)


def mcnemar() -> str:
    """Whether two of our rows differ."""
    found = load_results("leaderboard")
    lines = [
        _table_row("first", "second", "difference, points", "95 % interval", "p"),
        _table_row("---", "---", *["---:"] * 3),
    ]
    for row in (row for row in found["rows"] if "p_value" in row):
        low, high = (f"{100 * end:+.2f}" for end in row["interval"])
        chance = "< 0.001" if row["p_value"] < MIN_P_VALUE else f"{row['p_value']:.3f}"
        lines.append(
            _table_row(row["first"], row["second"], f"{100 * row['difference']:+.2f}", f"{low} to {high}", chance)
        )
    return "\n".join([*lines, "", _with_command("10,000 test images.", found)])


TABLES: dict[str, Callable[[], str]] = {
    "presets": presets,
    "study": study,
    "explore": explore,
    "training": training,
    "map": maps,
    "inference": inference,
    "audit": audit,
    "photo": photo,
    "bundles": bundles,
    "ablation": ablation,
    "records": leaderboard,
    "paired": mcnemar,
}


def _machine(results: Row) -> str:
    cpu = results["machine"]["cpu"]
    return f"{cpu['cores_usable']} cores of {cpu['model']}"


def _with_command(note: str, results: Row) -> str:
    return f"{note} Made by `{results['command']}`.\n"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _table_row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
