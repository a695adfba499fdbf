"""Which steering is refused, and what is wrong with it: every error names its field.

No pair may exceed the places of its people, contradict their roles, or join somebody with themselves. Pinned pairs meet
every hard constraint; a pair by hand may break one if a reason is written. Pure: no database, no network, no clock.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import ConfigDict, JsonValue, ValidatorFunctionWrapHandler, WrapValidator

from services.matching.engine.inputs import Inputs, participants, rules_of
from services.matching.engine.rules import scoring
from services.matching.engine.rules.eligibility import Constraint, Couple, violations
from services.matching.engine.rules.pool import Pool
from services.matching.engine.steering import HandMadePair, PersonCouple, Steering
from services.matching.runs.rules.disclosure import words_told
from shared.contracts.intake import EnrolmentRole, PoolPerson
from shared.contracts.matching import Side
from shared.contracts.programs import MatchingPolicy
from shared.errors import Invalid

Error = dict[str, str]
MESSAGE = "This steering does not fit the match run; see errors."
MENTORS = (EnrolmentRole.MENTOR, EnrolmentRole.BOTH)
MENTEES = (EnrolmentRole.MENTEE, EnrolmentRole.BOTH)
SELF = "nobody can be their own partner"
EXAMPLE: dict[str, JsonValue] = {
    "pins": [
        {"mentor_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "mentee_id": "16fd2706-8baf-433b-82eb-8c7fada847da"}
    ],
    "dropped": ["886313e1-3b8a-5372-9b90-0c9aee199e5d"],
}
"""The example of the API's description."""


def strict_policy(value: Any, validate: ValidatorFunctionWrapHandler) -> MatchingPolicy | None:
    if isinstance(value, dict):
        value = MatchingPolicy.model_validate(value, extra="forbid")
    found: MatchingPolicy | None = validate(value)
    return found


class SteeringRequest(Steering):
    """What an admin decides, as the whole body of the request. Contracts ignore unknown fields so that they can grow,
    but a name that an admin mistyped must not be ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    policy: Annotated[MatchingPolicy | None, WrapValidator(strict_policy)] = None
    """Replaces the program's policy for this run."""

    def steering(self) -> Steering:
        return Steering.model_validate(self.model_dump())


class _Named(NamedTuple):
    """A couple in the document, with its place there."""

    place: str
    couple: PersonCouple

    @property
    def ids(self) -> Couple:
        return self.couple.mentor_id, self.couple.mentee_id

    @property
    def either_way(self) -> frozenset[object]:
        return frozenset(self.ids)

    def refused(self, detail: str, field: str = "mentee_id") -> Error:
        return {"field": f"body.{self.place}.{field}", "detail": detail}


def check(inputs: Inputs, live: frozenset[Couple] = frozenset()) -> None:
    """Raises Invalid, which names every field of `inputs.steering` that does not fit the other inputs. `live` are the
    couples that are offered, or are a pair, in this cycle."""
    steering = inputs.steering
    pins, by_hand, forbidden = (
        [_Named(f"{name}.{index}", couple) for index, couple in enumerate(couples)]
        for name, couples in (("pins", steering.pins), ("by_hand", steering.by_hand), ("forbidden", steering.forbidden))
    )
    pool = {person.person_id: person for person in inputs.people}
    fixed = [*pins, *by_hand]
    errors = [error for named in fixed for error in _people(named, pool, roles=True)]
    errors += [error for named in forbidden for error in _people(named, pool, roles=False)]
    errors += [
        {"field": f"body.dropped.{index}", "detail": "is not in this run's pool"}
        for index, person_id in enumerate(steering.dropped)
        if person_id not in pool
    ]
    errors += _repeated(fixed, forbidden, steering)
    if not errors:
        errors += [*_contradicted(fixed, forbidden, steering), *_without_a_place(fixed, inputs, pool)]
        errors += _breaking(pins, by_hand, inputs, live)
    if errors:
        raise Invalid(MESSAGE, errors=errors)


def check_couple(inputs: Inputs, couple: Couple) -> None:
    """Raises Invalid unless both people are in the pool in these roles. The errors name the parameters of the query."""
    named = _Named("", PersonCouple(mentor_id=couple[0], mentee_id=couple[1]))
    errors = _people(named, {person.person_id: person for person in inputs.people}, roles=True)
    if found := [{**error, "field": error["field"].replace("body..", "query.")} for error in errors]:
        raise Invalid("This pair cannot be asked about; see errors.", errors=found)


def broken(inputs: Inputs, couples: Sequence[Couple]) -> list[list[Constraint]]:
    """For each of these couples of the pool, the hard constraints that it breaks, except for capacity and for what an
    admin forbade. Pins and pairs by hand of the steering do not count as couples that were offered before."""
    return [found for _, found in weighed(plain(inputs), couples)]


