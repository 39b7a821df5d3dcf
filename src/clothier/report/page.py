"""One self-contained page: opens from disk without a network, light or dark, on a phone and on paper.

What it says comes in as sections (:mod:`clothier.report.sections`); how it is set lies in ``templates/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from clothier.report import formatting
from clothier.report.captioned_figure import svg
from clothier.report.figures.comparison import significance, verdict
from clothier.report.jinja_env import typesetting
from clothier.report.limitations import FASHION_MNIST, limits
from clothier.report.reference_study import CLAIMED_CLASSES, CLAIMED_F1, CORRECTIONS, ORIGINALS, SOURCE
from clothier.report.style import DARK, LIGHT
from clothier.taxonomy import FASHION_MNIST as FASHION_CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Origin


def render_study(
    data: DataSection, models: Sequence[ModelSection], comparisons: Sequence[ComparisonSection], origin: Origin
) -> str:
    """The page of a study: the data, each of ``models``, how they compare, and the original beside them."""
    ranked = sorted(models, key=lambda model: -formatting.evaluated(model.metrics)[1]["accuracy"])
    return _render(
        "study.html.j2",
        dataset=data.name,
        headline=_headline(data.name, ranked),
        data=data,
        models=models,
        comparisons=comparisons,
        originals=_beside_the_original(models) if data.name == FASHION_MNIST else [],
        claims=_claims(models) if data.name == FASHION_MNIST else [],
        origin=origin,
    )


def render_exploration(data: DataSection, headline: str, origin: Origin) -> str:
    """The page of an exploration: the data alone, under the ``headline`` that says what was found."""
    return _render("explore.html.j2", dataset=data.name, headline=headline, models=[], data=data, origin=origin)


def render_run(model: ModelSection, dataset: str, origin: Origin) -> str:
    """The page of one run: a single model, trained and evaluated on ``dataset``."""
    headline = _headline(dataset, [model])
    return _render("run.html.j2", dataset=dataset, headline=headline, models=[model], origin=origin)


def _render(template: str, *, dataset: str, models: Sequence[ModelSection], **content: Any) -> str:
    environment = typesetting()
    environment.globals.update(
        drawn=lambda drawing, name: Markup(svg(drawing, name)),  # noqa: S704  # our own SVG, its alt text is quoted
        evaluated=formatting.evaluated,
        machine=formatting.machine,
        verdict=verdict,
        significance=significance,
        light=LIGHT,
        dark=DARK,
        corrections=CORRECTIONS,
        source=SOURCE,
    )
    found = limits(dataset, [(model.name, formatting.evaluated(model.metrics)[1]) for model in models])
    return environment.get_template(template).render(dataset=dataset, models=models, limits=found, **content)


def _headline(dataset: str, models: Sequence[ModelSection]) -> str:
    """The answer in one sentence, the best model first."""
    things = "garments" if dataset == FASHION_MNIST else "pictures"
    best, *others = models
    sentence = f"The {best.name} names {_accuracy(best)} of the {things} that it never saw"
    rest = ", ".join(f"the {model.name} {_accuracy(model)}" for model in others)
    return f"{sentence}; {rest}" if rest else sentence


def _accuracy(model: ModelSection) -> str:
    return formatting.percent(formatting.evaluated(model.metrics)[1]["accuracy"], 1)


def _beside_the_original(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """Rows of the table that sets each model beside the study's."""
    pairs = [(model, ORIGINALS.get(model.metrics["model"])) for model in models if model.metrics.get("test")]
    return [
        {"name": model.name, "ours": model.metrics, "test": model.metrics["test"], "original": original}
        for model, original in pairs
        if original
    ]


def _claims(models: Sequence[ModelSection]) -> list[dict[str, Any]]:
    """F1 of the classes that the README puts above 0.9: claimed for the DNN, printed by it, and found here."""
    ours = next((m.metrics["test"] for m in models if m.metrics["model"] == "dnn" and m.metrics.get("test")), None)
    if ours is None:
        return []
    found = {score["class"]: score["f1"] for score in ours["per_class"]}
    printed = dict(zip(FASHION_CLASSES, ORIGINALS["dnn"].f1, strict=True))
    return [
        {"class": name, "claimed": CLAIMED_F1, "printed": printed[name], "ours": found[name]}
        for name in CLAIMED_CLASSES
        if name in found
    ]
