"""One thing that an admin wants to change about a match run, and the steering after it. Pure.

A step is sent as one text, such as `pin:MENTOR:MENTEE` or `rule:min_level_gap=0`, so that a whole table of pairs needs
one form alone. It is applied to the steering as it is by then: what another admin decided meanwhile stays.
"""

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from services.console.admin.review.rules.facts import Couple, HandMade, Steering
from shared.contracts.programs import MatchingPolicy, Weights
from shared.errors import BadRequest
from shared.language.words import translatable

LONGEST_REASON = 500
VALUE = re.compile(r"null|true|false|-?(?:0|[1-9][0-9]{0,8})")
"""What one setting of the policy may be."""


class Kind(StrEnum):
    PIN = "pin"
    FORBID = "forbid"
    BY_HAND = "by_hand"
    FREE = "free"
    """Takes back whatever was decided about a couple."""
    LEAVE_OUT = "leave_out"
    PUT_BACK = "put_back"
    RULE = "rule"
    """One setting of the policy."""
    RULES = "rules"
    """The policy as the form for it says."""
    USUAL_RULES = "usual_rules"
    """The policy of the program again."""


COUPLES = (Kind.PIN, Kind.FORBID, Kind.BY_HAND, Kind.FREE)
PEOPLE = (Kind.LEAVE_OUT, Kind.PUT_BACK)


class Step(NamedTuple):
    kind: Kind
    people: tuple[UUID, ...] = ()
    """The mentor and the mentee, or one person."""
    setting: str = ""
    value: Any = None

    @property
    def couple(self) -> Couple:
        mentor_id, mentee_id = self.people
        return Couple(mentor_id=mentor_id, mentee_id=mentee_id)


class WrongRule(Exception):
    """A setting that does not fit: the field of the form that it is in, and a translatable sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field)
        self.field, self.message = field, message


class UnknownStep(BadRequest):
    code = "unknown_step"


def step_of(text: str) -> Step:
    """Raises UnknownStep for what no form of ours sends."""
    name, _, rest = text.partition(":")
    try:
        kind = Kind(name)
        if kind is Kind.RULE:
            setting, _, value = rest.partition("=")
            if setting not in MatchingPolicy.model_fields or not VALUE.fullmatch(value):
                raise ValueError(setting)
            return Step(kind, setting=setting, value=json.loads(value))
        people = tuple(UUID(one) for one in rest.split(":")) if rest else ()
    except ValueError:
        raise UnknownStep("There is no such step.") from None
    if len(people) != (2 if kind in COUPLES else 1 if kind in PEOPLE else 0):
        raise UnknownStep("This step names other people.")
    return Step(kind, people)


def after(steering: Steering, step: Step, applied: MatchingPolicy, typed: Mapping[str, Any]) -> Steering:
    """The steering with this step. `applied` is the policy of the run. Raises WrongRule."""
    match step.kind:
        case Kind.LEAVE_OUT:
            [person] = step.people
            others = [one for one in steering.dropped if one != person]
            kept = _without_person(steering, person)
            return kept.model_copy(update={"dropped": (*others, person)})
        case Kind.PUT_BACK:
            return steering.model_copy(
                update={"dropped": tuple(one for one in steering.dropped if one not in step.people)}
            )
        case Kind.RULE:
            return steering.model_copy(update={"policy": _policy(applied, {step.setting: step.value})})
        case Kind.RULES:
            return steering.model_copy(update={"policy": _policy(applied, rules_typed(typed))})
        case Kind.USUAL_RULES:
            return steering.model_copy(update={"policy": None})
    cleared = _without_couple(steering, step.people)
    if step.kind is Kind.FREE:
        return cleared
    if step.kind is Kind.FORBID:
        return cleared.model_copy(update={"forbidden": (*cleared.forbidden, step.couple)})
    cleared = cleared.model_copy(update={"dropped": tuple(one for one in cleared.dropped if one not in step.people)})
    if step.kind is Kind.PIN:
        return cleared.model_copy(update={"pins": (*cleared.pins, step.couple)})
    made = HandMade(**step.couple.model_dump(), override_reason=reason_typed(typed) or None)
    return cleared.model_copy(update={"by_hand": (*cleared.by_hand, made)})


def reason_typed(typed: Mapping[str, Any]) -> str:
    return " ".join(str(typed.get("override_reason", "")).split())[:LONGEST_REASON]


NUMBERS = ("min_level_gap", "max_level_gap")
SWITCHES = ("reporting_line", "same_manager", "different_department", "common_language", "repeat_past_pairs")
WRONG_RULES = translatable("These rules do not fit together. Look at the smallest and the largest level gap.")


def rules_typed(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the form for rules has. A number that is left empty has no limit. Raises WrongRule."""
    found: dict[str, Any] = {name: name in typed for name in SWITCHES}
    for name in NUMBERS:
        found[name] = _number(name, typed, int) if str(typed.get(name, "")).strip() or name == "min_level_gap" else None
    found["min_common_hours"] = _number("min_common_hours", typed, float)
    found["weights"] = {name: _number(f"weight-{name}", typed, int) for name in Weights.model_fields}
    return found


def _number(name: str, typed: Mapping[str, Any], kind: type[int] | type[float]) -> float:
    try:
        return kind(str(typed.get(name, "")).strip().replace(",", ".") or 0)
    except ValueError:
        raise WrongRule(name, translatable("Enter a number.")) from None


def _policy(applied: MatchingPolicy, settings: Mapping[str, Any]) -> MatchingPolicy:
    document = applied.model_dump() | dict(settings)
    if settings.get("repeat_past_pairs"):
        document["repeat_after_cycles"] = None
    low, high = document["min_level_gap"], document["max_level_gap"]
    target = document["target_level_gap"]
    if target is not None and ((low is not None and target < low) or (high is not None and target > high)):
        document["target_level_gap"] = None
    try:
        return MatchingPolicy.model_validate(document)
    except ValidationError as error:
        place = [str(part) for part in error.errors()[0]["loc"]]
        if not place:
            raise WrongRule("min_level_gap", WRONG_RULES) from None
        name = f"weight-{place[-1]}" if place[0] == "weights" else place[0]
        raise WrongRule(name, translatable("Enter a number in the range that is named.")) from None


def _same(couple: Couple, people: Iterable[UUID]) -> bool:
    return {couple.mentor_id, couple.mentee_id} == set(people)


def _without_couple(steering: Steering, people: tuple[UUID, ...]) -> Steering:
    return steering.model_copy(
        update={
            "pins": tuple(one for one in steering.pins if not _same(one, people)),
            "forbidden": tuple(one for one in steering.forbidden if not _same(one, people)),
            "by_hand": tuple(one for one in steering.by_hand if not _same(one, people)),
        }
    )


def _without_person(steering: Steering, person: UUID) -> Steering:
    """Nobody who is left out is in a pair that an admin keeps."""
    return steering.model_copy(
        update={
            "pins": tuple(one for one in steering.pins if person not in (one.mentor_id, one.mentee_id)),
            "by_hand": tuple(one for one in steering.by_hand if person not in (one.mentor_id, one.mentee_id)),
        }
    )
