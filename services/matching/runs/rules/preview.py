"""What would change for whom if one result took the place of another. Pure: no database, no network, no clock."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.eligibility import Couple
from shared.contracts.base import Contract
from shared.contracts.programs import Direction

Points = Mapping[Couple, int]
"""Proposed pairs, as (mentor, mentee), with their points."""


class Coverage(Contract):
    """Counts over all pairs of one result, including pinned pairs and pairs by hand."""

    people: int
    """How many people are in a pair now and had none before the run."""
    pairs: int
    points: int


class ScoredPair(Contract):
    mentor_id: UUID
    mentee_id: UUID
    score: int


class PartnerChange(Contract):
    """Somebody who is in a pair before and after, but with other partners."""

    person_id: UUID
    before: tuple[UUID, ...]
    after: tuple[UUID, ...]


class Preview(Contract):
    """The run as it is (before) and as it would be with the steering (after)."""

    match_run_id: UUID
    certified: bool
    """The result with the steering is proven to be the best possible one."""
    before: Coverage
    after: Coverage
    newly_matched: tuple[UUID, ...]
    no_longer_matched: tuple[UUID, ...]
    changed: tuple[PartnerChange, ...]
    pairs_added: tuple[ScoredPair, ...]
    pairs_removed: tuple[ScoredPair, ...]
    first_topic_won: tuple[UUID, ...] = ()
    """People who would have a partner who teaches what they want to learn most, and have none now."""
    first_topic_lost: tuple[UUID, ...] = ()
    """People who have such a partner now and would have none."""


@dataclass(frozen=True, slots=True)
class ComparedResult:
    """One of the two results that are compared."""

    pairs: Points
    inputs: Inputs

    @property
    def standing(self) -> frozenset[UUID]:
        """The people who are in an offered or live pair, whatever this run proposes."""
        return frozenset(held.person_id for held in self.inputs.held)

    @property
    def coverage(self) -> Coverage:
        people = {person for couple in self.pairs for person in couple} - self.standing
        return Coverage(people=len(people), pairs=len(self.pairs), points=sum(self.pairs.values()))

    @property
    def with_first_topic(self) -> frozenset[UUID]:
        """The people whose partner teaches what they want to learn most. In a mutual program both learn."""
        people = {person.person_id: person for person in self.inputs.people}
        mutual = self.inputs.direction is Direction.MUTUAL
        learning = [(one, other) for one, other in self.pairs] + [(two, one) for one, two in self.pairs if mutual]
        return frozenset(
            learner
            for teacher, learner in learning
            if people[learner].topics_wanted and people[learner].topics_wanted[0] in people[teacher].topics_taught
        )


def pairs_of(result: Result) -> Points:
    return {(pair.mentor_id, pair.mentee_id): pair.points for pair in result.pairs}


def difference(match_run_id: UUID, before: ComparedResult, after: ComparedResult, *, certified: bool) -> Preview:
    was, will = _partners(before.pairs), _partners(after.pairs)
    had = was.keys() | before.standing
    has = will.keys() | after.standing
    first_before, first_after = before.with_first_topic, after.with_first_topic
    changed = [person for person in sorted(had & has) if was.get(person) != will.get(person)]
    return Preview(
        match_run_id=match_run_id,
        certified=certified,
        before=before.coverage,
        after=after.coverage,
        newly_matched=tuple(sorted(has - had)),
        no_longer_matched=tuple(sorted(had - has)),
        changed=tuple(
            PartnerChange(person_id=person, before=tuple(was.get(person, ())), after=tuple(will.get(person, ())))
            for person in changed
        ),
        pairs_added=_scored(after.pairs, without=before.pairs),
        pairs_removed=_scored(before.pairs, without=after.pairs),
        first_topic_won=tuple(sorted(first_after - first_before)),
        first_topic_lost=tuple(sorted(first_before - first_after)),
    )


def _partners(pairs: Points) -> dict[UUID, list[UUID]]:
    partners: dict[UUID, list[UUID]] = defaultdict(list)
    for one, other in sorted(pairs):
        partners[one].append(other)
        partners[other].append(one)
    return dict(partners)


def _scored(pairs: Points, *, without: Points) -> tuple[ScoredPair, ...]:
    left = sorted(couple for couple in pairs if couple not in without)
    return tuple(ScoredPair(mentor_id=one, mentee_id=other, score=pairs[one, other]) for one, other in left)
