"""What reviews tell: how often the model is right, and whether its risk guarantee still holds.

Photos that were reviewed because they are doubtful are no random sample: the model is right less often on them than on
the catalogue. So each decision has its own accuracy, and the guarantee is checked only on accepted tags that were drawn
at random (:mod:`clothier.catalogue.review.queue`), and only on reviews of the present thresholds: earlier ones may have
been used to calibrate them. The sample is drawn photo by photo, so photos of one product need no correction here.

Who reviews with filters, or skips photos, chooses among the sample, and what is chosen is no random sample. So only its
complete beginning counts, in the order of the random numbers: up to the first tag that nobody has looked at. The queue
without filters has just that order.

The intervals of decisions and classes are for one look. Whether the guarantee holds is looked at again and again while
reviews come in; that interval holds at every look.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from clothier.catalogue.review.filters import UNCALIBRATED
from clothier.catalogue.versions import base_thresholds
from clothier.errors import UsageError
from clothier.selective.error_rate import clopper_pearson, confidence_sequence
from clothier.selective.thresholds import RiskGuarantee, Thresholds, format_percent
from clothier.store.schema import ITEMS, REVIEWS, UNSEEN_DRAW, VERSIONS
from clothier.types import SHARE_ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from clothier.store import Store

CONFIDENCE_LEVEL = 0.95
DECISION_ORDER = ("accept", "review", "reject", UNCALIBRATED)
HOLDS, VIOLATED, OPEN, NONE = "holds", "violated", "open", "none"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often the model's class is the person's.

    Attributes:
        name: of the decision or class.
        n: reviewed items.
        n_correct: of them, where the model is right; never where the photo shows none of the classes.
        interval: of the accuracy, with 95 % confidence (Clopper-Pearson); None without reviews.
    """

    name: str
    n: int
    n_correct: int
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, name: str, counts: Iterable[tuple[int, int]]) -> Accuracy:
        """From numbers of items and of right ones."""
        pairs = list(counts)
        n, n_correct = sum(one for one, _ in pairs), sum(one for _, one in pairs)
        return cls(name, n, n_correct, clopper_pearson(n_correct, n, CONFIDENCE_LEVEL) if n else None)

    @property
    def accuracy(self) -> float | None:
        """0 to 1; None without reviews."""
        return self.n_correct / self.n if self.n else None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**asdict(self), "accuracy": self.accuracy}


@dataclass(frozen=True, slots=True)
class GuaranteeCheck:
    """Whether at most the guaranteed fraction of the accepted tags is wrong.

    Attributes:
        status: "holds": the interval is below the guaranteed risk. "violated": it is above. "open": neither, review
            more of the sample. "none": the thresholds have no guarantee.
        risk: the guaranteed highest fraction of wrong tags; None without a guarantee.
        n_sampled: accepted tags in the random sample.
        n: of them, reviewed, and showing one of the classes: the guarantee is on those.
        n_errors: of these, wrong.
        n_none: reviewed ones of the sample that show none of the classes.
        n_behind: reviewed ones of the sample that do not count yet, because nobody has looked at one before them.
        error_rate: ``n_errors / n``; None without reviews.
        interval: of the error rate; it holds at every look, with the confidence level of the guarantee.
        model: whose tags these are.
        thresholds: their version.
        message: all this in a sentence.
    """

    status: str
    risk: float | None
    n_sampled: int
    n: int
    n_errors: int
    n_none: int
    n_behind: int
    error_rate: float | None
    interval: tuple[float, float] | None
    model: str | None
    thresholds: str | None
    message: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ReviewStatistics:
    """What the reviews of a store tell.

    Attributes:
        n_items: items in the store.
        decisions: their number by the model's decision.
        n_reviewed: items that a person reviewed.
        reviewers: their number by the person who reviewed them last.
        by_decision: accuracy on the reviewed items of each decision, without those that were accepted all at once.
            Over all decisions it would depend on which photos were reviewed.
        by_class: accuracy on the reviewed items of each of the model's classes, the least accurate first.
        guarantee: whether it holds.
    """

    n_items: int
    decisions: dict[str, int]
    n_reviewed: int
    reviewers: dict[str, int]
    by_decision: tuple[Accuracy, ...]
    by_class: tuple[Accuracy, ...]
    guarantee: GuaranteeCheck

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        accuracies = {name: [one.to_json() for one in getattr(self, name)] for name in ("by_decision", "by_class")}
        return {**asdict(self), **accuracies, "guarantee": self.guarantee.to_json()}


