"""Whether the catalogue changes: classes, confidence, photos of no class and corrected tags, by ISO week.

A week is when photos were seen first; their tags are the present ones, so all weeks are of one model as soon as a new
one has tagged all. Each week is compared with all weeks before it: the population stability index says how much a
distribution moved, the chi-square test whether that can be chance. A change counts if it is both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, exists, func, select

from clothier.catalogue.review.statistics import VIOLATED, GuaranteeCheck, statistics
from clothier.selective.error_rate import clopper_pearson
from clothier.selective.thresholds import format_percent
from clothier.selective.two_sample import homogeneity_p_value, population_stability_index
from clothier.store.schema import ACTIONS, ITEMS, REVIEWS, UNSEEN_DRAW
from clothier.types import SHARE_ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from clothier.store import Store

MIN_PHOTOS = 100  # of a week, and of all before it, for a comparison
MAX_INDEX = 0.25  # population stability index: a major change (Siddiqi 2006)
MAX_P = 0.05 / 3  # of each of the three comparisons of a week (Bonferroni)
MAX_RATIO = 2.0  # of the share of rejected photos
PROBABILITY_EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
DATE = 10  # characters of a time in the store


@dataclass(frozen=True, slots=True)
class Rate:
    """A fraction with its 95 % interval (Clopper-Pearson); both None if ``n`` is 0."""

    count: int
    n: int
    rate: float | None
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, count: int, n: int) -> Rate:
        """``count`` of ``n``."""
        return cls(count, n, count / n if n else None, clopper_pearson(count, n) if n else None)


@dataclass(frozen=True, slots=True)
class Change:
    """How a week differs from all weeks before it.

    Attributes:
        index: population stability index.
        p_value: of the chi-square test.
    """

    index: float
    p_value: float

    @classmethod
    def between(cls, before: Mapping[Any, int], after: Mapping[Any, int]) -> Change:
        """Between counts of categories."""
        names = sorted({*before, *after}, key=str)
        counts = [[one.get(name, 0) for name in names] for one in (before, after)]
        return cls(population_stability_index(*counts), homogeneity_p_value(*counts))

    @property
    def is_major(self) -> bool:
        """Whether it is both large and no chance."""
        return self.index >= MAX_INDEX and self.p_value < MAX_P


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week.

    Attributes:
        week: such as "2026-W48".
        n: photos that were seen first in it.
        classes: their number by the model's class.
        mean_probability: of these classes; None without photos.
        accepted: those whose tag is accepted.
        rejected: those that are unlike the photos of the model's classes.
        class_change: of the classes; None with too few photos in this week or before.
        probability_change: of the probabilities.
        rejected_p_value: of the difference of the rejected share.
        corrected: of all tags that were reviewed in this week, without those that were accepted all at once: those with
            another class.
        corrected_accepted: of the accepted ones among them, without those that were accepted all at once.
    """

    week: str
    n: int
    classes: dict[str, int]
    mean_probability: float | None
    accepted: Rate
    rejected: Rate
    class_change: Change | None
    probability_change: Change | None
    rejected_p_value: float | None
    corrected: Rate
    corrected_accepted: Rate


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether the catalogue changed so much that the thresholds should be calibrated again.

    Attributes:
        weeks: from the first to the last.
        reasons: why the thresholds should be calibrated again, in sentences; none if they need not.
        guarantee: the check of the risk guarantee.
        message: the result in a sentence.
    """

    weeks: tuple[Week, ...]
    reasons: tuple[str, ...]
    guarantee: GuaranteeCheck
    message: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**asdict(self), "recalibrate": bool(self.reasons)}


@dataclass(slots=True)
class _Counts:
    """What is counted of a week."""

    classes: Counter[str]
    probabilities: Counter[int]
    decisions: Counter[str | None]
    probability_sum: float = 0.0

    @classmethod
    def empty(cls) -> _Counts:
        return cls(Counter(), Counter(), Counter())

    def add(self, other: _Counts) -> None:
        self.classes += other.classes
        self.probabilities += other.probabilities
        self.decisions += other.decisions

    @property
    def n(self) -> int:
        return self.classes.total()


def drift(store: Store, *, share_accepted: float = SHARE_ACCEPTED) -> Drift:
    """Whether the catalogue changed, by week.

    Args:
        store: of the catalogue.
        share_accepted: as the review queue was given it.
    """
    photos, reviews = store.read(_count_photos), store.read(_count_reviews)
    check = statistics(store, share_accepted=share_accepted).guarantee
    weeks, before = [], _Counts.empty()
    for name in sorted({*photos, *reviews}):
        counts = photos.get(name, _Counts.empty())
        weeks.append(_week(name, counts, before, reviews.get(name, Counter())))
        before.add(counts)
    compared = [one for one in weeks if one.class_change]
    reasons = [check.message] if check.status == VIOLATED else []
    if compared:
        earlier = [one for one in weeks if one.week < compared[-1].week]
        reasons += _reasons(compared[-1], earlier)
    return Drift(tuple(weeks), tuple(reasons), check, _message(reasons, compared))


def _count_photos(connection: Connection) -> dict[str, _Counts]:
    day = func.substr(ITEMS.c.first_seen_at, 1, DATE)
    edges = enumerate(PROBABILITY_EDGES)
    bin_number = case(*((ITEMS.c.probability < edge, number) for number, edge in edges), else_=len(PROBABILITY_EDGES))
    groups = (day, ITEMS.c["class"], ITEMS.c.decision, bin_number)
    found: dict[str, _Counts] = defaultdict(_Counts.empty)
    query = select(*groups, func.count(), func.sum(ITEMS.c.probability)).group_by(*groups)
    for at, name, decision, number, n, total in connection.execute(query):
        counts = found[_week_of(at)]
        counts.classes[name] += n
        counts.decisions[decision] += n
        counts.probabilities[number] += n
        counts.probability_sum += total
    return dict(found)


def _count_reviews(connection: Connection) -> dict[str, Counter[tuple[bool, bool]]]:
    """By week, the number of reviews by whether the tag was accepted and whether the person chose another class.

    Tags that were accepted all at once are left out: nobody looked at them.
    """
    undo = ACTIONS.alias("undo")
    is_accepted = func.coalesce(REVIEWS.c.decision == "accept", False)
    is_corrected = func.coalesce(REVIEWS.c["class"] != REVIEWS.c.model_class, True)
    groups = (func.substr(ACTIONS.c.at, 1, DATE), is_accepted, is_corrected)
    query = (
        select(*groups, func.count())
        .select_from(REVIEWS)
        .join(ACTIONS, ACTIONS.c.action_id == REVIEWS.c.action_id)
        .where(~exists().where(undo.c.undoes == ACTIONS.c.action_id), REVIEWS.c.draw != UNSEEN_DRAW)
        .group_by(*groups)
    )
    found: dict[str, Counter[tuple[bool, bool]]] = defaultdict(Counter)
    for at, accepted, corrected, n in connection.execute(query):
        found[_week_of(at)][bool(accepted), bool(corrected)] += n
    return dict(found)


def _week_of(day: str) -> str:
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02}"


def _week(name: str, counts: _Counts, before: _Counts, reviews: Mapping[tuple[bool, bool], int]) -> Week:
    n, rejected = counts.n, counts.decisions["reject"]
    can_compare = min(n, before.n) >= MIN_PHOTOS
    rejected_counts = (
        {True: one.decisions["reject"], False: one.n - one.decisions["reject"]} for one in (before, counts)
    )
    by_decision = {key: reviews.get((key, True), 0) + reviews.get((key, False), 0) for key in (True, False)}
    return Week(
        week=name,
        n=n,
        classes=dict(sorted(counts.classes.items())),
        mean_probability=counts.probability_sum / n if n else None,
        accepted=Rate.of(counts.decisions["accept"], n),
        rejected=Rate.of(rejected, n),
        class_change=Change.between(before.classes, counts.classes) if can_compare else None,
        probability_change=Change.between(before.probabilities, counts.probabilities) if can_compare else None,
        rejected_p_value=Change.between(*rejected_counts).p_value if can_compare else None,
        corrected=Rate.of(reviews.get((True, True), 0) + reviews.get((False, True), 0), sum(by_decision.values())),
        corrected_accepted=Rate.of(reviews.get((True, True), 0), by_decision[True]),
    )


def _reasons(week: Week, earlier: Sequence[Week]) -> list[str]:
    """Why a week asks for a new calibration."""
    reasons = []
    for what, change in (("classes", week.class_change), ("probabilities", week.probability_change)):
        if change and change.is_major:
            reasons.append(
                f"The {what} of {week.week} differ from the weeks before (population stability index "
                f"{change.index:.2f}, p = {change.p_value:.2g}, {week.n:,} photos)."
            )
    share = sum(one.rejected.count for one in earlier) / sum(one.n for one in earlier)
    rate, p_value = week.rejected.rate or 0.0, week.rejected_p_value
    if rate > MAX_RATIO * share and p_value is not None and p_value < MAX_P:
        reasons.append(
            f"{format_percent(round(rate, 3))} of the photos of {week.week} are unlike the training photos, before "
            f"{format_percent(round(share, 3))} (p = {p_value:.2g}, {week.n:,} photos)."
        )
    return reasons


def _message(reasons: Sequence[str], compared: Sequence[Week]) -> str:
    if reasons:
        return "Review a random sample of the new photos (clothier review --random) and calibrate again."
    if not compared:
        return f"There is nothing to compare yet: a week and those before it need {MIN_PHOTOS} photos each."
    return f"{compared[-1].week} is like the weeks before: no new calibration is needed."
