"""Who could be the partner of one person of a run: their points, whom they have now, and what forbids it. Pure."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.eligibility import Couple
from services.matching.resources import EitherSide
from services.matching.runs.rules.counterfactual import standing_in_the_way
from services.matching.runs.rules.disclosure import Obstacle, obstacles_told
from services.matching.runs.rules.preview import Points
from services.matching.runs.rules.steering_rules import MENTEES, MENTORS, plain, weighed
from shared.contracts.base import Contract
from shared.contracts.matching import Side
from shared.errors import NotFound


class NotInPool(NotFound):
    code = "person_not_in_pool"


class CandidateView(Contract):
    """Somebody who enrolled for the other part."""

    person_id: UUID
    side: EitherSide
    """The part that this candidate would have."""
    points: int
    forbidden_by: tuple[Obstacle, ...] = ()
    """What forbids the pair. It can be made by hand all the same, unless a place is missing."""
    partners: tuple[UUID, ...] = ()
    """The partners whom the candidate has in this run."""
    chosen: bool = False
    """The two are a pair of this run."""


class CandidateList(Contract):
    match_run_id: UUID
    person_id: UUID
    items: tuple[CandidateView, ...]
    """Those whom nothing forbids first, the best first."""
    total: int
    """How many there are, whom the limit leaves out."""


def candidates(
    match_run_id: UUID, inputs: Inputs, pairs: Points, person_id: UUID, among: Collection[UUID] | None, limit: int
) -> CandidateList:
    """The candidates of this person; of those named by `among`, unless that is None. Raises NotInPool."""
    couples = _couples(inputs, person_id, among)
    partners: dict[UUID, list[UUID]] = defaultdict(list)
    for one, other in sorted(pairs):
        partners[one].append(other)
        partners[other].append(one)
    in_the_way = standing_in_the_way(inputs)
    found = []
    for couple, (points, broken) in zip(couples, weighed(plain(inputs), couples), strict=True):
        is_mentor = couple[1] == person_id
        found.append(
            CandidateView(
                person_id=couple[0] if is_mentor else couple[1],
                side=Side.MENTOR if is_mentor else Side.MENTEE,
                points=points,
                forbidden_by=obstacles_told([*broken, *in_the_way(couple)], in_full=True),
                partners=tuple(partners.get(couple[0] if is_mentor else couple[1], ())),
                chosen=couple in pairs,
            )
        )
    found.sort(key=lambda one: (bool(one.forbidden_by), -one.points, one.person_id))
    return CandidateList(match_run_id=match_run_id, person_id=person_id, items=tuple(found[:limit]), total=len(found))


def _couples(inputs: Inputs, person_id: UUID, among: Collection[UUID] | None) -> list[Couple]:
    person = next((one for one in inputs.people if one.person_id == person_id), None)
    if person is None:
        raise NotInPool("This person is not in the run's pool.")
    others = [one for one in inputs.people if one.person_id != person_id and (among is None or one.person_id in among)]
    as_mentor = [(person_id, one.person_id) for one in others if person.role in MENTORS and one.role in MENTEES]
    as_mentee = [(one.person_id, person_id) for one in others if person.role in MENTEES and one.role in MENTORS]
    return [*as_mentor, *as_mentee]
