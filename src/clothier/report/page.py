"""One self-contained page: opens from disk without a network, light or dark, on a phone and on paper.

What it says comes in as sections (:mod:`clothier.report.sections`); how it is set lies in ``templates/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from clothier.report import formatting
from clothier.report.captioned_figure import inline_svg
from clothier.report.figures.comparison import comparison_summary, mcnemar_summary
from clothier.report.jinja_env import jinja_env
from clothier.report.limitations import FASHION_MNIST_NAME, limitations
from clothier.report.reference_study import CLAIMED_CLASSES, CLAIMED_F1, DIFFERENCES, REFERENCE_RESULTS, REFERENCE_URL
from clothier.report.style import DARK, LIGHT
from clothier.taxonomy import FASHION_MNIST_CLASSES as FASHION_CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Provenance


def render_study(
    data: DataSection, models: Sequence[ModelSection], comparisons: Sequence[ComparisonSection], provenance: Provenance
) -> str:
    """The page of a study: the data, each of ``models``, how they compare, and the original beside them."""
    ranked = sorted(models, key=lambda model: -formatting.primary_evaluation(model.metrics)[1]["accuracy"])
    return _render(
        "study.html.j2",
        dataset_name=data.name,
        headline=_headline(data.name, ranked),
        data=data,
        models=models,
        comparisons=comparisons,
        originals=_reference_rows(models) if data.name == FASHION_MNIST_NAME else [],
        claims=_f1_claims(models) if data.name == FASHION_MNIST_NAME else [],
        origin=provenance,
    )


def render_exploration(data: DataSection, headline: str, provenance: Provenance) -> str:
    """The page of an exploration: the data alone, under the ``headline`` that says what was found."""
    return _render(
        "explore.html.j2", dataset_name=data.name, headline=headline, models=[], data=data, origin=provenance
    )


def render_run(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The page of one run: a single model, trained and evaluated on ``dataset_name``."""
    headline = _headline(dataset_name, [model])
    return _render("run.html.j2", dataset_name=dataset_name, headline=headline, models=[model], origin=provenance)


def _render(template: str, *, dataset_name: str, models: Sequence[ModelSection], **content: Any) -> str:
    environment = jinja_env()
    environment.globals.update(
        drawn=lambda drawing, name: Markup(inline_svg(drawing, name)),  # noqa: S704  # our own SVG, its alt text is quoted
        evaluated=formatting.primary_evaluation,
        machine=formatting.cpu_summary,
        verdict=comparison_summary,
        significance=mcnemar_summary,
        light=LIGHT,
        dark=DARK,
        corrections=DIFFERENCES,
        source=REFERENCE_URL,
    )
    found = limitations(
        dataset_name, [(model.name, formatting.primary_evaluation(model.metrics)[1]) for model in models]
    )
    return environment.get_template(template).render(dataset=dataset_name, models=models, limits=found, **content)


def _headline(dataset_name: str, models: Sequence[ModelSection]) -> str:
    """The answer in one sentence, the best model first."""
    things = "garments" if dataset_name == FASHION_MNIST_NAME else "pictures"
    best, *others = models
    sentence = f"The {best.name} names {_format_accuracy(best)} of the {things} that it never saw"
    rest = ", ".join(f"the {model.name} {_format_accuracy(model)}" for model in others)
    return f"{sentence}; {rest}" if rest else sentence


def _format_accuracy(model: ModelSection) -> str:
    return formatting.format_percent(formatting.primary_evaluation(model.metrics)[1]["accuracy"], 1)


def _reference_rows(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """Rows of the table that sets each model beside the study's."""
    pairs = [(model, REFERENCE_RESULTS.get(model.metrics["model"])) for model in models if model.metrics.get("test")]
    return [
        {"name": model.name, "ours": model.metrics, "test": model.metrics["test"], "original": original}
        for model, original in pairs
        if original
    ]


def _f1_claims(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """F1 of the classes that the README puts above 0.9: claimed for the DNN, printed by it, and found here."""
    ours = next((m.metrics["test"] for m in models if m.metrics["model"] == "dnn" and m.metrics.get("test")), None)
    if ours is None:
        return []
    found = {score["class"]: score["f1"] for score in ours["per_class"]}
    printed = dict(zip(FASHION_CLASSES, REFERENCE_RESULTS["dnn"].f1, strict=True))
    return [
        {"class": name, "claimed": CLAIMED_F1, "printed": printed[name], "ours": found[name]}
        for name in CLAIMED_CLASSES
        if name in found
    ]
