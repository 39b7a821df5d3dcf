"""Self-contained HTML pages: they open from disk without a network, in light or dark, on a phone and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clothier.report.formatting import format_percent
from clothier.report.jinja_env import jinja_env
from clothier.report.limitations import FASHION_MNIST_NAME, limitations
from clothier.report.reference_study import CLAIMED_CLASSES, CLAIMED_F1, REFERENCE_RESULTS
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Provenance


def render_study(
    data: DataSection, models: Sequence[ModelSection], comparisons: Sequence[ComparisonSection], provenance: Provenance
) -> str:
    """The page of a study: the data, each model, the comparisons, and for Fashion-MNIST the reference study."""
    is_fashion_mnist = data.name == FASHION_MNIST_NAME
    return _render(
        "study.html.j2",
        data.name,
        _headline(sorted(models, key=_accuracy, reverse=True)),
        provenance,
        models,
        data=data,
        comparisons=comparisons,
        reference_rows=_reference_rows(models) if is_fashion_mnist else [],
        f1_claims=_f1_claims(models) if is_fashion_mnist else [],
    )


def render_exploration(data: DataSection, headline: str, provenance: Provenance) -> str:
    """The page of a data exploration under ``headline``, its main finding."""
    return _render("explore.html.j2", data.name, headline, provenance, data=data)


def render_run(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The page of one model, trained and evaluated on ``dataset_name``."""
    return _render("run.html.j2", dataset_name, _headline([model]), provenance, [model])


def _render(
    template: str,
    dataset_name: str,
    headline: str,
    provenance: Provenance,
    models: Sequence[ModelSection] = (),
    **content: Any,
) -> str:
    return (
        jinja_env()
        .get_template(template)
        .render(
            dataset=dataset_name,
            headline=headline,
            provenance=provenance,
            models=models,
            limitations=limitations(dataset_name, [(model.name, model.evaluation[1]) for model in models]),
            **content,
        )
    )


def _headline(models: Sequence[ModelSection]) -> str:
    """The accuracies in one sentence; the first model is the best."""
    best, *others = models
    sentence = f"The {best.name} classifies {format_percent(_accuracy(best))} of the unseen images correctly"
    return "; ".join([sentence, *(f"the {model.name} {format_percent(_accuracy(model))}" for model in others)])


def _accuracy(model: ModelSection) -> float:
    return float(model.evaluation[1]["accuracy"])


def _reference_rows(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """Rows of the table that compares each model with the reference study's."""
    pairs = [(model, REFERENCE_RESULTS.get(model.metrics["model"])) for model in models if model.metrics.get("test")]
    return [
        {"name": model.name, "ours": model.metrics, "test": model.metrics["test"], "reference": reference}
        for model, reference in pairs
        if reference
    ]


def _f1_claims(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """F1 of the classes that the README puts above 0.9: claimed for the DNN, printed by its notebook, and ours."""
    ours = next((m.metrics["test"] for m in models if m.metrics["model"] == "dnn" and m.metrics.get("test")), None)
    if ours is None:
        return []
    measured = {score["class"]: score["f1"] for score in ours["per_class"]}
    printed = dict(zip(FASHION_MNIST_CLASSES, REFERENCE_RESULTS["dnn"].f1, strict=True))
    return [
        {"class": name, "claimed": CLAIMED_F1, "printed": printed[name], "ours": measured[name]}
        for name in CLAIMED_CLASSES
        if name in measured
    ]
