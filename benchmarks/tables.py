"""Generates the tables in docs/ from ``benchmarks/results``, between their markers.

    python -m benchmarks.tables           writes the documents
    python -m benchmarks.tables --check   exits with 1 when a document differs from the results

A table is between ``<!-- table: NAME -->`` and ``<!-- /table -->``.
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
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path(__file__).parent.parent
RESULTS_DIR = ROOT / "benchmarks" / "results"
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
PUBLISHED_RESULTS = ROOT / "benchmarks" / "published_results.json"
DEFAULT_TRAIN_IMAGES = 55_000  # unless a row says otherwise
CURRENT_RELEASE = "today's"  # release of Fashion-MNIST, in PUBLISHED_RESULTS
KINDS = {
    "cnn": "Convolutional networks",
    "small": "Convolutional networks of at most 300,000 parameters",
    "dnn": "Without convolutions; ours are fully connected, on PCA features",
}
MIN_P_VALUE = 0.001  # smaller p-values are printed as "< 0.001"
TABLE_PATTERN = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)

Row = dict[str, Any]


UNLIKE_CATALOGUES = {
    "bagisto": "demo shop Bagisto: worn, gray studio (a)",
    "sylius": "demo shop Sylius: worn (a)",
    "white": "development photos cut out, on white (a)",
    "grey": "cut out, on gray, mirrored (a)",
    "studio": "cut out, on a gray gradient, mirrored (a)",
    "saleor": "demo shop Saleor: transparent ground",
    "white-small": "cut out, small, on white, mirrored, JPEG quality 60",
    "beige": "cut out, on beige",
}
"""Folders of the benchmark of unlike catalogues; (a): the test was chosen on it."""


def main() -> None:
    """Writes or checks every document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a document is out of date")
    check = parser.parse_args().check
    stale = [document for document in DOCUMENTS if document.read_text() != fill_tables(document.read_text())]
    for document in () if check else stale:
        document.write_text(fill_tables(document.read_text()))
    if check and stale:
        sys.exit(f"out of date: {', '.join(one.name for one in stale)}; run: make tables")


def fill_tables(text: str) -> str:
    """A document with each of its tables generated anew."""
    return TABLE_PATTERN.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def load_results(name: str) -> Row:
    """One file of ``benchmarks/results``."""
    content: Row = json.loads((RESULTS_DIR / f"{name}.json").read_text())
    return content


def presets() -> str:
    """Accuracy and training time of the reference study's recipes and of ours."""
    results = load_results("presets")
    rows = []
    for row in results["rows"]:
        model, preset = row["name"].split()
        name, size, epochs = model.upper(), f"{row['parameters']:,}", row["epochs"]
        rows.append((name, f"`{preset}`", size, epochs, f"{row['min']:.0f}", _accuracy_range(row, bold=True)))
        if preset == "classic":
            accuracy = _percent(REFERENCE_RESULTS[model].accuracy)
            rows.append((name, "the reference study", size, epochs, "", accuracy))
    n = results["rows"][0]["n"]
    note = (
        f"Accuracy: mean (lowest to highest) of {n} seeds, 10,000 test images, read after training. "
        f"Seconds: the fastest of {n} on {_machine(results)}."
    )
    header = ("model", "preset", "parameters", "epochs", "training, s", "test accuracy, %")
    return _table(header, "llrrrr", rows, _with_command(note, results))


def study() -> str:
    """Time, memory and accuracy of the whole study."""
    return _process_table("study", "From the start of the process, data in place, with map and audit; one run each")


def explore() -> str:
    """Time and memory of an exploration."""
    return _process_table("explore", "From the start of the process, data in place; one run")


def _process_table(name: str, protocol: str) -> str:
    """Seconds, memory and file sizes of whole processes."""
    results = load_results(name)
    rows = []
    for row in results["rows"]:
        accuracies = (f"{model.upper()} {_percent(value)} %" for model, value in row.get("accuracies", {}).items())
        rows.append((row["name"], f"{row['median']:.3g} {row['unit']}", ", ".join(accuracies)))
    note = _with_command(f"{protocol}; {_machine(results)}.", results)
    return _table(("what", "measured", "accuracy on test"), "lrl", rows, note)


