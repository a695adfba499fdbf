"""What the public API of programs and cycles answers."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.attention.waiting import Wait
from shared.contracts.base import Contract
from shared.contracts.overview import Stall
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Outcome, Stage, Topic
from shared.contracts.rounds import RoundCounts, RoundKind

ProgramSort = Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"]
CycleSort = Literal["requested_at", "-requested_at", "starts_at", "-starts_at", "stage_changed_at", "-stage_changed_at"]
"""How the lists are sorted; the minus sign turns the order round."""


class Program(Contract):
    """A program as it is defined now. `version` is also its ETag."""

    id: UUID
    name: str
    direction: Direction
    time_zone: str
    language: str
    """In which people are asked and written to whose own language neither the directory nor their browser tells."""
    topics: tuple[Topic, ...]
    calendar: Calendar
    policy: MatchingPolicy
    sponsor_id: UUID | None
    coordinator_ids: tuple[UUID, ...]
    recurs: bool
    archived_at: AwareDatetime | None = None
    """Since when the program starts no cycle any more, neither by itself nor by hand. Cycles that run go on."""
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    next_recurrence_at: AwareDatetime | None = None
    """When the next cycle starts by itself, computed at every read. It is null for a program that does not recur or is
    archived."""
    notes: tuple[str, ...] = ()
    """What somebody should know about the definition, such as a default reminder that does not fit into its round."""


class ProgramPage(Contract):
    items: tuple[Program, ...]
    next: str | None = None
    """The cursor of the next page, or null on the last page."""
    total: int | None = None
    """How many programs there are on all pages. Null on later pages."""


class PlannedRound(Contract):
    """One round of a cycle that has not begun."""

    kind: RoundKind
    number: int
    """Counts the rounds of its kind from 1."""
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    reminders_at: tuple[AwareDatetime, ...] = ()
    """When those are reminded who have not answered by then."""


class ProgramPreview(Contract):
    """What a definition would do. Nothing is stored."""

    next_recurrences: tuple[AwareDatetime, ...] = ()
    """When the next four cycles would start by themselves. Empty for a program that does not recur."""
    notes: tuple[str, ...] = ()
    """What somebody should know about the definition, as the program would tell it."""
    starts_at: AwareDatetime | None = None
    """The start for which `rounds` has the dates. It is never null."""
    rounds: tuple[PlannedRound, ...] = ()
    """The rounds of a cycle that starts then, as long as they may last, if its pairs are approved in the moment in
    which enrolment closes. Each day that the approval takes moves what follows by a day."""


class CycleSummary(Contract):
    """One cycle without its rounds. Its direction and calendar are those that it was requested with."""

    id: UUID
    program_id: UUID
    period: str
    stage: Stage
    paused: bool
    outcome: Outcome | None
    direction: Direction
    requested_at: AwareDatetime
    starts_at: AwareDatetime
    stage_changed_at: AwareDatetime
    cancellation_requested_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    calendar: Calendar
    stalled: Stall | None = None
    """Why the cycle does not move though it should, since when; null if nothing is wrong. It is noticed within five
    minutes."""


class Cycle(CycleSummary):
    rounds: tuple[RoundCounts, ...] = ()
    """The rounds in the order in which they opened, with their counts at this moment."""
    enrolled: int | None = None
    """How many people have enrolled so far, in any role, and have not left. Only `GET /v1/cycles/{cycle_id}` tells it;
    it is null in other answers, and while the service that counts them is away."""
    waits_for: Wait | None = None
    """What the cycle waits for now, since when, until when, and who can do something; null once it has ended."""
    notes: tuple[str, ...] = ()
    """How the request was filled in, such as which of the program's reminders a shorter round keeps. Only the answer to
    the request has them."""


class CyclePage(Contract):
    items: tuple[CycleSummary, ...]
    next: str | None = None
    total: int | None = None
    """How many cycles there are on all pages. Null on later pages, and if there are more than 20,000."""


class CycleOfProgram(CycleSummary):
    """A cycle in a list of those of all programs."""

    program_name: str
    """As the program is called now."""
    time_zone: str = "UTC"
    """The program's time zone now."""
    last_round: RoundCounts | None = None
    """The round that opened last, with its counts at this moment; null before the first one."""


class AllCyclesPage(Contract):
    items: tuple[CycleOfProgram, ...]
    next: str | None = None
    total: int | None = None
    """How many cycles there are on all pages. Null on later pages, and if there are more than 20,000."""


class RunningCycles(Contract):
    """The cycles of an organization that run, and all programs that are not archived."""

    organization_name: str
    cycles: tuple[CycleOfProgram, ...]
    programs: tuple[Program, ...]
