"""The JSON of requests and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00]*$")]
Place = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
"""``next`` or ``after`` of an answer: it may hold two ids of 1,000 characters, whose base64 is longer."""
ImageUrl = Annotated[str, Field(max_length=1_000, pattern=r"^https?://[\x21-\x7e]+$")]
GivenImageUrl = Annotated[str, Field(max_length=1_000, pattern=r"^(https?://[\x21-\x7e]+)?$")]
"""As :data:`ImageUrl`, in a form that may be left empty."""
Probability = Annotated[float, Field(ge=0, le=1)]
Decision = Literal["accept", "review", "reject"]
AnyDecision = Literal["accept", "review", "reject", "uncalibrated"]
JobStatus = Literal["uploading", "waiting", "running", "done", "failed", "canceled"]


class Answer(BaseModel):
    """An answer; unknown members would be a mistake of ours."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ProblemAnswer(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:clothier:problem:busy"])
    title: str = Field(examples=["Service Unavailable"])
    status: int = Field(examples=[503])
    detail: str = Field(description="What was received, what is accepted, and what to do.")
    request_id: str | None = Field(description="As in the server's log.")


class ModelVersion(Answer):
    """The model and its thresholds."""

    name: str = Field(examples=["photo"])
    digest: str = Field(description="Of what determines the model's output.")
    thresholds: str | None = Field(description="Changes with temperature and thresholds; null without thresholds.")


class ClassProbability(Answer):
    """A class and its predicted probability."""

    class_: str = Field(alias="class", examples=["shoes"])
    probability: Probability = Field(examples=[0.98])


class GarmentColor(Answer):
    """A color of a garment."""

    name: str = Field(examples=["blue"])
    hex: str = Field(examples=["#1f3a93"])
    share: Probability


class CatalogueTest(Answer):
    """Whether the photos are unlike those from which the risk guarantee was made; then none is accepted."""

    n: int
    unlike: bool | None = Field(description="Null if they are too few to tell.")
    p_value: float | None
    share: float | None
    expected_share: float


class PredictionAnswer(Answer):
    """What the model says of a photo."""

    file: str = Field(examples=["shoe.jpg"])
    class_: str = Field(alias="class", examples=["shoes"])
    probability: Probability = Field(examples=[0.98])
    top: list[ClassProbability]
    decision: Decision | None = Field(description="Null if the model has no thresholds.")
    reason: str
    model: str
    limits: str | None = Field(None, description="What the model's limits guarantee, and what they come from.")
    code: str | None = Field(None, description="The company's code, if the server has a taxonomy.")
    colors: list[GarmentColor] | None = Field(None, description="The garment's main colors, the largest first.")
    notes: list[str] | None = Field(None, description="What was ignored or missing in the file.")
    catalogue: CatalogueTest | None = Field(None, description="Of all photos of the request together.")


class PhotoError(Answer):
    """Why there is no prediction."""

    code: str = Field(examples=["not-an-image"])
    message: str


class FailedPhoto(Answer):
    """A photo that could not be read."""

    file: str
    error: PhotoError


class ClassifyAnswer(Answer):
    """The result of each photo, in the order of the request."""

    model: ModelVersion
    results: list[PredictionAnswer | FailedPhoto]


class NeighborAnswer(Answer):
    """A photo that is like the one that was asked for."""

    item_id: str
    file: str = Field(examples=["boots/12.jpg"])
    score: float = Field(ge=-1.001, le=1.001, description="Cosine: 1 for the same photo.", examples=[0.93])
    class_: str | None = Field(alias="class", description="Of the review, or else of the model.", examples=["boot"])
    product: str | None
    color: str | None = Field(examples=["brown"])


class SimilarPhotosAnswer(Answer):
    """The neighbors of a photo, the most similar first."""

    file: str = Field(description="The photo's name, or the id of the item.", examples=["shoe.jpg"])
    neighbours: list[NeighborAnswer]
    notes: list[str] | None = Field(None, description="Filters that could not be applied, and why.")


class SimilarAnswer(Answer):
    """The neighbors of each photo, in the order of the request."""

    model: ModelVersion
    photos: int = Field(ge=1, description="Photos of the catalogue that were compared.")
    results: list[SimilarPhotosAnswer | FailedPhoto]


class ItemAnswer(Answer):
    """A tagged item: what the model says, and what a person said."""

    item_id: str
    class_: str = Field(alias="class")
    probability: float
    top: list[ClassProbability]
    code: str | None
    decision: str | None
    reason: str
    notes: str | None
    product: str
    color: str | None
    model: str
    thresholds: str | None
    tagged_at: str
    reviewed_class: str | None = Field(description="Null if not reviewed, or none of the classes.")
    reviewed_by: str | None
    reviewed_at: str | None = Field(description="Null if no person has reviewed it.")
    first_seen_at: str
    revision: int = Field(description="Give it with a review: a changed item has another.")


class ItemsAnswer(Answer):
    """A page of items."""

    items: list[ItemAnswer]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