def maps() -> str:
    """Time and quality of each map."""
    results = load_results("map")
    rows = [
        (
            row["name"],
            f"{row['points']:,}",
            f"{row['median']:.1f}",
            *(_percent(row[name]) for name in ("knn10", "knn100")),
            f"{row['trustworthiness']:.3f}",
        )
        for row in results["rows"]
    ]
    first, last = results["rows"][0], results["rows"][-1]
    note = (
        f"Seconds: median of {first['n']} ({last['n']} for the reference study's setting); accuracy and "
        "trustworthiness: mean. k-nearest neighbors on the map are fitted on the first 60,000 points and evaluated on "
        "the 10,000 test images (the reference study's setting: 4,000 and 1,000). Our map takes "
        f"{results['ratios']['map/opentsne']:.2f} of openTSNE's time: median of paired ratios, interleaved; "
        f"{_machine(results)}."
    )
    header = ("map", "points", "seconds", "10-NN, %", "100-NN, %", "trustworthiness")
    return _table(header, "lrrrrr", rows, _with_command(note, results))


def training() -> str:
    """Time and accuracy of each training."""
    results = load_results("training")
    rows = []
    for row in results["rows"]:
        several = row["n"] > 1
        seconds = f"{row['median']:.1f}" + (f" ({row['min']:.1f} to {row['max']:.1f})" if several else "")
        accuracy = _accuracy_range(row) if several else _percent(row["accuracy"])
        size = "" if row["parameters"] is None else f"{row['parameters']:,}"
        rows.append((row["name"], size, row["n"], seconds, accuracy, _percent(row["accuracy_tta"])))
    targets = "; ".join(_target_sentence(target, results["ratios"]) for target in results["targets"])
    note = (
        "Seconds: median (lowest to highest), from arrays in memory to final weights, each training in its own "
        "process; accuracy: mean. Ours train on all 60,000 images with epochs fixed beforehand, the study on its "
        f"48,000. TTA: six augmented views, not timed. {targets}: medians of paired ratios, interleaved. The fast CNN "
        f"computes at {results['ratios']['flops/peak']:.2f} of the rate of a 4096 x 4096 matrix product; "
        f"{_machine(results)}."
    )
    header = ("training", "parameters", "runs", "seconds", "test accuracy, %", "with TTA, %")
    return _table(header, "lrrrrr", rows, _with_command(note, results))


def _target_sentence(target: Row, ratios: Row) -> str:
    """The time to an accuracy, or the accuracy that was reached instead."""
    what = f"{_percent(target['accuracy'])} % ({'with' if 'tta' in target['metric'] else 'without'} TTA)"
    if target["name"] in ratios:
        return f"{what} takes {ratios[target['name']]:.2f} of the study's time"
    return f"{what} was not reached: {_percent(target['reached'])} %"


def inference() -> str:
    """Latency and throughput of each model in each runtime."""
    results = load_results("inference")
    variants = ("eager torch", "ONNX Runtime, float32", "ONNX Runtime, int8")
    by_name = {row["name"]: row for row in results["rows"]}
    rows = []
    for model in dict.fromkeys(name.split(", ")[0] for name in by_name):
        for variant in (one for one in variants if f"{model}, {one}, 1 image" in by_name):
            one, many = (by_name[f"{model}, {variant}, {batch}"] for batch in ("1 image", "256 images"))
            title = f"{variant} (bundled)" if one["bundled"] else variant
            cells = (f"{one['median']:.3f}", f"{many['median']:,.0f}", _percent(one["accuracy"]))
            rows.append((model, title, *cells))
    ratios = results["ratios"]
    gains = [
        f"{model} in {kind} {ratios[f'{model} {kind} latency/torch']:.2f} of the time and "
        f"{ratios[f'{model} {kind} rate/torch']:.1f} times the throughput"
        for model, kind in (("study-cnn", "float32"), ("fashion-cnn", "float32"), ("fashion-cnn", "int8"))
    ]
    note = (
        f"Medians of {results['rows'][0]['n']} interleaved rounds, all from the same bytes, on {_machine(results)}. "
        "The study's CNN has its initial weights. Compared with PyTorch, as medians of paired ratios: "
        f"{', '.join(gains)}."
    )
    header = ("model", "runtime", "1 image, ms", "batches of 256, images/s", "test accuracy, %")
    return _table(header, "llrrr", rows, _with_command(note, results))


def colors() -> str:
    """How often the main color of a garment is right."""
    results = load_results("colors")

    def cell(row: Row, name: str) -> str:
        low, high = (f"{100 * end:.0f}" for end in row[f"{name}_interval"])
        return f"{100 * row[name]:.1f} ({low} to {high})"

    rows = [(row["name"], row["n"], cell(row, "acceptable"), cell(row, "main_label")) for row in results["rows"]]
    cost = max(row["milliseconds"] for row in results["rows"])
    note = (
        "With 95 % intervals. Right: one of the colors that people may name; strictly: the first of them. "
        f"{cost:.1f} ms a photo on one core of {results['machine']['cpu']['model']}, after decoding."
    )
    header = ("photos", "n", "right, %", "strictly, %")
    return _table(header, "lrrr", rows, _with_command(note, results))


