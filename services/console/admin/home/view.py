"""What the home page shows. Pure."""

from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.programs import Direction, Outcome, Stage

ENDED = {Stage.COMPLETED, Stage.CANCELLED}


class ProgramLine(Contract):
    """What is read of a program."""

    id: UUID
    name: str
    direction: Direction
    time_zone: str
    next_recurrence_at: AwareDatetime | None = None


class ProgramLines(Contract):
    items: tuple[ProgramLine, ...]
    next: str | None = None


class CycleLine(Contract):
    """What is read of a cycle."""

    id: UUID
    period: str
    stage: Stage
    paused: bool
    outcome: Outcome | None = None
    stage_changed_at: AwareDatetime


class CycleLines(Contract):
    items: tuple[CycleLine, ...]


class ProgramCard(NamedTuple):
    program: ProgramLine
    running: tuple[CycleLine, ...]
    ended: tuple[CycleLine, ...]


class Home(NamedTuple):
    programs: tuple[ProgramCard, ...]
    more: bool
    """Whether there are more programs than are shown."""


def program_card(program: ProgramLine, cycles: tuple[CycleLine, ...]) -> ProgramCard:
    """The program with its cycles, newest first: those that run, and those that have ended."""
    running = tuple(cycle for cycle in cycles if cycle.stage not in ENDED)
    ended = tuple(cycle for cycle in cycles if cycle.stage in ENDED)
    return ProgramCard(program, running, ended)


def home_of(cards: tuple[ProgramCard, ...], more: bool) -> Home:
    """Programs with a running cycle come first; otherwise the order stays as it is."""
    return Home(tuple(sorted(cards, key=lambda card: not card.running)), more)
