"""What the pages of concerns show: how far a concern was told, what comes next, and the history of its pair. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from services.console.admin.cycles.resources import CloudEvent, Pair
from services.console.words.cycles import END_REASONS
from shared.contracts.base import Contract
from shared.contracts.feedback import ConcernReason, ConcernRung, Resolution
from shared.contracts.programs import Calendar
from shared.language.words import Words


class Concern(Contract):
    id: UUID
    cycle_id: UUID
    round_id: UUID
    pair_id: UUID
    person_id: UUID | None = None
    reason: ConcernReason | None = None
    rung: ConcernRung | None = None
    state: str
    raised_at: AwareDatetime
    escalated_at: AwareDatetime | None = None
    resolved_at: AwareDatetime | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    assignee_id: UUID | None = None
    withdrawn_at: AwareDatetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Concerns(Contract):
    items: tuple[Concern, ...] = ()
    next: str | None = None
    total: int | None = None


class CycleLine(Contract):
    """What a list of concerns shows of a cycle."""

    id: UUID
    program_id: UUID
    program_name: str
    period: str
    paused: bool
    calendar: Calendar


class CycleLines(Contract):
    items: tuple[CycleLine, ...] = ()


class Moment(NamedTuple):
    at: datetime
    text: str


def told_of(concern: Concern, events: Iterable[CloudEvent], words: Words) -> tuple[Moment, ...]:
    """What was done about the concern so far, oldest first."""
    found = [Moment(concern.raised_at, words.gettext("The concern was raised."))]
    told = [event for event in events if event.data.get("concern_id") == str(concern.id)]
    rungs = [(str(event.data["rung"]), event.time) for event in told if ".concern.escalated." in event.type]
    if not rungs and concern.rung is not None and concern.escalated_at is not None:
        rungs = [(concern.rung.value, concern.escalated_at)]  # the events are not kept any more
    for rung, at in rungs:
        if rung == ConcernRung.SPONSOR.value:
            found.append(Moment(at, words.gettext("The sponsor was told.")))
        else:
            found.append(Moment(at, words.gettext("The coordinators were told.")))
    if concern.withdrawn_at is not None:
        found.append(Moment(concern.withdrawn_at, words.gettext("The person changed the answer and so withdrew it.")))
    elif concern.resolved_at is not None:
        by = (
            words.gettext("It was resolved.")
            if concern.resolved_by
            else words.gettext("It ended with its pair or cycle.")
        )
        found.append(Moment(concern.resolved_at, by))
    return tuple(sorted(found, key=lambda one: one.at))


def history_of(pair: Pair, concerns: Iterable[Concern], words: Words) -> tuple[Moment, ...]:
    """What happened to the pair, oldest first: dates and codes, and nothing that anybody wrote."""
    found = [*_of_pair(pair, words)]
    found += [Moment(one.raised_at, words.gettext("A concern was raised.")) for one in concerns]
    return tuple(sorted(found, key=lambda one: one.at))


def _of_pair(pair: Pair, words: Words) -> Iterator[Moment]:
    yield Moment(pair.proposed_at, words.gettext("The pair was proposed."))
    if pair.offered_at is not None:
        yield Moment(pair.offered_at, words.gettext("It was offered to both."))
    if pair.mentor_accepted_at is not None:
        yield Moment(pair.mentor_accepted_at, words.gettext("The mentor accepted."))
    if pair.mentee_accepted_at is not None:
        yield Moment(pair.mentee_accepted_at, words.gettext("The mentee accepted."))
    if pair.activated_at is not None:
        yield Moment(pair.activated_at, words.gettext("The pair became active."))
    if pair.ended_at is not None and pair.end_reason is not None:
        reason = words.gettext(END_REASONS[pair.end_reason])
        yield Moment(pair.ended_at, words.gettext("The pair ended: %(reason)s.", reason=reason))
