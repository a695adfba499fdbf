"""What the home page and the Monday overview tell: what needs a human, which cycles run, what happens soon. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from shared.attention.calendar import (
    Happening,
    NextStep,
    Step,
    What,
    happenings,
    next_of_approval,
    next_of_concern,
    next_of_cycle,
)
from shared.attention.resources import (
    AccessKeys,
    Concern,
    Concerns,
    Cycle,
    Cycles,
    Endpoint,
    Endpoints,
    MatchRuns,
    Messages,
    Programs,
)
from shared.attention.waiting import stall_of
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.matching import MatchRunState
from shared.contracts.overview import StallReason
from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundCounts, RoundState

SOON = timedelta(days=14)
MOST_CONCERNS = 8
"""So many are shown one by one; the page of concerns has the rest."""
MOST_HAPPENINGS = 20
AWAY = ("mail_server", "server_refuses")
"""What a message waits for while the mail server takes none."""


class Kind(IntEnum):
    """What needs a human, the most urgent first."""

    STALLED = 0
    """A cycle does not move though it should."""
    APPROVAL = 1
    """Matches wait for the approval; the cycle stands still until then."""
    REPLACEMENT = 2
    """New matches for those whose pair was declined wait for the approval, until the offers end."""
    MAIL_AWAY = 3
    CONCERN = 4
    MORE_CONCERNS = 5
    FAILED_MESSAGES = 6
    ENDPOINT_DISABLED = 7
    ENDPOINT_FAILING = 8
    KEYS_END = 9
    """Access keys expire soon, and nothing takes their place yet."""
    PEOPLE_LEFT = 10
    """Pairs have ended because somebody left. Nothing must be done."""


class Task(NamedTuple):
    kind: Kind
    cycle: Cycle | None = None
    since: datetime | None = None
    until: datetime | None = None
    step: NextStep | None = None
    concern: Concern | None = None
    endpoint: Endpoint | None = None
    stalled: StallReason | None = None
    name: str = ""
    """Whom a concern is about, if the visitor may know; what an endpoint is called: its description, or its host; what
    the access key is for that ends first."""
    number: int = 0
    more: bool = False
    """Whether there may be more than `number`."""


class Line(NamedTuple):
    """A running cycle."""

    cycle: Cycle
    next: Happening | None
    round: RoundCounts | None
    """The round that is open."""


class FirstSteps(NamedTuple):
    """What a company does that has had no cycle yet."""

    people: int
    programs: int
    program_id: UUID | None

    @property
    def current(self) -> int:
        """The number of the step that comes next, from 1."""
        return 1 if not self.people else 2 if not self.programs else 3


class Found(NamedTuple):
    """What was read. What the visitor may not read, or what could not be read just now, is empty."""

    cycles: Cycles
    programs: Programs = Programs()
    concerns: Concerns = Concerns()
    failed: Messages = Messages()
    waiting: Messages = Messages()
    endpoints: Endpoints = Endpoints()
    keys: AccessKeys = AccessKeys()
    """The valid ones."""
    names: Mapping[UUID, str] = {}
    """The names of people."""
    runs: Mapping[UUID, MatchRuns] = {}
    """The match runs of the cycles in which pairs may be replaced just now."""
    left: Mapping[UUID, int] = {}
    """How many pairs have ended lately because somebody left, by cycle."""
    first_steps: FirstSteps | None = None
    incomplete: bool = False
    """Whether something could not be read just now."""


class Home(NamedTuple):
    tasks: tuple[Task, ...]
    lines: tuple[Line, ...]
    more_cycles: int
    """How many more cycles run than are shown."""
    soon: tuple[Happening, ...]
    more_soon: int
    zone: str | None
    """The time zone of all times on the page; None if programs are in more than one."""
    first_steps: FirstSteps | None
    incomplete: bool
    now: datetime

    @property
    def may_move(self) -> bool:
        """Whether a pause may have moved something that happens soon."""
        return any(one.earliest for one in self.soon)


def home_of(found: Found, now: datetime) -> Home:
    cycles = found.cycles.items
    soon = sorted(_soon(found, now), key=lambda one: one.at)
    zones = {cycle.time_zone for cycle in cycles} | {one.program.time_zone for one in soon if one.program}
    return Home(
        tasks=tuple(sorted(_tasks(found, now), key=lambda task: (task.kind, *_urgency(task, now)))),
        lines=tuple(Line(cycle, next_of_cycle(cycle, now), _open_round(cycle)) for cycle in cycles),
        more_cycles=max((found.cycles.total or 0) - len(cycles), 0),
        soon=tuple(soon[:MOST_HAPPENINGS]),
        more_soon=max(len(soon) - MOST_HAPPENINGS, 0),
        zone=next(iter(zones)) if len(zones) == 1 else None,
        first_steps=found.first_steps,
        incomplete=found.incomplete,
        now=now,
    )


def _tasks(found: Found, now: datetime) -> list[Task]:
    return [
        *_stalled(found, now),
        *_approvals(found, now),
        *_mail(found.waiting),
        *_concerns(found, now),
        *_failed(found.failed, now),
        *_endpoints(found.endpoints),
        *_keys(found.keys, now),
        *_left(found),
    ]


def _stalled(found: Found, now: datetime) -> Iterator[Task]:
    for cycle in found.cycles.items:
        if (stall := stall_of(cycle, now)) is not None:
            yield Task(Kind.STALLED, cycle, since=stall.since, stalled=stall.reason)


def _approvals(found: Found, now: datetime) -> Sequence[Task]:
    tasks = [
        Task(Kind.APPROVAL, cycle, since=cycle.stage_changed_at, step=next_of_approval(cycle, now))
        for cycle in found.cycles.items
        if cycle.stage is Stage.REVIEW
    ]
    for cycle in found.cycles.items:
        runs = found.runs.get(cycle.id, MatchRuns()).items
        proposed = [run for run in runs if run.state is MatchRunState.PROPOSED and run.pairs_count]
        if proposed and cycle.stage is Stage.KICKOFF:
            until = cycle.last_round.closes_at if cycle.last_round and _open_round(cycle) else None
            tasks.append(Task(Kind.REPLACEMENT, cycle, since=proposed[-1].created_at, until=until))
    return tasks


def _mail(waiting: Messages) -> Sequence[Task]:
    away = [message for message in waiting.items if message.waiting_for in AWAY]
    if not away:
        return ()
    first = min(message.due_at for message in away)
    return (Task(Kind.MAIL_AWAY, since=first, number=len(away), more=waiting.next is not None),)


def _concerns(found: Found, now: datetime) -> Sequence[Task]:
    cycles = {cycle.id: cycle for cycle in found.cycles.items}
    tasks = [
        Task(
            Kind.CONCERN,
            cycle := cycles.get(concern.cycle_id),
            since=concern.raised_at,
            step=next_of_concern(concern, cycle, now),
            concern=concern,
            name=found.names.get(concern.person_id, "") if concern.person_id else "",
        )
        for concern in found.concerns.items
    ]
    shown = sorted(tasks, key=lambda task: _urgency(task, now))[:MOST_CONCERNS]
    total = found.concerns.total if found.concerns.total is not None else len(tasks)
    if total > len(shown):
        shown.append(Task(Kind.MORE_CONCERNS, number=total - len(shown)))
    return shown


def _failed(failed: Messages, now: datetime) -> Sequence[Task]:
    """Messages that failed lately. What failed long ago needs nobody any more."""
    recent = [message for message in failed.items if message.due_at > now - SOON]
    if not recent:
        return ()
    more = failed.next is not None and len(recent) == len(failed.items)
    return (Task(Kind.FAILED_MESSAGES, since=recent[-1].due_at, number=len(recent), more=more),)


def _endpoints(endpoints: Endpoints) -> Sequence[Task]:
    tasks = []
    for one in endpoints.items:
        name = one.description or urlsplit(one.url).hostname or one.url
        if one.state is EndpointState.DISABLED and one.disable_reason is not DisableReason.ADMIN:
            tasks.append(Task(Kind.ENDPOINT_DISABLED, since=one.disabled_at, endpoint=one, name=name))
        elif one.state is EndpointState.ENABLED and one.failing_since is not None:
            tasks.append(Task(Kind.ENDPOINT_FAILING, since=one.failing_since, endpoint=one, name=name))
    return tasks


def _keys(keys: AccessKeys, now: datetime) -> Iterator[Task]:
    open_ones = [one for one in keys.items if one.replaced_by is None]
    ends = sorted((one.expires_at, one.label) for one in open_ones if one.expires_at and one.expires_at <= now + SOON)
    if ends:
        yield Task(Kind.KEYS_END, until=ends[0][0], name=ends[0][1], number=len(ends))


def _left(found: Found) -> Sequence[Task]:
    cycles = [cycle for cycle in found.cycles.items if cycle.id in found.left]
    return [Task(Kind.PEOPLE_LEFT, cycle, number=found.left[cycle.id]) for cycle in cycles]


def _urgency(task: Task, now: datetime) -> tuple[int, datetime]:
    """Among tasks of one kind those come first about which the sponsor was told, then those whose next step is near."""
    if task.step is None or task.step.step is Step.STANDS_STILL:
        return 2, task.since or now
    return (0 if task.step.step is Step.SPONSOR_TOLD else 1), task.step.at or now


def _soon(found: Found, now: datetime) -> list[Happening]:
    ahead = [one for cycle in found.cycles.items for one in happenings(cycle, now)]
    ahead += [
        Happening(program.next_recurrence_at, What.RECURS, program=program)
        for program in found.programs.items
        if program.next_recurrence_at is not None
    ]
    return [one for one in ahead if now < one.at <= now + SOON]


def _open_round(cycle: Cycle) -> RoundCounts | None:
    found = cycle.last_round
    return found if found is not None and found.state is RoundState.OPEN else None