def audit() -> str:
    """Duplicates in Fashion-MNIST, and the accuracy without them."""
    results = load_results("explore")
    found = next(row["audit"] for row in results["rows"] if row["name"] == "explore")
    duplicates, model = found["duplicates"], found["reference_model"]
    rows: list[tuple[object, ...]] = [("all", "", f"{model['test']['n']:,}", _percent(model["test"]["accuracy"]))]
    for correlation, pairs in duplicates["pairs_by_correlation"].items():
        rest = model["test_without_leakage"][correlation]
        rows.append((f"{correlation} or more", f"{pairs:,}", f"{rest['n']:,}", _percent(rest["accuracy"])))
    note = (
        f"Exact copies: {duplicates['exact']['groups']}. Near duplicates are pairs of "
        f"{duplicates['near']['correlation']} or more; {duplicates['leaked_test_images']} test images have one in the "
        f"training set. Standard error of each accuracy: {100 * model['test']['standard_error']:.2f} percentage points."
    )
    header = ("correlation of the pixels", "pairs", "test images left", f"accuracy of {model['name']} on them, %")
    return _table(header, "rrrr", rows, _with_command(note, results))


def photo() -> str:
    """The bundled photo model on unseen photographers, by its card."""
    found = bundle.resolve("photo")
    card = found.metadata
    validation, compared = card.metrics["validation"], card.metrics["baseline_comparison"]
    unseen, ood, *_ = load_results("selective_prediction")["rows"]
    folds, outside = len(compared["model"]["folds"]), validation["n_ood_accepted"] / validation["n_ood"]
    rows: list[tuple[object, ...]] = [
        (f"{name}, %, mean of {folds} folds", *(_percent(compared[side][metric]) for side in ("baseline", "model")))
        for name, metric in (("accuracy", "accuracy"), ("macro recall", "macro_recall"))
    ]
    rows += [
        (name, "", _percent(value))
        for name, value in (
            ("ECE, %", validation["ece"]),
            ("accepted tags, %", validation["coverage"]),
            ("of those wrong, %", validation["selective_risk"]),
            (f"accepted of {validation['n_ood']} photos outside the classes, %", outside),
            ("wrong of the accepted tags, those included, %", validation["selective_risk_open"]),
            (f"AUROC of {validation['n_ood']} photos outside the classes, %", validation["novelty_auroc"]),
            (f"AUROC of {ood['n']} images without a garment, %", ood["auroc"]),
            ("wrong, thresholds from four fifths of the photographers, %", unseen["mean"]),
        )
    ]
    note = (
        f"{card.metrics['protocol']} {len(card.classes)} classes, evaluated in the table's broader labels; "
        f"{card.parameters:,} parameters, {_megabytes(found)} MB. The last row is the mean of {unseen['n']} splits, of "
        f"which {unseen['violations']} were above 5 %; {_percent(unseen['coverage'])} % were accepted. "
        "Made by `python -m tools.make_photo_bundle PHOTOS` and "
        "`python -m benchmarks.selective_prediction RUN OOD_IMAGES`."
    )
    return _table(("on unseen photographers", "frozen backbone", "`photo`"), "lrr", rows, note)


def simulated_shops() -> str:
    """How much the photo model's weights help a shop with few labels, and how much the votes of products."""
    results = load_results("simulated_shops")
    found = {row["name"]: row for row in results["rows"]}

    def cells(name: str) -> tuple[object, ...]:
        row = found[name]
        return name.partition(", ")[0], row["n"], f"{_percent(row['accuracy'])} ± {_percent(row['std'])}"

    def gain(name: str) -> str:
        return f"{_percent(found[name]['mean'])} ± {_percent(found[name]['standard_error'])}"

    measured = [name for name in found if name.startswith("photo, ") and " - " not in name]
    rows, methods = [], dict.fromkeys(name.split(", ")[1] for name in measured)
    for start, method in ((start, method) for method in methods for start in ("imagenet", "photo")):
        name = f"{start}, {method}"
        votes = f"{name}, products - {name}, their photos"
        products = [_percent(found[f"{name}, {part}"]["accuracy"]) for part in ("their photos", "products")]
        rows.append((method, *cells(name), *products, gain(votes)))
    gains = [f"{method}: {gain(f'photo, {method} - imagenet, {method}')}" for method in methods]
    note = (
        "Accuracy on photos by other photographers: mean and standard deviation over n simulated shops of 300 photos. "
        f"Gain of `photo` over ImageNet on the same shops, percentage points and standard error: {', '.join(gains)}. "
        "Products are three photos of one class by one photographer: photos of a real product show one garment and "
        "agree more in their errors, so this gain is optimistic. Every network is of a fold that excludes the shop's "
        "photographers. The classes are nearly those of `photo`; where yours are others, expect less."
    )
    header = ("method", "weights", "n", "photos, %", "photos of products, %", "products, %", "gain by vote, points")
    return _table(header, "llrrrrr", rows, _with_command(note, results))


