"""``/v1/models``: which models there are, and which one tags."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from clothier.api import examples
from clothier.api.access import Admin, Reader
from clothier.api.problems import Problem
from clothier.api.responses import answers, model_version, not_found
from clothier.api.schemas import ModelsAnswer
from clothier.api.services import Services, ServicesOf
from clothier.catalogue.versions import versions
from clothier.errors import UnknownNameError, UsageError

router = APIRouter(tags=["models"])


@router.get("/v1/models", response_model=ModelsAnswer, responses=answers(examples.MODELS))
def get_models(caller: Reader, services: ServicesOf) -> Any:
    """The models that were used or registered in the store, the newest first, and the one that this server uses."""
    return _models(services)


@router.post("/v1/models/rollback", response_model=ModelsAnswer, responses=answers(examples.MODELS, 409))
def roll_back_model(caller: Admin, services: ServicesOf) -> Any:
    """Takes the last promotion back. Servers that were started without a model follow within seconds."""
    try:
        services.roll_back(caller.name)
    except UsageError as error:
        raise Problem(409, "nothing-to-roll-back", str(error)) from error
    return _models(services)


@router.post("/v1/models/{version}/promote", response_model=ModelsAnswer, responses=answers(examples.MODELS, 404, 409))
def promote_model(
    caller: Admin, services: ServicesOf, version: Annotated[str, Path(max_length=64, pattern=r"^[0-9a-f]*$")]
) -> Any:
    """Makes a version the one that tags by default. Servers that were started without a model follow within seconds."""
    try:
        services.promote(version, caller.name)
    except UnknownNameError as error:
        raise not_found("version", version) from error
    except UsageError as error:
        raise Problem(409, "current-already", str(error)) from error
    return _models(services)


def _models(services: Services) -> dict[str, Any]:
    found = [one.to_json() for one in versions(services.store)]
    shown = [{name: value for name, value in one.items() if name != "location"} for one in found]  # it is a path here
    return {"serving": model_version(services.rules), "versions": shown}
