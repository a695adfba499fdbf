"""What rules would do that nobody has stored yet: with the people of a program's last run, or with the directory.

Only counts leave here, and no person is named. Reasons that are told to nobody (`disclosure.py`) are counted together
with the most common one, that the places went to others. Otherwise somebody could lift all rules and read from what is
left that one person is on the avoid list of another. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, WrapValidator

from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.engine.permitted import Permitted
from services.matching.engine.unmatched import UnmatchedReason
from services.matching.runs.rules.preview import ComparedResult, Points, difference, pairs_of
from services.matching.runs.rules.steering_rules import strict_policy
from shared.contracts.base import Contract
from shared.contracts.programs import Direction, MatchingPolicy

TOLD = frozenset(
    {
        *(UnmatchedReason.LEVEL_GAP, UnmatchedReason.SAME_MANAGER, UnmatchedReason.LANGUAGE),
        *(UnmatchedReason.DEPARTMENT, UnmatchedReason.MEETING_WINDOWS, UnmatchedReason.PAST_PAIR),
        *(UnmatchedReason.FLOOR, UnmatchedReason.NO_COUNTERPART, UnmatchedReason.CAPACITY),
        UnmatchedReason.NO_SHARED_TOPIC,
    }
)
"""Reasons that are told by themselves. None is told to nobody."""
OTHER = "other"


class PolicyTrial(BaseModel):
    """Rules that are tried. What is left out has the default of a program. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"direction": "reverse", "policy": {"min_level_gap": 2}}]},
    )

    direction: Direction = Direction.REVERSE
    policy: Annotated[MatchingPolicy, WrapValidator(strict_policy)] = MatchingPolicy()
    program_id: UUID | None = None
    """The program whose last match run is computed again. Without one, the directory is looked at."""


class PolicyOutcome(Contract):
    """What matching makes of the people of a run."""

    people: int
    """How many people are in a pair now and had none before the run."""
    pairs: int
    unmatched: int
    unmatched_by: dict[str, int]
    """How many of them have none for which reason, by its code. `other` stands for several reasons: that the places
    went to others, what admins decided, and what is told to nobody."""


class RunEffect(Contract):
    """The last match run of the program as it was (before) and by the rules that are tried (after)."""

    match_run_id: UUID
    cycle_id: UUID
    certified: bool
    """The result by the rules that are tried is proven to be the best possible one."""
    before: PolicyOutcome
    after: PolicyOutcome
    pairs_kept: int
    pairs_removed: int
    pairs_added: int
    newly_matched: int
    """People who had no partner in the run and would have one."""
    no_longer_matched: int


class DirectoryEffect(Contract):
    """Whom the rules would let meet if everybody enrolled for both parts. What people answer, such as topics and
    wishes, plays no part."""

    mentors: int
    """People who could mentor somebody."""
    mentees: int
    """People whom somebody could mentor."""
    nobody: int
    """People who could be in no pair at all."""
    possible: int
    """Couples of two people who could meet if there were no rules. In a mutual program two people are one couple, and
    otherwise two, as either may be the mentor."""
    couples: int
    """Those of them that the rules permit."""
    ruled_out: dict[str, int]
    """How many of them each rule forbids, by its code. A couple counts for each rule that forbids it."""


class PolicyEffect(Contract):
    """What the rules would do. Nothing is stored."""

    based_on: Literal["match_run", "directory"]
    people: int
    """How many people were looked at."""
    sampled: bool = False
    """They are a random part of a directory with more people than are looked at."""
    match_run: RunEffect | None = None
    directory: DirectoryEffect | None = None


class Decided(NamedTuple):
    """The part of a result that is told here."""

    pairs: Points
    reasons: Mapping[UUID, str]
    """Why each person without a partner has none."""


def decided_in(result: Result) -> Decided:
    return Decided(pairs_of(result), {person.person_id: person.reason for person in result.unmatched})


def tried(inputs: Inputs, trial: PolicyTrial) -> Inputs:
    """The inputs of a run by other rules. What admins decided about single people stays."""
    steering = inputs.steering.model_copy(update={"policy": None})
    return inputs.model_copy(update={"direction": trial.direction, "policy": trial.policy, "steering": steering})


def effect_on_run(
    match_run_id: UUID, before: Decided, was: Inputs, after: Decided, inputs: Inputs, *, certified: bool
) -> PolicyEffect:
    found = difference(
        match_run_id, ComparedResult(before.pairs, was), ComparedResult(after.pairs, inputs), certified=certified
    )
    return PolicyEffect(
        based_on="match_run",
        people=len(inputs.people),
        match_run=RunEffect(
            match_run_id=match_run_id,
            cycle_id=inputs.cycle_id,
            certified=certified,
            before=_outcome(found.before.people, before),
            after=_outcome(found.after.people, after),
            pairs_kept=len(after.pairs) - len(found.pairs_added),
            pairs_removed=len(found.pairs_removed),
            pairs_added=len(found.pairs_added),
            newly_matched=len(found.newly_matched),
            no_longer_matched=len(found.no_longer_matched),
        ),
    )


def effect_on_directory(people: int, found: Permitted, *, sampled: bool) -> PolicyEffect:
    told = found._asdict() | {"ruled_out": {one.value: count for one, count in found.ruled_out.items()}}
    return PolicyEffect(based_on="directory", people=people, sampled=sampled, directory=DirectoryEffect(**told))


def _outcome(people: int, decided: Decided) -> PolicyOutcome:
    return PolicyOutcome(
        people=people,
        pairs=len(decided.pairs),
        unmatched=len(decided.reasons),
        unmatched_by=_told(decided.reasons.values()),
    )


def _told(reasons: Iterable[str]) -> dict[str, int]:
    counted = Counter(UnmatchedReason(one).value if one in TOLD else OTHER for one in reasons)
    return dict(sorted(counted.items()))