def statistics(store: Store, *, share_accepted: float = SHARE_ACCEPTED) -> ReviewStatistics:
    """What the reviews tell.

    Args:
        store: of the catalogue.
        share_accepted: as the queue was given it.

    Raises:
        UsageError: the share is not between 0 and 1.
    """
    if not 0 <= share_accepted <= 1:
        raise UsageError(f"the share of accepted tags is {share_accepted}; it must be 0 to 1.")

    def work(connection: Connection) -> ReviewStatistics:
        query = select(ITEMS.c.model, ITEMS.c.thresholds, ITEMS.c.decision, func.count())
        tags = connection.execute(query.group_by(ITEMS.c.model, ITEMS.c.thresholds, ITEMS.c.decision)).all()
        decisions = {name: sum(n for *_, one, n in tags if (one or UNCALIBRATED) == name) for name in DECISION_ORDER}
        reviewers = select(ITEMS.c.reviewed_by, func.count()).where(ITEMS.c.review_id.is_not(None))
        counts = dict(
            map(tuple, connection.execute(reviewers.group_by(ITEMS.c.reviewed_by).order_by(func.count().desc())))
        )
        by_decision, by_class = _accuracies(connection)
        return ReviewStatistics(
            n_items=sum(n for *_, n in tags),
            decisions={name: n for name, n in decisions.items() if n or name != UNCALIBRATED},
            n_reviewed=sum(counts.values()),
            reviewers=counts,
            by_decision=by_decision,
            by_class=by_class,
            guarantee=_check_guarantee(connection, *_present_thresholds(tags), share_accepted),
        )

    return store.read(work)


def _accuracies(connection: Connection) -> tuple[tuple[Accuracy, ...], tuple[Accuracy, ...]]:
    """By decision, and by the model's class, as they were when the person saw the tag."""
    is_right = func.coalesce(REVIEWS.c["class"] == REVIEWS.c.model_class, False)
    query = (
        select(REVIEWS.c.decision, REVIEWS.c.model_class, is_right, func.count())
        .join(ITEMS, ITEMS.c.review_id == REVIEWS.c.review_id)
        .where(REVIEWS.c.draw != UNSEEN_DRAW)
        .group_by(REVIEWS.c.decision, REVIEWS.c.model_class, is_right)
    )
    rows = [
        (decision or UNCALIBRATED, name, n, n * bool(right)) for decision, name, right, n in connection.execute(query)
    ]
    decisions = [one for one in DECISION_ORDER if any(row[0] == one for row in rows)]
    by_decision = tuple(Accuracy.of(one, (row[2:] for row in rows if row[0] == one)) for one in decisions)
    by_class = [
        Accuracy.of(one, (row[2:] for row in rows if row[1] == one)) for one in sorted({row[1] for row in rows})
    ]
    return by_decision, tuple(sorted(by_class, key=lambda one: one.accuracy or 0.0))


def _present_thresholds(tags: Iterable[Any]) -> tuple[str | None, str | None]:
    """Model and version of the thresholds that most of the accepted tags have."""
    counts = {(model, thresholds): n for model, thresholds, decision, n in tags if decision == "accept"}
    return max(counts, key=lambda one: counts[one]) if counts else (None, None)


def _check_guarantee(connection: Connection, model: str | None, thresholds: str | None, share: float) -> GuaranteeCheck:
    base = base_thresholds(connection).get(thresholds or "", thresholds)
    card = connection.scalar(select(VERSIONS.c.card).where(VERSIONS.c.thresholds == base, VERSIONS.c.name == model))
    found = Thresholds.from_json(card["thresholds"]) if card else None
    guarantee = found.guarantee if found else None
    return _judge(guarantee, _count_sample(connection, model, thresholds, share, guarantee), model, thresholds)


@dataclass(frozen=True, slots=True)
class _Sample:
    """How many tags of the random sample are waiting, were accepted without a look, and were reviewed.

    The last four are as in :class:`GuaranteeCheck`.
    """

    n_waiting: int
    n_unseen: int
    n: int
    n_errors: int
    n_none: int
    n_behind: int


