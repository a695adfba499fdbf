"""What it would cost to force a pair into a run. It is exact, as the run is solved again with the pair pinned. Pure."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.eligibility import Constraint, Couple
from services.matching.engine.steering import PersonCouple
from services.matching.runs.rules.disclosure import Obstacle
from services.matching.runs.rules.preview import ComparedResult, Coverage
from services.matching.runs.rules.steering_rules import broken
from shared.contracts.base import Contract


class Counterfactual(Contract):
    """What the run would lose if these two had to be a pair."""

    match_run_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    allowed: bool
    forbidden_by: tuple[Obstacle, ...] = ()
    """What forbids the pair if it is not allowed. Nothing was computed then, and the costs are null. `not_possible`
    stands for several reasons and says no more than that; viewers read nothing else."""
    chosen: bool = False
    """The pair is one of the run's pairs already, so it costs nothing."""
    people: int | None = None
    """How many fewer people would be in a pair. A negative number means more people, which happens under
    `quality_first` only."""
    points: int | None = None
    """By how many points the total would fall. It can rise (a negative number) if fewer people are in a pair."""
    before: Coverage | None = None
    after: Coverage | None = None
    certified: bool | None = None
    """Both totals are proven to be the best possible ones."""


def obstacles(inputs: Inputs, couple: Couple) -> tuple[Obstacle, ...]:
    """Everything that forbids two people of the pool to be a pair of this run. The steering's pins and pairs by hand
    take places."""
    return (*broken(inputs, [couple])[0], *standing_in_the_way(inputs)(couple))


def standing_in_the_way(inputs: Inputs) -> Callable[[Couple], list[Obstacle]]:
    """What the steering and the places say against a couple of the pool."""
    steering = inputs.steering
    forbidden = {frozenset((one.mentor_id, one.mentee_id)) for one in steering.forbidden}
    dropped = set(steering.dropped)
    free = _free_places(inputs)

    def told(couple: Couple) -> list[Obstacle]:
        found: list[Obstacle] = []
        if frozenset(couple) in forbidden:
            found.append(Constraint.FORBIDDEN)
        if not free(couple):
            found.append(Constraint.CAPACITY)
        if dropped.intersection(couple):
            found.append("dropped")
        return found

    return told


def forced(inputs: Inputs, couple: Couple) -> Inputs:
    """The same inputs, but with these two pinned as a pair."""
    mentor_id, mentee_id = couple
    pins = (*inputs.steering.pins, PersonCouple(mentor_id=mentor_id, mentee_id=mentee_id))
    return inputs.model_copy(update={"steering": inputs.steering.model_copy(update={"pins": pins})})


def answer(
    match_run_id: UUID, couple: Couple, before: ComparedResult, after: ComparedResult, *, chosen: bool, certified: bool
) -> Counterfactual:
    mentor_id, mentee_id = couple
    was, will = before.coverage, after.coverage
    return Counterfactual(
        match_run_id=match_run_id,
        mentor_id=mentor_id,
        mentee_id=mentee_id,
        allowed=True,
        chosen=chosen,
        people=was.people - will.people,
        points=was.points - will.points,
        before=was,
        after=will,
        certified=certified,
    )


def refusal(match_run_id: UUID, couple: Couple, forbidden_by: tuple[Obstacle, ...]) -> Counterfactual:
    mentor_id, mentee_id = couple
    return Counterfactual(
        match_run_id=match_run_id, mentor_id=mentor_id, mentee_id=mentee_id, allowed=False, forbidden_by=forbidden_by
    )


def _free_places(inputs: Inputs) -> Callable[[Couple], bool]:
    """Whether both people have a place that is taken neither by the cycle's pairs nor by the steering."""
    fixed = (*inputs.steering.pins, *inputs.steering.by_hand)
    mentoring, learning = Counter(one.mentor_id for one in fixed), Counter(one.mentee_id for one in fixed)
    for held in inputs.held:
        mentoring[held.person_id] += held.as_mentor
        learning[held.person_id] += held.as_mentee
    people = {person.person_id: person for person in inputs.people}

    def free(couple: Couple) -> bool:
        mentor_id, mentee_id = couple
        return (
            people[mentor_id].mentor_capacity > mentoring[mentor_id]
            and people[mentee_id].mentee_capacity > learning[mentee_id]
        )

    return free
