"""The tables of the study: training, map, inference, audit, bundles, ablation."""

from __future__ import annotations

from benchmarks.tables.formatting import (
    Row,
    accuracy_range,
    load_results,
    machine,
    megabytes,
    percent,
    table,
    with_command,
)
from clothier import bundle
from clothier.report.reference_study import REFERENCE_RESULTS


def presets() -> str:
    """Accuracy and training time of the reference study's recipes and of ours."""
    results = load_results("presets")
    rows = []
    for row in results["rows"]:
        model, preset = row["name"].split()
        name, size, epochs = model.upper(), f"{row['parameters']:,}", row["epochs"]
        rows.append((name, f"`{preset}`", size, epochs, f"{row['min']:.0f}", accuracy_range(row, bold=True)))
        if preset == "classic":
            accuracy = percent(REFERENCE_RESULTS[model].accuracy)
            rows.append((name, "the reference study", size, epochs, "", accuracy))
    n = results["rows"][0]["n"]
    note = (
        f"Accuracy: mean (lowest to highest) of {n} seeds, 10,000 test images, read after training. "
        f"Seconds: the fastest of {n} on {machine(results)}."
    )
    header = ("model", "preset", "parameters", "epochs", "training, s", "test accuracy, %")
    return table(header, "llrrrr", rows, with_command(note, results))


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
        accuracies = (f"{model.upper()} {percent(value)} %" for model, value in row.get("accuracies", {}).items())
        rows.append((row["name"], f"{row['median']:.3g} {row['unit']}", ", ".join(accuracies)))
    note = with_command(f"{protocol}; {machine(results)}.", results)
    return table(("what", "measured", "accuracy on test"), "lrl", rows, note)


def maps() -> str:
    """Time and quality of each map."""
    results = load_results("map")
    rows = [
        (
            row["name"],
            f"{row['points']:,}",
            f"{row['median']:.1f}",
            *(percent(row[name]) for name in ("knn10", "knn100")),
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
        f"{machine(results)}."
    )
    header = ("map", "points", "seconds", "10-NN, %", "100-NN, %", "trustworthiness")
    return table(header, "lrrrrr", rows, with_command(note, results))


def training() -> str:
    """Time and accuracy of each training."""
    results = load_results("training")
    rows = []
    for row in results["rows"]:
        several = row["n"] > 1
        seconds = f"{row['median']:.1f}" + (f" ({row['min']:.1f} to {row['max']:.1f})" if several else "")
        accuracy = accuracy_range(row) if several else percent(row["accuracy"])
        size = "" if row["parameters"] is None else f"{row['parameters']:,}"
        rows.append((row["name"], size, row["n"], seconds, accuracy, percent(row["accuracy_tta"])))
    targets = "; ".join(_target_sentence(target, results["ratios"]) for target in results["targets"])
    note = (
        "Seconds: median (lowest to highest), from arrays in memory to final weights, each training in its own "
        "process; accuracy: mean. Ours train on all 60,000 images with epochs fixed beforehand, the study on its "
        f"48,000. TTA: six augmented views, not timed. {targets}: medians of paired ratios, interleaved. The fast CNN "
        f"computes at {results['ratios']['flops/peak']:.2f} of the rate of a 4096 x 4096 matrix product; "
        f"{machine(results)}."
    )
    header = ("training", "parameters", "runs", "seconds", "test accuracy, %", "with TTA, %")
    return table(header, "lrrrrr", rows, with_command(note, results))


def _target_sentence(target: Row, ratios: Row) -> str:
    """The time to an accuracy, or the accuracy that was reached instead."""
    what = f"{percent(target['accuracy'])} % ({'with' if 'tta' in target['metric'] else 'without'} TTA)"
    if target["name"] in ratios:
        return f"{what} takes {ratios[target['name']]:.2f} of the study's time"
    return f"{what} was not reached: {percent(target['reached'])} %"


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
            cells = (f"{one['median']:.3f}", f"{many['median']:,.0f}", percent(one["accuracy"]))
            rows.append((model, title, *cells))
    ratios = results["ratios"]
    gains = [
        f"{model} in {kind} {ratios[f'{model} {kind} latency/torch']:.2f} of the time and "
        f"{ratios[f'{model} {kind} rate/torch']:.1f} times the throughput"
        for model, kind in (("study-cnn", "float32"), ("fashion-cnn", "float32"), ("fashion-cnn", "int8"))
    ]
    note = (
        f"Medians of {results['rows'][0]['n']} interleaved rounds, all from the same bytes, on {machine(results)}. "
        "The study's CNN has its initial weights. Compared with PyTorch, as medians of paired ratios: "
        f"{', '.join(gains)}."
    )
    header = ("model", "runtime", "1 image, ms", "batches of 256, images/s", "test accuracy, %")
    return table(header, "llrrr", rows, with_command(note, results))


def audit() -> str:
    """Duplicates in Fashion-MNIST, and the accuracy without them."""
    results = load_results("explore")
    found = next(row["audit"] for row in results["rows"] if row["name"] == "explore")
    duplicates, model = found["duplicates"], found["reference_model"]
    rows: list[tuple[object, ...]] = [("all", "", f"{model['test']['n']:,}", percent(model["test"]["accuracy"]))]
    for correlation, pairs in duplicates["pairs_by_correlation"].items():
        rest = model["test_without_leakage"][correlation]
        rows.append((f"{correlation} or more", f"{pairs:,}", f"{rest['n']:,}", percent(rest["accuracy"])))
    note = (
        f"Exact copies: {duplicates['exact']['groups']}. Near duplicates are pairs of "
        f"{duplicates['near']['correlation']} or more; {duplicates['leaked_test_images']} test images have one in the "
        f"training set. Standard error of each accuracy: {100 * model['test']['standard_error']:.2f} percentage points."
    )
    header = ("correlation of the pixels", "pairs", "test images left", f"accuracy of {model['name']} on them, %")
    return table(header, "rrrr", rows, with_command(note, results))


def bundles() -> str:
    """The bundled Fashion-MNIST models, by their cards."""
    rows = []
    for name in ("fashion-cnn", "fashion-dnn"):
        found = bundle.resolve(name)
        card, test = found.metadata, found.metadata.metrics["test"]
        accuracies = (percent(test[metric]) for metric in ("accuracy", "accuracy_tta", "ece"))
        rows.append((f"`{name}`", card.preset, f"{card.parameters:,}", megabytes(found), *accuracies))
    header = ("model", "preset", "parameters", "size, MB", "test accuracy, %", "with TTA, %", "ECE, %")
    note = "10,000 test images, one seed each. Made by `python -m tools.make_bundles`."
    return table(header, "llrrrrr", rows, note)


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
            title, points = name, f"{100 * (row['accuracy'] - full['accuracy']):+z.2f}"
            change = f"{row['median'] - full['median']:+z.1f}" if "median" in row else ""
        seconds = f"{row['median']:.1f}" if "median" in row else ""
        rows.append((title, seconds, change, accuracy_range(row), points, percent(row["accuracy_tta"])))
    first = results["rows"][0]
    rounds = max(row.get("n", 0) for row in results["rows"])
    note = (
        f"Seconds: median of {rounds} rounds; changes, in seconds and in percentage points: from the full recipe. "
        f"Accuracy: mean (lowest to highest) of {first['seeds']} seeds. TTA: the augmented views of the recipe, at "
        f"most six. {machine(results)}."
    )
    header = ("recipe", "seconds", "change, s", "test accuracy, %", "change, points", "with TTA, %")
    return table(header, "lrrrrr", rows, with_command(note, results))
