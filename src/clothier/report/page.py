"""Self-contained HTML pages, which open from disk without a network, and the model card as Markdown.

The card follows Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv 1810.03993). Model hubs read the block
at its top.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from clothier.report import formatting, reference_study
from clothier.report.captioned_figure import inline_svg
from clothier.report.figures.comparison import comparison_summary, mcnemar_summary
from clothier.report.formatting import format_percent
from clothier.report.jinja_environment import strict_environment
from clothier.report.limitations import FASHION_MNIST_NAME, limitations
from clothier.report.reference_study import CLAIMED_CLASSES, CLAIMED_F1, REFERENCE_RESULTS
from clothier.report.style import DARK, LIGHT
from clothier.selective.thresholds import attainable, classes_alone
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

    from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Provenance

MAX_FAILURES = 50  # files that were left out; a page lists no more


@cache
def jinja_env() -> jinja2.Environment:
    """Templates of ``report/templates/``, with the filters and names that they use."""
    environment = strict_environment("clothier.report", keep_trailing_newline=True)
    environment.filters.update(
        percent=format_percent,
        points=formatting.format_points,
        spread=formatting.spread_of,
        duration=formatting.format_duration,
        number="{:,}".format,
        rows=formatting.flatten,
        line=_markdown_line,
        occurring=lambda evaluation: sum(score["n"] > 0 for score in evaluation["per_class"]),
        printable=printable,
        attainable=attainable,
        classes_alone=classes_alone,
        without=lambda values, *names: {name: value for name, value in values.items() if name not in names},
    )
    environment.globals.update(
        inline_svg=lambda captioned, name: Markup(inline_svg(captioned, name)),  # noqa: S704  # the alt text is quoted
        comparison_summary=comparison_summary,
        mcnemar_summary=mcnemar_summary,
        light=LIGHT,
        dark=DARK,
        reference_study=reference_study,
        max_failures=MAX_FAILURES,
    )
    return environment


def _markdown_line(text: str) -> str:
    """``text`` in one line, without a meaning in Markdown; Jinja escapes its HTML."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", printable(text))


def render_study(
    data: DataSection, models: Sequence[ModelSection], comparisons: Sequence[ComparisonSection], provenance: Provenance
) -> str:
    """The page of a study: the data, each model, the comparisons, and for Fashion-MNIST the reference study."""
    is_fashion_mnist = data.name == FASHION_MNIST_NAME
    return _render(
        "study.html.j2",
        data.name,
        provenance,
        models,
        headline=_headline(sorted(models, key=_accuracy, reverse=True)),
        data=data,
        comparisons=comparisons,
        reference_rows=_reference_rows(models) if is_fashion_mnist else [],
        f1_claims=_f1_claims(models) if is_fashion_mnist else [],
    )


def render_exploration(data: DataSection, headline: str, provenance: Provenance) -> str:
    """The page of a data exploration under ``headline``, its main finding."""
    return _render("explore.html.j2", data.name, provenance, headline=headline, data=data)


def render_run(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The page of one model, trained and evaluated on ``dataset_name``."""
    return _render("run.html.j2", dataset_name, provenance, [model], headline=_headline([model]))


def model_card(model: ModelSection, dataset_name: str, provenance: Provenance) -> str:
    """The text of ``model_card.md``, without figures; the license is known for ``Fashion-MNIST``."""
    is_fashion_mnist = dataset_name == FASHION_MNIST_NAME
    text = _render("model_card.md.j2", dataset_name, provenance, [model], is_fashion_mnist=is_fashion_mnist)
    return f"{text.rstrip()}\n"


def _render(
    template: str, dataset_name: str, provenance: Provenance, models: Sequence[ModelSection] = (), **content: Any
) -> str:
    known = limitations(dataset_name, [(model.name, model.evaluation[1]) for model in models])
    return (
        jinja_env()
        .get_template(template)
        .render(dataset=dataset_name, provenance=provenance, models=models, limitations=known, **content)
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
        {
            "name": model.name,
            "ours": model.metrics,
            "test": model.metrics["test"],
            "reference": reference,
            "size_ratio": f"{model.metrics['parameters'] / reference.parameters:.3g}",
        }
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
