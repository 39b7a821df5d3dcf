"""The model card: what a model is, what it must not be trusted with, and how it came about, as Markdown.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv 1810.03993); the block at the top is the one that
model hubs read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clothier.report import formatting
from clothier.report.limitations import FASHION_MNIST_NAME, limitations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clothier.report.sections import ModelSection, Provenance

METRIC_ROWS = (
    ("Macro F1", "macro_f1"),
    ("Calibration error, 15 bins", "ece"),
    ("Negative log-likelihood, nats", "nll"),
    ("Brier score, 0 to 2", "brier"),
)


def model_card(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The text of ``model_card.md``.

    Args:
        model: the trained model; its figures are not needed here.
        dataset_name: what it was trained on; limits and licence are known for ``Fashion-MNIST``.
        provenance: how to make it again.
    """
    split, found = formatting.primary_evaluation(model.metrics)
    blocks = [
        _front_matter(dataset_name),
        f"# {model.name}, trained on {dataset_name}",
        _model_summary(model, found),
        "## Limits",
        "\n".join(f"- **{limit.name}.** {limit.text}" for limit in limitations(dataset_name, [(model.name, found)])),
        "## Figures",
        f"{model.protocol} Spread: one standard error over the images; no spread over seeds.",
        _evaluation_table(model.metrics),
        _finetuning_table(model.metrics),
        _guarantee_table(found),
        f"On the {found['n']:,} {split} images:",
        _class_table(found),
        "## How it was trained",
        _training_summary(model),
        _markdown_table(("setting", "value"), formatting.flatten(model.recipe)),
        "## The data and their licence",
        _data_section(dataset_name, model.metrics["data"]),
        "## Make it again",
        f"```\n{provenance.command}\n```",
        _markdown_table(("environment", "value"), formatting.flatten(provenance.environment)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _front_matter(dataset_name: str) -> str:
    lines = ["---", "library_name: clothier", "pipeline_tag: image-classification"]
    if dataset_name == FASHION_MNIST_NAME:
        lines += ["datasets:", "- fashion_mnist"]
    return "\n".join([*lines, "---"])


def _model_summary(model: ModelSection, evaluation: Mapping[str, Any]) -> str:
    counted = [score["class"] for score in evaluation["per_class"]]
    names = model.metrics.get("classes", counted)
    broader = "" if names == counted else f"Its figures count in {len(counted)} broader ones: {', '.join(counted)}. "
    return (
        f"A classifier of pictures into {len(names)} classes: {', '.join(names)}. {broader}"
        f"{formatting.format_count(model.metrics['parameters'])} parameters. It takes uint8 pictures, and its preprocessing is "
        "part of the saved model."
    )


def _evaluation_table(metrics: Mapping[str, Any]) -> str:
    splits = [name for name in ("test", "validation") if metrics.get(name)]
    rows = [("Images", *(formatting.format_count(metrics[name]["n"]) for name in splits))]
    rows += [("Accuracy", *(_format_accuracy(metrics[name]) for name in splits))]
    if any(metrics[name]["accuracy_tta"] is not None for name in splits):
        rows += [("Accuracy with test-time augmentation", *(_format_tta(metrics[name]) for name in splits))]
    rows += [(label, *(f"{metrics[name][key]:.4f}" for name in splits)) for label, key in METRIC_ROWS]
    return _markdown_table(("", *splits), rows)


def _format_accuracy(evaluation: Mapping[str, Any]) -> str:
    return f"{formatting.format_percent(evaluation['accuracy'], 2)} ± {formatting.format_points(evaluation['standard_error'])}"


def _format_tta(evaluation: Mapping[str, Any]) -> str:
    return (
        "not measured"
        if evaluation["accuracy_tta"] is None
        else formatting.format_percent(evaluation["accuracy_tta"], 2)
    )


def _finetuning_table(metrics: Mapping[str, Any]) -> str:
    """What fine-tuning a photo model brought; nothing for other models."""
    both = metrics.get("baseline_comparison")
    if not both:
        return ""
    sides = (both["before"], both["after"])
    rows = [
        (one["name"], *(formatting.format_percent(one[name], 2) for name in ("accuracy", "macro_recall")))
        for one in sides
    ]
    return _markdown_table((f"means of {len(both['after']['folds'])} folds", "accuracy", "macro recall"), rows)


def _guarantee_table(evaluation: Mapping[str, Any]) -> str:
    """Which tags need no person, where the model knows when to ask one."""
    promise = evaluation.get("guarantee")
    if not promise:
        return ""
    if promise["bound"] is None:
        return "No probability proves the promise on these photos, so every tag goes to a person."
    confidence = formatting.format_percent(promise["confidence"], 0)
    rows = [
        (
            one["name"],
            formatting.format_count(one["accepted"]),
            formatting.format_count(one["wrong"]),
            formatting.format_percent(one["bound"], 1),
        )
        for one in promise["classes"]
    ]
    return (
        f"Accepted without a person: {formatting.format_percent(promise['coverage'], 1)} of the photos. Of those tags "
        f"{formatting.format_percent(promise['observed'], 1)} were wrong, and with {confidence} confidence at most "
        f"{formatting.format_percent(promise['bound'], 1)} are, of photos like these.\n\n"
        + _markdown_table(("class", "accepted", "wrong", f"at most, {confidence} confidence"), rows)
    ).rstrip()


def _class_table(evaluation: Mapping[str, Any]) -> str:
    rows = [
        (
            score["class"],
            *(f"{score[key]:.3f}" for key in ("precision", "recall", "f1")),
            formatting.format_count(score["n"]),
        )
        for score in evaluation["per_class"]
    ]
    return _markdown_table(("class", "precision", "recall", "F1", "n"), rows)


def _training_summary(model: ModelSection) -> str:
    metrics = model.metrics
    preset = f"Preset `{metrics['preset']}`, seed" if metrics["preset"] else "Seed"
    time = formatting.format_duration(metrics["train_seconds"])
    return f"{preset} {metrics['seed']}, {metrics['epochs']} epochs in {time}."


def _data_section(dataset_name: str, digests: Mapping[str, Any]) -> str:
    source = f"Trained on {dataset_name}; the licence is its publisher's to name."
    if dataset_name == FASHION_MNIST_NAME:
        source = (
            "Fashion-MNIST, © 2017 Zalando SE, MIT licence (arXiv 1708.07747, "
            "github.com/zalandoresearch/fashion-mnist)."
        )
    heads = ("photos", "") if "digest" in digests else ("file", "SHA-256, uncompressed")
    return f"{source}\n\n{_markdown_table(heads, formatting.flatten(digests))}"


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; nothing where there are no rows."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    head = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    return "\n".join([*head, *lines]) if lines else ""
