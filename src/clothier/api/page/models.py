"""``/models``: which models there are, their cards and reports; promote and roll back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from clothier import bundle
from clothier.api.page.rendering import Link, redirect, render
from clothier.api.page.reports import report_response
from clothier.api.page.visits import CheckedForm, PageAdmin, PageReader
from clothier.api.responses import not_found
from clothier.api.services import Services, ServicesOf
from clothier.catalogue import versions
from clothier.catalogue.versions import CURRENT, ModelVersion, version_digest
from clothier.inference import load
from clothier.paths import is_file
from clothier.report.formatting import flatten
from clothier.selective.decisions import describe_limits
from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(include_in_schema=False)
LINK = Link("Models", "/models")
REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model of the list.

    Attributes:
        key: its version, or the name of a bundled model that is not in the store.
        card: its ``card.json``.
        is_in_use: whether this server uses it.
        limits: what its thresholds guarantee; None without thresholds.
        registered: its version in the store; None if it is not there.
        report: of its training, on this machine; None without.
    """

    key: str
    card: Mapping[str, Any]
    is_in_use: bool
    limits: str | None
    registered: ModelVersion | None
    report: Path | None

    @property
    def evaluation(self) -> Mapping[str, Any] | None:
        """Its metrics on test images, or else on validation images."""
        metrics = self.card["metrics"]
        found: Mapping[str, Any] | None = metrics.get("test") or metrics.get("validation")
        return found

    @property
    def is_current(self) -> bool:
        """Whether it tags by default."""
        return self.registered is not None and self.registered.status == CURRENT


@router.get(LINK.path)
def show_list(request: Request, caller: PageReader, services: ServicesOf) -> Response:
    """All models: the one in use first."""
    found = _models(services)
    told = None if services.settings.model is None else services.rules.model.name
    return render(
        request, "models.html", models=found, told=told, is_promoted=any(one.is_current for one in found),
    )  # fmt: skip


@router.post(f"{LINK.path}/promote")
def promote(request: Request, caller: PageAdmin, form: CheckedForm, services: ServicesOf) -> Response:
    """Makes a model the one that tags by default; a bundled one is registered first."""
    model = _find(services, str(form.get("key", "")))
    name = model.card["name"]
    version = versions.register(services.store, name, load(name)) if model.registered is None else model.key
    services.promote(version, caller.name)
    return redirect(request, LINK.path)


@router.post(f"{LINK.path}/rollback")
def roll_back(request: Request, caller: PageAdmin, form: CheckedForm, services: ServicesOf) -> Response:
    """Takes the last promotion back."""
    services.roll_back(caller.name)
    return redirect(request, LINK.path)


@router.get(f"{LINK.path}/{{key}}")
def show_card(request: Request, caller: PageReader, services: ServicesOf, key: str) -> Response:
    """The card of a model."""
    model = _find(services, key)
    return render(request, "model.html", model=model, card=model.card, settings=flatten(model.card.get("recipe", {})))


@router.get(f"{LINK.path}/{{key}}/{REPORT}")
def show_report(caller: PageReader, services: ServicesOf, key: str) -> Response:
    """The report of its training."""
    model = _find(services, key)
    if model.report is None:
        raise not_found("report of model", key)
    return report_response(model.report)


def _models(services: Services) -> list[ModelView]:
    """Those of the store, and the bundled ones that are not in it; the one in use first."""
    in_use, known = version_digest(services.rules.model), versions.cards(services.store)
    stored = [_stored(one, known[one.version], in_use) for one in versions.versions(services.store)]
    locations = {one.registered.location for one in stored if one.registered}
    others = [_bundled(name, services.served.name) for name in bundle.bundled() if name not in locations]
    return sorted([*stored, *others], key=lambda one: not one.is_in_use)


def _find(services: Services, key: str) -> ModelView:
    try:
        return next(one for one in _models(services) if one.key == key)
    except StopIteration as error:
        raise not_found("model", key) from error


def _stored(version: ModelVersion, card: Mapping[str, Any], in_use: str) -> ModelView:
    return ModelView(
        version.version, card, version.version == in_use, _limits(card), version, _find_report(version.location)
    )


@cache
def _bundled_card(name: str) -> Mapping[str, Any]:
    return bundle.resolve(name).metadata.to_json()


def _bundled(name: str, in_use: str) -> ModelView:
    card = _bundled_card(name)
    return ModelView(name, card, name == in_use, _limits(card), None, None)


def _limits(card: Mapping[str, Any]) -> str | None:
    thresholds = Thresholds.from_json(card.get("thresholds") or {})
    return describe_limits(thresholds) if thresholds else None


def _find_report(location: str) -> Path | None:
    """Beside the bundle of a run; a bundled model, or a run of another machine, has none."""
    path = Path(location)
    found = [one / REPORT for one in (path, path.parent) if path.is_absolute()]
    return next((one for one in found if is_file(one)), None)
