"""The tables of the photo model: accuracy, colors, shops with few labels, unlike catalogues."""

from __future__ import annotations

from benchmarks.tables.formatting import Row, load_results, megabytes, percent, table, with_command
from clothier import bundle

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


def photo() -> str:
    """The bundled photo model on unseen photographers, by its card."""
    found = bundle.resolve("photo")
    card = found.metadata
    validation, compared = card.metrics["validation"], card.metrics["baseline_comparison"]
    unseen, ood, *_ = load_results("selective_prediction")["rows"]
    folds, outside = len(compared["model"]["folds"]), validation["n_ood_accepted"] / validation["n_ood"]
    rows: list[tuple[object, ...]] = [
        (f"{name}, %, mean of {folds} folds", *(percent(compared[side][metric]) for side in ("baseline", "model")))
        for name, metric in (("accuracy", "accuracy"), ("macro recall", "macro_recall"))
    ]
    rows += [
        (name, "", percent(value))
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
        f"{card.parameters:,} parameters, {megabytes(found)} MB. The last row is the mean of {unseen['n']} splits, of "
        f"which {unseen['violations']} were above 5 %; {percent(unseen['coverage'])} % were accepted. "
        "Made by `python -m tools.make_photo_bundle PHOTOS` and "
        "`python -m benchmarks.selective_prediction RUN OOD_IMAGES`."
    )
    return table(("on unseen photographers", "frozen backbone", "`photo`"), "lrr", rows, note)


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
    return table(header, "lrrr", rows, with_command(note, results))


def simulated_shops() -> str:
    """How much the photo model's weights help a shop with few labels, and how much the votes of products."""
    results = load_results("simulated_shops")
    found = {row["name"]: row for row in results["rows"]}

    def cells(name: str) -> tuple[object, ...]:
        row = found[name]
        return name.partition(", ")[0], row["n"], f"{percent(row['accuracy'])} ± {percent(row['std'])}"

    def gain(name: str) -> str:
        return f"{percent(found[name]['mean'])} ± {percent(found[name]['standard_error'])}"

    measured = [name for name in found if name.startswith("photo, ") and " - " not in name]
    rows, methods = [], dict.fromkeys(name.split(", ")[1] for name in measured)
    for start, method in ((start, method) for method in methods for start in ("imagenet", "photo")):
        name = f"{start}, {method}"
        votes = f"{name}, products - {name}, their photos"
        products = [percent(found[f"{name}, {part}"]["accuracy"]) for part in ("their photos", "products")]
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
    return table(header, "llrrrrr", rows, with_command(note, results))


def false_alarms() -> str:
    """How often photographers that the model has not seen are called unlike."""
    results = load_results("shift")
    rows = [
        (row["name"], row["n"], percent(row["false_alarms"]), percent(row["false_alarms_at_5_percent"]))
        for row in results["rows"]
        if "false_alarms" in row
    ]
    level = next(row["level"] for row in results["rows"] if "level" in row)
    header = ("photos of unseen photographers", "batches", f"called unlike, % (level {level:.3f})", "at 0.05, %")
    return table(header, "lrrr", rows, with_command("20 random divisions of the photographers.", results))


def unlike_catalogues() -> str:
    """What is accepted of catalogues unlike the training photos."""
    results = load_results("shift")
    rows = [
        (
            UNLIKE_CATALOGUES.get(row["name"], row["name"]),
            row["n"],
            percent(row["share"]),
            "" if row["p_value"] is None else f"{row['p_value']:.3f}",
            percent(row["accepted_without_test"]),
            percent(row["wrong_of_accepted"]),
            percent(row["accepted"]),
            percent(row["batches_of_30_recognized"]),
            percent(row["mixed_batches_recognized"]["0.5"]),
        )
        for row in results["rows"]
        if "unlike" in row
    ]
    columns = ("catalogue", "n", "look unlike, %", "p", "accepted before, %", "of those wrong, %", "accepted, %")
    header = (*columns, "batches of 30 recognized, %", "100 photos, half unlike, %")
    return table(header, "lrrrrrrrr", rows, with_command("Recognized: p of at most 0.01.", results))
