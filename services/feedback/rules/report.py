"""Compiles the report of a cycle from plain facts.

The funnel counts people and pairs, and is always shown. What people said is shown only as far as the gate of figures
lets it pass (`shared/suppression.py`); otherwise `suppressed` is true and the figures are null. The report contains no
person, no pair and no free text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from shared.contracts.base import Contract
from shared.contracts.feedback import Obstacle
from shared.contracts.matching import MatchingSummary, PairState, PairSummary, Side
from shared.contracts.programs import Outcome
from shared.contracts.rounds import RoundCounts, RoundKind
from shared.suppression import hidden_cells, hidden_sides, is_small, share_is_told, told_mean


class CheckInFact(NamedTuple):
    person_id: UUID
    side: Side
    met: bool
    usefulness: int | None
    obstacle: str


class SurveyFact(NamedTuple):
    person_id: UUID
    side: Side
    usefulness: int
    would_repeat: bool


class RoundFact(NamedTuple):
    counts: RoundCounts
    people: int
    """How many different people were asked. `counts.recipients` counts the answers that were asked for."""


class Funnel(Contract):
    """How many people and pairs reached each step of the cycle. Each person is counted once."""

    people_enrolled: int
    people_matched: int
    people_active: int
    people_completed: int
    pairs_offered: int
    pairs_active: int
    pairs_completed: int
    pairs_ended: int


class ResponseRate(Contract):
    kind: RoundKind
    number: int
    recipients: int | None
    """How many answers were asked for."""
    answered: int | None
    rate: float | None
    """`answered` divided by `recipients`, 0 to 1."""
    suppressed: bool = False


class Mean(Contract):
    """The mean usefulness, 1 to 5, of all answers. `people` says how many people gave them; for check-ins it is null
    where it would tell how many did not meet."""

    mean: float | None
    people: int | None
    suppressed: bool = False
    bound: Literal["or_more", "or_less"] | None = None
    """`or_more`: the mean is 4.5 or more. `or_less`: it is 1.5 or less. Null: it is exact."""


class SideMeans(Contract):
    mentor: Mean
    mentee: Mean


class Usefulness(Contract):
    check_ins: SideMeans
    survey: SideMeans


class Share(Contract):
    """A share of all answers, 0 to 1. `people` says how many people gave them. It is shown only if at least five people
    said yes and at least five people said no."""

    share: float | None
    people: int | None
    suppressed: bool = False


class ObstacleCount(Contract):
    obstacle: Obstacle
    people: int | None
    """How many people named it at least once."""
    suppressed: bool = False


class TopicCount(Contract):
    topic: str
    pairs: int | None
    people: int | None
    suppressed: bool = False


class Report(Contract):
    outcome: Outcome
    funnel: Funnel
    rounds: tuple[ResponseRate, ...]
    usefulness: Usefulness
    would_repeat: Share
    """The survey answers that say "I would take part again"."""
    meetings_held: Share
    """The check-ins that say that the pair met."""
    obstacles: tuple[ObstacleCount, ...]
    topics: tuple[TopicCount, ...]


def compile_report(
    outcome: Outcome,
    summary: MatchingSummary,
    rounds: Sequence[RoundFact],
    pairs: Iterable[PairSummary],
    check_ins: Sequence[CheckInFact],
    surveys: Sequence[SurveyFact],
) -> Report:
    meetings_held = _share([(c.person_id, c.met) for c in check_ins])
    ratings = [(c.side, c.person_id, c.usefulness) for c in check_ins if c.usefulness is not None]
    return Report(
        outcome=outcome,
        funnel=_funnel(summary),
        rounds=tuple(_response_rate(fact) for fact in rounds),
        usefulness=Usefulness(
            check_ins=_side_means(ratings, counted=not meetings_held.suppressed),
            survey=_side_means([(s.side, s.person_id, s.usefulness) for s in surveys]),
        ),
        would_repeat=_share([(s.person_id, s.would_repeat) for s in surveys]),
        meetings_held=meetings_held,
        obstacles=_obstacles(check_ins),
        topics=_topics(pairs),
    )


def told_again(report: Report) -> Report:
    """A report that an earlier version stored, by the rule of this one. Its shares are hidden, because nobody can tell
    any more how many people stood on each side."""
    usefulness = report.usefulness
    means = {
        "check_ins": _means_again(usefulness.check_ins, counted=False),
        "survey": _means_again(usefulness.survey, counted=True),
    }
    hidden = Share(share=None, people=None, suppressed=True)
    changed = {"usefulness": Usefulness(**means), "would_repeat": hidden, "meetings_held": hidden}
    return report.model_copy(update=changed)


def _means_again(means: SideMeans, *, counted: bool) -> SideMeans:
    def again(mean: Mean) -> Mean:
        if mean.mean is None:
            return mean
        told, bound = told_mean(mean.mean)
        return Mean(mean=told, people=mean.people if counted else None, bound=bound)

    return SideMeans(mentor=again(means.mentor), mentee=again(means.mentee))


def _funnel(summary: MatchingSummary) -> Funnel:
    return Funnel(
        people_enrolled=summary.enrolled,
        people_matched=summary.matched,
        people_active=summary.active,
        people_completed=summary.completed,
        pairs_offered=summary.pairs_offered,
        pairs_active=summary.pairs_active,
        pairs_completed=summary.pairs_completed,
        pairs_ended=summary.pairs_ended,
    )


def _response_rate(fact: RoundFact) -> ResponseRate:
    counts = fact.counts
    if is_small(fact.people):
        return ResponseRate(
            kind=counts.kind, number=counts.number, recipients=None, answered=None, rate=None, suppressed=True
        )
    return ResponseRate(
        kind=counts.kind,
        number=counts.number,
        recipients=counts.recipients,
        answered=counts.answered,
        rate=round(counts.answered / counts.recipients, 3),
    )


def _side_means(answers: Sequence[tuple[Side, UUID, int]], *, counted: bool = True) -> SideMeans:
    """The means by side, and how many people gave them if that may be `counted`. Only those who met are asked how
    useful it was, and how many answered is known: their number would tell how many did not meet."""
    people = {side: {person for at, person, _ in answers if at == side} for side in Side}
    hidden = hidden_sides(people)

    def mean(side: Side) -> Mean:
        if side in hidden:
            return Mean(mean=None, people=None, suppressed=True)
        values = [value for at, _, value in answers if at == side]
        mean, bound = told_mean(sum(values) / len(values))
        return Mean(mean=mean, people=len(people[side]) if counted else None, bound=bound)

    return SideMeans(mentor=mean(Side.MENTOR), mentee=mean(Side.MENTEE))


def _share(answers: Sequence[tuple[UUID, bool]]) -> Share:
    people = {person for person, _ in answers}
    if not share_is_told(answers):
        return Share(share=None, people=None, suppressed=True)
    return Share(share=round(sum(said for _, said in answers) / len(answers), 2), people=len(people))


def _obstacles(check_ins: Sequence[CheckInFact]) -> tuple[ObstacleCount, ...]:
    people: Mapping[str, set[UUID]] = {obstacle.value: set() for obstacle in Obstacle}
    for check_in in check_ins:
        people[check_in.obstacle].add(check_in.person_id)
    hidden = hidden_cells(people)
    return tuple(
        ObstacleCount(obstacle=obstacle, people=None, suppressed=True)
        if obstacle.value in hidden
        else ObstacleCount(obstacle=obstacle, people=len(people[obstacle.value]))
        for obstacle in Obstacle
    )


def _topics(pairs: Iterable[PairSummary]) -> tuple[TopicCount, ...]:
    """The topics of the pairs that became active: those of most people first, hidden ones last."""
    people, counts = defaultdict[str, set[UUID]](set), defaultdict[str, int](int)
    for pair in pairs:
        if not _was_active(pair):
            continue
        for topic in dict.fromkeys(pair.topics):
            people[topic] |= {pair.mentor_id, pair.mentee_id}
            counts[topic] += 1
    hidden = hidden_cells(people)
    shown = sorted(people.keys() - hidden, key=lambda topic: (-len(people[topic]), topic))
    return (
        *(TopicCount(topic=topic, pairs=counts[topic], people=len(people[topic])) for topic in shown),
        *(TopicCount(topic=topic, pairs=None, people=None, suppressed=True) for topic in sorted(hidden)),
    )


def _was_active(pair: PairSummary) -> bool:
    return pair.activated_at is not None or pair.state in (PairState.ACTIVE, PairState.ON_HOLD, PairState.COMPLETED)
