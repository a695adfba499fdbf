"""What the API tells of reasons. Nobody, whatever their role, reads who would rather not be matched with whom.

People were promised this when they named somebody on the enrolment page. So a run is computed and stored with the
avoid lists, and what leaves the service passes through here: where an avoid list stands in the way, the reason is "not
possible" and nothing else. Two other reasons that no steering changes are told by the same words, so that these words
alone do not say what they stand for. Viewers, who make no pairs, read no other reason against a pair, and none of what
people answered. Pure: no database, no network, no clock.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.eligibility import Constraint
from services.matching.engine.unmatched import SAYS
from services.matching.resources import UnmatchedView
from shared.contracts.intake import PoolPerson

NotPossible = Literal["not_possible"]
NOT_POSSIBLE: NotPossible = "not_possible"
Obstacle = Constraint | Literal["dropped", "not_possible"]
"""What forbids a pair: a hard constraint, the steering, or what is not told."""

HIDDEN = (Constraint.AVOIDED, Constraint.REPORTING_LINE, Constraint.TRIED_BEFORE)
"""What is told as "not possible", and counted nowhere. The last two are told so because they are common and certain:
without them, "not possible" could only mean an avoid list."""
NOT_TOLD = frozenset(constraint.value for constraint in HIDDEN)
"""Their codes, which are those of the reasons of unmatched people too."""
ANSWERED = frozenset(
    {
        *("languages", "topics_taught", "taught_levels", "topics_wanted", "mentor_capacity", "mentee_capacity"),
        *("meeting_windows", "preferred", "avoided"),
    }
)
"""The fields of a person that come from their enrolment, besides the role."""
COUNTED = re.compile(rf"\d+ (?:{'|'.join(re.escape(SAYS[one]) for one in HIDDEN)})(?:, )?")
"""What a sentence counts of that."""


def obstacles_told(found: Sequence[Obstacle], *, in_full: bool) -> tuple[Obstacle, ...]:
    """What is told of the obstacles of a pair. Not `in_full`, it is only that there are some."""
    if not in_full:
        return (NOT_POSSIBLE,) if found else ()
    return tuple(dict.fromkeys(NOT_POSSIBLE if one in NOT_TOLD else one for one in found))


def words_told(constraints: Iterable[Constraint]) -> str:
    """Hard constraints that a couple breaks, in words and with their codes."""
    words = (
        "not possible (not_possible)"
        if constraint in NOT_TOLD
        else f"{SAYS.get(constraint, constraint.value)} ({constraint.value})"
        for constraint in constraints
    )
    return ", ".join(dict.fromkeys(words))


def unmatched_told(view: UnmatchedView) -> UnmatchedView:
    """The same person without a word about what is not told, also where an earlier version stored one."""
    change = view.change
    return view.model_copy(
        update={
            "reason": NOT_POSSIBLE if view.reason in NOT_TOLD else view.reason,
            "blocked": _without(view.blocked),
            "change": None if change is not None and change.constraint in NOT_TOLD else change,
            "detail": _sentence(view.detail),
        }
    )


def decided_told(decided: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a run decided about an unmatched person, as a replay compares it."""
    if decided is None:
        return None
    reason = decided["reason"]
    return {
        **decided,
        "reason": NOT_POSSIBLE if reason in NOT_TOLD else reason,
        "blocked": _without(decided["blocked"]),
    }


def inputs_told(inputs: Inputs, *, in_full: bool) -> Inputs:
    """The inputs without the avoid lists. Not `in_full`, without anything that people answered but their role."""
    hidden = {"avoided"} if in_full else ANSWERED
    return inputs.model_copy(update={"people": tuple(_cleared(person, hidden) for person in inputs.people)})


def _cleared(person: PoolPerson, hidden: Iterable[str]) -> PoolPerson:
    """The person, with these fields as if nothing had been answered."""
    fields = PoolPerson.model_fields
    return person.model_copy(update={name: fields[name].get_default(call_default_factory=True) for name in hidden})


def _without(blocked: Mapping[str, int]) -> dict[str, int]:
    return {constraint: count for constraint, count in blocked.items() if constraint not in NOT_TOLD}


def _sentence(detail: str) -> str:
    told = COUNTED.sub("", detail)
    return told.replace(", )", ")").replace(" ()", "")