def false_alarms() -> str:
    """How often photographers that the model has not seen are called unlike."""
    results = load_results("shift")
    rows = [
        (row["name"], row["n"], _percent(row["false_alarms"]), _percent(row["false_alarms_at_5_percent"]))
        for row in results["rows"]
        if "false_alarms" in row
    ]
    level = next(row["level"] for row in results["rows"] if "level" in row)
    header = ("photos of unseen photographers", "batches", f"called unlike, % (level {level:.3f})", "at 0.05, %")
    return _table(header, "lrrr", rows, _with_command("20 random divisions of the photographers.", results))


def unlike_catalogues() -> str:
    """What is accepted of catalogues unlike the training photos."""
    results = load_results("shift")
    rows = [
        (
            UNLIKE_CATALOGUES.get(row["name"], row["name"]),
            row["n"],
            _percent(row["share"]),
            "" if row["p_value"] is None else f"{row['p_value']:.3f}",
            _percent(row["accepted_without_test"]),
            _percent(row["wrong_of_accepted"]),
            _percent(row["accepted"]),
            _percent(row["batches_of_30_recognized"]),
            _percent(row["mixed_batches_recognized"]["0.5"]),
        )
        for row in results["rows"]
        if "unlike" in row
    ]
    columns = ("catalogue", "n", "look unlike, %", "p", "accepted before, %", "of those wrong, %", "accepted, %")
    header = (*columns, "batches of 30 recognized, %", "100 photos, half unlike, %")
    return _table(header, "lrrrrrrrr", rows, _with_command("Recognized: p of at most 0.01.", results))


def bundles() -> str:
    """The bundled Fashion-MNIST models, by their cards."""
    rows = []
    for name in ("fashion-cnn", "fashion-dnn"):
        found = bundle.resolve(name)
        card, test = found.metadata, found.metadata.metrics["test"]
        accuracies = (_percent(test[metric]) for metric in ("accuracy", "accuracy_tta", "ece"))
        rows.append((f"`{name}`", card.preset, f"{card.parameters:,}", _megabytes(found), *accuracies))
    header = ("model", "preset", "parameters", "size, MB", "test accuracy, %", "with TTA, %", "ECE, %")
    note = "10,000 test images, one seed each. Made by `python -m tools.make_bundles`."
    return _table(header, "llrrrrr", rows, note)


def ablation() -> str:
    """What each part of the CNN recipes contributes."""
    results = load_results("ablation")
    rows = []
    for row in results["rows"]:
        preset, name = row["name"].split(": ")
        title, change, points = f"**`{preset}`**", "", ""
        if name == "full recipe":
            full = row
        else:
            title, change = name, f"{row['median'] - full['median']:+z.1f}"
            points = f"{100 * (row['accuracy'] - full['accuracy']):+z.2f}"
        seconds, augmented = f"{row['median']:.1f}", _percent(row["accuracy_tta"])
        rows.append((title, seconds, change, _accuracy_range(row), points, augmented))
    first = results["rows"][0]
    note = (
        f"Seconds: median of {first['n']} rounds; changes, in seconds and in percentage points: from the full recipe. "
        f"Accuracy: mean (lowest to highest) of {first['seeds']} seeds. TTA: the augmented views of the recipe, at "
        f"most six. {_machine(results)}."
    )
    header = ("recipe", "seconds", "change, s", "test accuracy, %", "change, points", "with TTA, %")
    return _table(header, "lrrrrr", rows, _with_command(note, results))


