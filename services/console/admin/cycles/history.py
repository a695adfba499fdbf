"""What happened in a cycle, as sentences. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.console.admin.cycles.resources import CloudEvent, Person
from services.console.words.codes import CLOSINGS, STAGES
from services.console.words.cycles import END_REASONS, STALLS, round_name
from shared.contracts.matching import EndReason
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason
from shared.language.words import Words

MILESTONES = (
    *("cycle.requested", "cycle.stage_changed", "cycle.paused", "cycle.resumed", "cycle.advance_requested"),
    *("cycle.cancellation_requested", "cycle.cancelled", "cycle.completed", "cycle.stalled"),
    *("round.opened", "round.closed", "round.reminder_requested", "match_run.proposed", "match_run.approved"),
    *("pair.ended", "concern.raised", "concern.escalated", "concern.resolved", "report.compiled"),
    *("announcement.held", "announcement.retried"),
)
SINGLE = (
    *("enrolment.submitted", "round.answered", "pair.offered", "pair.activated", "pair.declined", "pair.completed"),
    *("check_in.answered", "survey.answered", "message.failed"),
)
"""What single people do, which is shown on demand."""
NAMES = MILESTONES + SINGLE


class Line(NamedTuple):
    at: datetime
    text: str
    address: str = ""
    """Where more is told about it, if anywhere."""


def lines_of(events: Iterable[CloudEvent], people: Mapping[UUID, Person], words: Words) -> tuple[Line, ...]:
    """The events in their order. One that this version does not know is left out."""
    found = []
    for event in events:
        name = event.type.removeprefix("app.upward.").rpartition(".v")[0]
        if (say := SAYINGS.get(name)) is not None:
            found.append(Line(event.time, say(words, event.data, people), _address(name, event.data)))
    return tuple(found)


def _address(name: str, data: Mapping[str, Any]) -> str:
    if name.startswith("concern."):
        return f"/console/concerns/{data['concern_id']}"
    if name in ("enrolment.submitted", "message.failed") and UUID(data["person_id"]).int:
        return f"/console/people/{data['person_id']}"
    return ""


Say = Callable[[Words, Mapping[str, Any], Mapping[UUID, Person]], str]


def _name(words: Words, people: Mapping[UUID, Person], id: object) -> str:
    person = people.get(UUID(str(id)))
    return person.name if person is not None else words.gettext("somebody")


def _round(words: Words, data: Mapping[str, Any]) -> str:
    """What the round is called, such as `Check-in 2`."""
    return round_name(str(data["kind"]), data.get("number"), words)


def _stage(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.gettext("The cycle entered the stage “%(stage)s”.", stage=words.gettext(STAGES[Stage(data["stage"])]))


def _completed(words: Words, data: Mapping[str, Any], _: object) -> str:
    match data["outcome"]:
        case Outcome.NOBODY_ENROLLED:
            return words.gettext("The cycle ended early, because nobody enrolled.")
        case Outcome.NOBODY_MATCHED:
            return words.gettext("The cycle ended early, because nobody could be matched.")
        case Outcome.NOBODY_ACCEPTED:
            return words.gettext("The cycle ended early, because no offer was accepted by both sides.")
        case _:
            return words.gettext("The cycle was completed.")


def _stalled(words: Words, data: Mapping[str, Any], _: object) -> str:
    """A reason of a later version has no words here."""
    told = STALLS.get(data["reason"])
    return " ".join((words.gettext("The cycle stood still."), *([words.gettext(told)] if told else ())))


def _opened(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.ngettext(
        "%(round)s opened and asks for %(num)s answer.",
        "%(round)s opened and asks for %(num)s answers.",
        data["recipients"],
        round=_round(words, data),
    )


def _closed(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.gettext(
        "%(round)s closed (%(reason)s): %(answered)s of %(asked)s answered.",
        round=_round(words, data),
        reason=words.gettext(CLOSINGS[CloseReason(data["reason"])]),
        answered=words.number(data["answered"]),
        asked=words.number(data["recipients"]),
    )


def _proposed(words: Words, data: Mapping[str, Any], _: object) -> str:
    unmatched = words.ngettext("%(num)s person has none", "%(num)s people have none", data["unmatched"])
    if data.get("revision", 1) > 1:
        return words.ngettext(
            "The matches were changed: %(num)s pair is proposed, %(unmatched)s.",
            "The matches were changed: %(num)s pairs are proposed, %(unmatched)s.",
            data["pairs"],
            unmatched=unmatched,
        )
    return words.ngettext(
        "%(num)s pair was proposed, %(unmatched)s.",
        "%(num)s pairs were proposed, %(unmatched)s.",
        data["pairs"],
        unmatched=unmatched,
    )


def _approved(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.ngettext("%(num)s pair was approved.", "%(num)s pairs were approved.", data["pairs"])


def _both(words: Words, data: Mapping[str, Any], people: Mapping[UUID, Person]) -> dict[str, str]:
    return {side: _name(words, people, data[f"{side}_id"]) for side in ("mentor", "mentee")}


def _offered(words: Words, data: Mapping[str, Any], people: Mapping[UUID, Person]) -> str:
    return words.gettext("%(mentor)s and %(mentee)s were offered each other.", **_both(words, data, people))


def _activated(words: Words, data: Mapping[str, Any], people: Mapping[UUID, Person]) -> str:
    return words.gettext("%(mentor)s and %(mentee)s both accepted.", **_both(words, data, people))


def _why(words: Words, data: Mapping[str, Any]) -> str:
    return words.gettext(END_REASONS[EndReason(data["reason"])])


def _declined(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.gettext("An offered pair did not come about: %(reason)s.", reason=_why(words, data))


def _ended(words: Words, data: Mapping[str, Any], _: object) -> str:
    return words.gettext("A pair ended early: %(reason)s.", reason=_why(words, data))


def _raised(words: Words, data: Mapping[str, Any], _: object) -> str:
    match data["reason"]:
        case "missed_check_ins":
            return words.gettext("A concern was raised: somebody missed two check-ins in a row.")
        case "not_a_fit":
            return words.gettext("A concern was raised: somebody says that their pair is not a good fit.")
        case _:
            return words.gettext("A concern was raised about a pair.")


def _escalated(words: Words, data: Mapping[str, Any], _: object) -> str:
    if data["rung"] == "sponsor":
        return words.gettext("The sponsor was told of a concern.")
    return words.gettext("The coordinators were told of a concern.")


def _failed(words: Words, data: Mapping[str, Any], people: Mapping[UUID, Person]) -> str:
    return words.gettext("A message to %(name)s failed.", name=_name(words, people, data["person_id"]))


def _enrolled(words: Words, data: Mapping[str, Any], people: Mapping[UUID, Person]) -> str:
    return words.gettext("%(name)s answered the enrolment.", name=_name(words, people, data["person_id"]))


SAYINGS: dict[str, Say] = {
    "cycle.requested": lambda words, *_: words.gettext("The cycle was requested."),
    "cycle.stage_changed": _stage,
    "cycle.paused": lambda words, *_: words.gettext("The cycle was paused."),
    "cycle.resumed": lambda words, *_: words.gettext("The cycle was resumed."),
    "cycle.advance_requested": lambda words, *_: words.gettext("An early close was asked for."),
    "cycle.cancellation_requested": lambda words, *_: words.gettext("The cancellation was asked for."),
    "cycle.cancelled": lambda words, *_: words.gettext("The cycle was cancelled, and everything in it was closed."),
    "cycle.completed": _completed,
    "cycle.stalled": _stalled,
    "round.opened": _opened,
    "round.answered": lambda words, data, _: words.gettext(
        "%(round)s: everybody has answered.", round=_round(words, data)
    ),
    "round.reminder_requested": lambda words, data, _: words.gettext(
        "%(round)s: a reminder was asked for.", round=_round(words, data)
    ),
    "round.closed": _closed,
    "enrolment.submitted": _enrolled,
    "match_run.proposed": _proposed,
    "match_run.approved": _approved,
    "pair.offered": _offered,
    "pair.activated": _activated,
    "pair.declined": _declined,
    "pair.ended": _ended,
    "pair.completed": lambda words, *_: words.gettext("A pair was completed with its cycle."),
    "check_in.answered": lambda words, *_: words.gettext("Somebody answered a check-in."),
    "survey.answered": lambda words, *_: words.gettext("Somebody answered the survey."),
    "concern.raised": _raised,
    "concern.escalated": _escalated,
    "concern.resolved": lambda words, *_: words.gettext("A concern was resolved."),
    "message.failed": _failed,
    "announcement.held": lambda words, *_: words.gettext("The mail server refused everybody. Messages wait."),
    "announcement.retried": lambda words, *_: words.gettext("Messages that had failed were sent again."),
    "report.compiled": lambda words, *_: words.gettext("The report is ready."),
}
