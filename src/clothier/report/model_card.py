"""The model card: what a model is, what it must not be trusted with, and how it came about, as Markdown.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv 1810.03993); the block at the top is the one that
model hubs read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clothier.report import formatting
from clothier.report.limitations import FASHION_MNIST, limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clothier.report.sections import ModelSection, Origin

MEASURES = (
    ("Macro F1", "macro_f1"),
    ("Calibration error, 15 bins", "ece"),
    ("Negative log-likelihood, nats", "nll"),
    ("Brier score, 0 to 2", "brier"),
)


def model_card(model: ModelSection, dataset: str, origin: Origin) -> str:
    """The text of ``model_card.md``.

    Args:
        model: the trained model; its figures are not needed here.
        dataset: what it was trained on; limits and licence are known for ``Fashion-MNIST``.
        origin: how to make it again.
    """
    split, found = formatting.evaluated(model.metrics)
    blocks = [
        _front_matter(dataset),
        f"# {model.name}, trained on {dataset}",
        _identity(model, found),
        "## Limits",
        "\n".join(f"- **{limit.name}.** {limit.text}" for limit in limits(dataset, [(model.name, found)])),
        "## Figures",
        f"{model.protocol} Spread: one standard error over the images; no spread over seeds.",
        _evaluations(model.metrics),
        _before_and_after(model.metrics),
        _accepted(found),
        f"On the {found['n']:,} {split} images:",
        _per_class(found),
        "## How it was trained",
        _training(model),
        _table(("setting", "value"), formatting.flattened(model.recipe)),
        "## The data and their licence",
        _data(dataset, model.metrics["data"]),
        "## Make it again",
        f"```\n{origin.command}\n```",
        _table(("environment", "value"), formatting.flattened(origin.environment)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _front_matter(dataset: str) -> str:
    lines = ["---", "library_name: clothier", "pipeline_tag: image-classification"]
    if dataset == FASHION_MNIST:
        lines += ["datasets:", "- fashion_mnist"]
    return "\n".join([*lines, "---"])


def _identity(model: ModelSection, found: Mapping[str, Any]) -> str:
    counted = [score["class"] for score in found["per_class"]]
    names = model.metrics.get("classes", counted)
    broader = "" if names == counted else f"Its figures count in {len(counted)} broader ones: {', '.join(counted)}. "
    return (
        f"A classifier of pictures into {len(names)} classes: {', '.join(names)}. {broader}"
        f"{formatting.number(model.metrics['parameters'])} parameters. It takes uint8 pictures, and its preprocessing is "
        "part of the saved model."
    )


def _evaluations(metrics: Mapping[str, Any]) -> str:
    splits = [name for name in ("test", "validation") if metrics.get(name)]
    rows = [("Images", *(formatting.number(metrics[name]["n"]) for name in splits))]
    rows += [("Accuracy", *(_spread(metrics[name]) for name in splits))]
    if any(metrics[name]["accuracy_tta"] is not None for name in splits):
        rows += [("Accuracy with test-time augmentation", *(_augmented(metrics[name]) for name in splits))]
    rows += [(label, *(f"{metrics[name][key]:.4f}" for name in splits)) for label, key in MEASURES]
    return _table(("", *splits), rows)


def _spread(found: Mapping[str, Any]) -> str:
    return f"{formatting.percent(found['accuracy'], 2)} ± {formatting.points(found['standard_error'])}"


def _augmented(found: Mapping[str, Any]) -> str:
    return "not measured" if found["accuracy_tta"] is None else formatting.percent(found["accuracy_tta"], 2)


def _before_and_after(metrics: Mapping[str, Any]) -> str:
    """What fine-tuning a photo model brought; nothing for other models."""
    both = metrics.get("before_and_after")
    if not both:
        return ""
    sides = (both["before"], both["after"])
    rows = [
        (one["name"], *(formatting.percent(one[name], 2) for name in ("accuracy", "macro_recall"))) for one in sides
    ]
    return _table((f"means of {len(both['after']['folds'])} folds", "accuracy", "macro recall"), rows)


def _accepted(found: Mapping[str, Any]) -> str:
    """Which tags need no person, where the model knows when to ask one."""
    promise = found.get("promise")
    if not promise:
        return ""
    if promise["bound"] is None:
        return "No probability proves the promise on these photos, so every tag goes to a person."
    confidence = formatting.percent(promise["confidence"], 0)
    rows = [
        (
            one["name"],
            formatting.number(one["accepted"]),
            formatting.number(one["wrong"]),
            formatting.percent(one["bound"], 1),
        )
        for one in promise["classes"]
    ]
    return (
        f"Accepted without a person: {formatting.percent(promise['coverage'], 1)} of the photos. Of those tags "
        f"{formatting.percent(promise['observed'], 1)} were wrong, and with {confidence} confidence at most "
        f"{formatting.percent(promise['bound'], 1)} are, of photos like these.\n\n"
        + _table(("class", "accepted", "wrong", f"at most, {confidence} confidence"), rows)
    ).rstrip()


def _per_class(found: Mapping[str, Any]) -> str:
    rows = [
        (score["class"], *(f"{score[key]:.3f}" for key in ("precision", "recall", "f1")), formatting.number(score["n"]))
        for score in found["per_class"]
    ]
    return _table(("class", "precision", "recall", "F1", "n"), rows)


def _training(model: ModelSection) -> str:
    metrics = model.metrics
    preset = f"Preset `{metrics['preset']}`, seed" if metrics["preset"] else "Seed"
    time = formatting.duration(metrics["train_seconds"])
    return f"{preset} {metrics['seed']}, {metrics['epochs']} epochs in {time}."


def _data(dataset: str, digests: Mapping[str, Any]) -> str:
    source = f"Trained on {dataset}; the licence is its publisher's to name."
    if dataset == FASHION_MNIST:
        source = (
            "Fashion-MNIST, © 2017 Zalando SE, MIT licence (arXiv 1708.07747, "
            "github.com/zalandoresearch/fashion-mnist)."
        )
    heads = ("photos", "") if "digest" in digests else ("file", "SHA-256, uncompressed")
    return f"{source}\n\n{_table(heads, formatting.flattened(digests))}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; nothing where there are no rows."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    head = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return "\n".join([*head, *lines]) if lines else ""