def _count_sample(
    connection: Connection, model: str | None, thresholds: str | None, share: float, guarantee: RiskGuarantee | None
) -> _Sample:
    """The sample by the present thresholds; reviews count if the item still has that review."""
    own = (REVIEWS.c.decision == "accept", REVIEWS.c.thresholds == thresholds, REVIEWS.c.model == model)
    of_tags = (ITEMS.c.draw < share, ITEMS.c.thresholds == thresholds)
    first = select(func.count(), func.min(ITEMS.c.draw)).select_from(ITEMS)
    waiting = first.where(ITEMS.c.review_id.is_(None), ITEMS.c.decision == "accept", *of_tags)
    has_review = ITEMS.c.review_id == REVIEWS.c.review_id
    unseen = first.join(REVIEWS, has_review).where(*own, *of_tags, REVIEWS.c.draw == UNSEEN_DRAW)
    (n_waiting, first_waiting), (n_unseen, first_unseen) = (connection.execute(one).one() for one in (waiting, unseen))
    end = min(one for one in (first_waiting, first_unseen, share) if one is not None)
    label, name = REVIEWS.c["class"], REVIEWS.c.model_class
    query = select(label, name, func.count(), func.count(case((REVIEWS.c.draw < end, 1)))).join(ITEMS, has_review)
    rows = connection.execute(query.where(*own, REVIEWS.c.draw < share).group_by(label, name)).all()
    parents = guarantee.counted_as if guarantee else {}
    n = sum(count for label, *_, count in rows if label is not None)
    right = sum(
        count for label, name, _, count in rows if label and parents.get(label, label) == parents.get(name, name)
    )
    return _Sample(
        n_waiting=n_waiting,
        n_unseen=n_unseen,
        n=n,
        n_errors=n - right,
        n_none=sum(count for label, *_, count in rows if label is None),
        n_behind=sum(n_all - count for *_, n_all, count in rows),
    )


def _judge(
    guarantee: RiskGuarantee | None, sample: _Sample, model: str | None, thresholds: str | None
) -> GuaranteeCheck:
    interval, status, n = None, NONE, sample.n
    if guarantee:
        interval = confidence_sequence(sample.n_errors, n, guarantee.risk, guarantee.confidence_level)
        status = HOLDS if interval[1] <= guarantee.risk else VIOLATED if interval[0] > guarantee.risk else OPEN
    elif n:
        interval = clopper_pearson(sample.n_errors, n, CONFIDENCE_LEVEL)
    return GuaranteeCheck(
        status=status,
        risk=guarantee.risk if guarantee else None,
        n_sampled=sample.n_waiting + sample.n_unseen + n + sample.n_none + sample.n_behind,
        n=n,
        n_errors=sample.n_errors,
        n_none=sample.n_none,
        n_behind=sample.n_behind,
        error_rate=sample.n_errors / n if n else None,
        interval=interval,
        model=model,
        thresholds=thresholds,
        message=_sentence(status, model, guarantee, interval, sample),
    )


def _sentence(
    status: str,
    model: str | None,
    guarantee: RiskGuarantee | None,
    interval: tuple[float, float] | None,
    sample: _Sample,
) -> str:
    found = f"{sample.n_errors:,} of {sample.n:,} reviewed tags of the random sample are wrong"
    if interval and sample.n:
        found += f" ({format_percent(round(interval[0], 3))} to {format_percent(round(interval[1], 3))})"
    if model is None:
        return "No tag is accepted, so there is no guarantee to check."
    if guarantee is None:
        return f"The model has no risk guarantee. {found}."
    limit = f"at most {format_percent(guarantee.risk)} of the accepted tags wrong"
    if status == HOLDS:
        return f"The guarantee holds ({limit}): {found}."
    if status == VIOLATED:
        return f"The guarantee does not hold any more ({limit}): {found}. Export the reviews and calibrate again."
    return f"Not decided yet whether the guarantee holds ({limit}): {found}; {'; '.join(_missing(sample))}."


def _missing(sample: _Sample) -> Iterator[str]:
    """What stands between the sample and a decision."""
    if sample.n_waiting:
        yield f"{sample.n_waiting:,} of the sample are waiting for review"
    if sample.n_unseen:
        yield f"{sample.n_unseen:,} of it were accepted all at once, and nobody has looked at them"
    if sample.n_behind:
        yield f"{sample.n_behind:,} reviewed ones do not count yet, because such tags come before them in random order"
    if not sample.n_waiting and not sample.n_unseen:
        yield "enlarge the sample"