def leaderboard() -> str:
    """The most accurate networks, ours and published ones, by kind."""
    results = load_results("leaderboard")
    published: list[Row] = json.loads(PUBLISHED_RESULTS.read_text())["rows"]
    header = ("network", "parameters", "epochs", "core-hours", "seeds", "test, %", "with TTA, %", "protocol")
    note = _with_command(
        "Ours, in bold: mean (lowest to highest) of their seeds, trained on 55,000 images of today's files unless the "
        f"protocol says otherwise, last epoch, on {_machine(results)}. Empty cells are unknown.",
        results,
    )
    sections = []
    for kind, title in KINDS.items():
        ours = [(row["accuracy"], _own_row(row)) for row in results["rows"] if row.get("kind") == kind]
        others = [row for row in published if row["kind"] == kind]
        current = [(row["accuracy"] / 100, _published_row(row)) for row in others if row["release"] == CURRENT_RELEASE]
        rows = [row for _, row in sorted(ours + current, key=lambda one: one[0], reverse=True)]
        rows += [_published_row(row) for row in others if row["release"] != CURRENT_RELEASE]
        sections.append(f"### {title}\n\n{_table(header, 'lrrrrrrl', rows)}")
    return "\n".join([*sections, note, ""])


def _own_row(row: Row) -> tuple[object, ...]:
    protocol = "distillation" if row["teachers_digest"] else "without distillation"
    if row["train_images"] != DEFAULT_TRAIN_IMAGES:
        protocol += f"; {row['train_images']:,} images"
    several = row["seeds"] > 1
    return (
        f"**{row['name']}**",
        f"{row['parameters']:,}",
        row["epochs"],
        f"{row['core_hours']:.1f}",
        row["seeds"],
        _accuracy_range(row, bold=True) if several else f"**{_percent(row['accuracy'])}**",
        _percent(row["accuracy_tta"]),
        protocol,
    )


def _published_row(row: Row) -> tuple[object, ...]:
    release = "" if row["release"] == CURRENT_RELEASE else f"{row['release'] or 'release not stated'}; "
    protocol = f"{release}{row['chosen'] or 'choice of the epoch not stated'}; {row['source']}"
    size = f"{row['parameters']:,}" if row["parameters"] else ""
    augmented = f"{row['accuracy_tta']:.2f}" if "accuracy_tta" in row else ""
    accuracies = (f"{row['accuracy']:.2f}", augmented)
    return (row["name"], size, row["epochs"] or "", "", row["seeds"] or "", *accuracies, protocol)


def mcnemar() -> str:
    """Whether two of our rows differ."""
    results = load_results("leaderboard")
    rows = []
    for row in (row for row in results["rows"] if "p_value" in row):
        low, high = (f"{100 * end:+.2f}" for end in row["interval"])
        p = "< 0.001" if row["p_value"] < MIN_P_VALUE else f"{row['p_value']:.3f}"
        rows.append((row["first"], row["second"], f"{100 * row['difference']:+.2f}", f"{low} to {high}", p))
    header = ("first", "second", "difference, percentage points", "95 % interval", "p")
    return _table(header, "llrrr", rows, _with_command("10,000 test images.", results))


TABLES: dict[str, Callable[[], str]] = {
    "presets": presets,
    "study": study,
    "explore": explore,
    "training": training,
    "map": maps,
    "inference": inference,
    "colors": colors,
    "audit": audit,
    "photo": photo,
    "simulated_shops": simulated_shops,
    "false_alarms": false_alarms,
    "unlike_catalogues": unlike_catalogues,
    "bundles": bundles,
    "ablation": ablation,
    "leaderboard": leaderboard,
    "mcnemar": mcnemar,
}


def _table(header: Sequence[str], align: str, rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A Markdown table and its note; ``align`` has ``l`` or ``r`` for each column."""
    rule = ["---" if one == "l" else "---:" for one in align]
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (header, rule, *rows)]
    return "\n".join([*lines, "", *([note, ""] if note else [])])


def _machine(results: Row) -> str:
    cpu = results["machine"]["cpu"]
    return f"{cpu['cores_available']} cores of {cpu['model']}"


def _with_command(note: str, results: Row) -> str:
    return f"{note} Made by `{results['command']}`."


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _accuracy_range(row: Row, *, bold: bool = False) -> str:
    """Mean (lowest to highest)."""
    mean, low, high = (_percent(row[name]) for name in ("accuracy", "accuracy_min", "accuracy_max"))
    return f"{f'**{mean}**' if bold else mean} ({low} to {high})"


def _megabytes(found: bundle.Bundle) -> str:
    return f"{sum(file.stat().st_size for file in found.path.iterdir()) / 1e6:.1f}"


if __name__ == "__main__":
    main()