def plain(inputs: Inputs) -> Inputs:
    """The inputs with the policy of the steering alone."""
    return inputs.model_copy(update={"steering": Steering(policy=inputs.steering.policy)})


def weighed(inputs: Inputs, couples: Sequence[Couple]) -> list[tuple[int, list[Constraint]]]:
    """For each of these couples of the pool, its points and the hard constraints that it breaks."""
    if not couples:
        return []
    pool, rules = Pool(participants(inputs)), rules_of(inputs)
    mentors, mentees = (np.asarray([pool.index[one[side]] for one in couples], dtype=np.int64) for side in (0, 1))
    found, points = violations(pool, rules, mentors, mentees), scoring.points(pool, rules, mentors, mentees)
    found[Constraint.FLOOR] = points < scoring.floor_points(rules)
    in_order = [constraint for constraint in Constraint if constraint in found]
    return [
        (worth, [constraint for constraint in in_order if found[constraint][number]])
        for number, worth in enumerate(points.tolist())
    ]


def _people(named: _Named, pool: dict[Any, PoolPerson], *, roles: bool) -> Iterator[Error]:
    for field, allowed in (("mentor_id", MENTORS), ("mentee_id", MENTEES)):
        person = pool.get(getattr(named.couple, field))
        if person is None:
            yield named.refused("is not in this run's pool", field)
        elif roles and person.role not in allowed:
            yield named.refused(f"did not enrol as {field.removesuffix('_id')}", field)
    if named.couple.mentor_id == named.couple.mentee_id:
        yield named.refused(SELF)


def _repeated(fixed: Sequence[_Named], forbidden: Sequence[_Named], steering: Steering) -> Iterator[Error]:
    for couples in (fixed, forbidden):
        first: dict[frozenset[object], str] = {}
        for named in couples:
            if (place := first.setdefault(named.either_way, named.place)) != named.place:
                yield named.refused(f"these two are named in {place} already")
    seen: set[object] = set()
    for index, person_id in enumerate(steering.dropped):
        if person_id in seen:
            yield {"field": f"body.dropped.{index}", "detail": "is named twice"}
        seen.add(person_id)


def _contradicted(fixed: Sequence[_Named], forbidden: Sequence[_Named], steering: Steering) -> Iterator[Error]:
    never = {named.either_way: named.place for named in forbidden}
    dropped = {person_id: index for index, person_id in enumerate(steering.dropped)}
    for named in fixed:
        if place := never.get(named.either_way):
            yield named.refused(f"these two are forbidden in {place}")
        for field, person_id in zip(("mentor_id", "mentee_id"), named.ids, strict=True):
            if person_id in dropped:
                yield named.refused(f"is dropped from the run in dropped.{dropped[person_id]}", field)


def _without_a_place(fixed: Sequence[_Named], inputs: Inputs, pool: dict[Any, PoolPerson]) -> Iterator[Error]:
    held = {found.person_id: found for found in inputs.held}
    sides: tuple[tuple[Side, Callable[[PoolPerson], int]], ...] = (
        (Side.MENTOR, lambda person: person.mentor_capacity),
        (Side.MENTEE, lambda person: person.mentee_capacity),
    )
    for side, capacity in sides:
        wanted: Counter[object] = Counter()
        for named in fixed:
            person_id = getattr(named.couple, f"{side}_id")
            taken = getattr(held[person_id], f"as_{side}") if person_id in held else 0
            free = max(capacity(pool[person_id]) - taken, 0)
            wanted[person_id] += 1
            if wanted[person_id] > free:
                places = f"{free} free {'place' if free == 1 else 'places'}" if free else "no free place"
                yield named.refused(f"has {places} as {side}", f"{side}_id")


def _breaking(
    pins: Sequence[_Named], by_hand: Sequence[_Named], inputs: Inputs, live: frozenset[Couple]
) -> Iterator[Error]:
    fixed = [*pins, *by_hand]
    either_way = live | {(mentee_id, mentor_id) for mentor_id, mentee_id in live}
    for number, (named, found) in enumerate(zip(fixed, broken(inputs, [one.ids for one in fixed]), strict=True)):
        if named.ids in either_way:
            yield named.refused("these two are offered to each other, or a pair, in this cycle already")
        elif found and number < len(pins):
            yield named.refused(f"this pair is {words_told(found)}; a pair by hand may override that")
        elif isinstance(named.couple, HandMadePair):
            yield from _unexplained(named, named.couple, found)


def _unexplained(named: _Named, pair: HandMadePair, found: Sequence[Constraint]) -> Iterator[Error]:
    reason = pair.override_reason
    if found and reason is None:
        yield named.refused(f"this pair is {words_told(found)}; write why it is made all the same", "override_reason")
    elif reason is not None and any(unicodedata.category(one) in ("Cc", "Cs") for one in reason):
        yield named.refused("control characters and line breaks are not allowed", "override_reason")