class FileAnswer(Answer):
    """Where a photo of an item was found."""

    source: str
    file: str


class ChangeAnswer(Answer):
    """A change of an item's tag."""

    at: str
    actor: str = Field(description="A model or a person.")
    before: dict[str, Any] | None
    after: dict[str, Any]


class ItemDetail(ItemAnswer):
    """An item with its files and the history of its tag, the oldest change first."""

    files: list[FileAnswer]
    history: list[ChangeAnswer]


class JobResult(Answer):
    """What a job did."""

    n: int
    tagged: int
    failed: int
    decisions: dict[str, int]
    errors: dict[str, int] = Field(description="Photos that failed, by code.")
    catalogue: CatalogueTest | None = Field(description="Of all photos together; null if the model cannot tell.")
    warnings: list[str]
    model: str
    thresholds: str | None


class JobAnswer(Answer):
    """A job."""

    job_id: str
    status: JobStatus
    created_at: str
    started_at: str | None
    finished_at: str | None
    done: int = Field(description="Photos that were handled.")
    total: int | None = Field(description="Photos of the upload; null before they were counted.")
    result: JobResult | None
    error: str | None = Field(description="Why the job failed.")


class JobsAnswer(Answer):
    """A page of jobs, the newest first."""

    jobs: list[JobAnswer]
    next: str | None


class QueueItem(Answer):
    """An item that a person should look at."""

    item_id: str
    revision: int = Field(description="Give it with the review: a changed item has another.")
    file: str
    source: str
    product: str
    class_: str = Field(alias="class")
    probability: float
    top: list[ClassProbability]
    decision: str | None
    reason: str
    color: str | None
    is_sample: bool = Field(description="Drawn at random, to check the accepted tags.")
    reviewed_by: str | None
    reviewed_at: str | None
    reviewed_class: str | None


class QueueAnswer(Answer):
    """A page of the queue."""

    items: list[QueueItem]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


class Question(BaseModel):
    """A part of a request; unknown members are mistakes of the client."""

    model_config = ConfigDict(extra="forbid")


Revision = Annotated[int | None, Field(ge=0, le=2**31 - 1)]
ItemId = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]


class SearchedItem(Question):
    """An item of the catalogue, whose photo is compared with the others."""

    item_id: ItemId


class SeenItem(Question):
    """An item as the reviewer saw it."""

    item_id: ItemId
    revision: Revision = Field(None, description="Null to review it whatever others did.")


class JudgedItem(SeenItem):
    """An item and its right class."""

    class_: Text | None = Field(alias="class", description="Null for none of the classes.")


class ReviewFilter(Question):
    """Which items are accepted."""

    decision: AnyDecision
    class_: Text | None = Field(None, alias="class")
    color: Text | None = None
    product: Text | None = None
    source: Text | None = None
    min_probability: Probability | None = None


class _Review(Question):
    reviewer: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="A person's name; with an API key it is the key's name, and must not be given."
    )


class AcceptItems(_Review):
    """The model's class is right."""

    action: Literal["accept"]
    items: list[SeenItem] = Field(min_length=1, max_length=10_000)


class CorrectItems(_Review):
    """Another class is right."""

    action: Literal["correct"]
    items: list[JudgedItem] = Field(min_length=1, max_length=10_000)


class AcceptAll(_Review):
    """The model's class is right for all that match and nobody has reviewed.

    Of accepted tags, the random sample that the guarantee is checked on is left for the queue.
    """

    action: Literal["accept-all"]
    filter: ReviewFilter
    limit: int = Field(10_000, ge=1, le=10_000)


class UndoLast(_Review):
    """The last action of the reviewer is taken back."""

    action: Literal["undo"]


ReviewRequest = Annotated[AcceptItems | CorrectItems | AcceptAll | UndoLast, Field(discriminator="action")]


class ConflictAnswer(Answer):
    """An item that was left as it is."""

    item_id: str
    message: str


class ReviewAnswer(Answer):
    """What an action did."""

    action_id: int | None = Field(description="Null if nothing matched.")
    kind: str
    reviewer: str
    n: int = Field(description="Items that were changed.")
    item_ids: list[str]
    conflicts: list[ConflictAnswer] = Field(description="Items that were not: others changed them first.")
    n_left: int = Field(description="Accepted tags of the random sample, which accept-all left for the queue.")


class VersionAnswer(Answer):
    """A model with its thresholds."""

    version: str
    name: str
    thresholds: str | None
    status: str = Field(description="current: it tags by default. retired: it did. candidate: neither.")
    registered_at: str
    promoted_at: str | None
    promoted_by: str | None
    n_tags: int
    guarantee: dict[str, Any] | None
    user_calibrated: bool
    classes: list[str]


class ModelsAnswer(Answer):
    """The models of the store, and the one that this server uses."""

    serving: ModelVersion
    versions: list[VersionAnswer]


class Health(Answer):
    """The server runs."""

    status: Literal["ok"] = "ok"
    version: str
