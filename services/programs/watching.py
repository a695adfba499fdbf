"""Watching whether cycles move: every minute each running cycle is held against what should move it.

A round that is open though its deadline is over, a workflow that is gone or fails again and again, an activity that
does so or that no worker takes (`steps.py`), and an event that has not been told for minutes mean that a cycle stands
still and nobody would hear of it. What is found is written to the cycle's row and told by the event `cycle.stalled`,
once. What cannot be asked just now, such as Temporal while it is away, leaves what was known before as it is.

Every process that runs the worker of programs watches. Two that find the same write it once. The relay does not watch,
as it is one of the parts that are watched.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import httpx
import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from services.programs.steps import OF_STEPS, Looked, Steps
from services.programs.store import stalls, standing
from services.programs.store.stalls import RunningCycle
from shared.attention.waiting import OVERDUE
from shared.contracts.base import SEARCHED_CYCLE, Service
from shared.contracts.overview import StallReason, WaitingEvents
from shared.database import Database
from shared.errors import DomainError
from shared.http.internal import Internal
from shared.logging import where
from shared.rounds.store import OpenRoundOf, read_open_rounds
from shared.temporal import is_away, is_missing

log = structlog.get_logger(__name__)
LOOK_SECONDS = 60.0
LATE_SECONDS = 120
"""An event that was not told to its workflow for so long waits for something that is broken."""
YOUNG = timedelta(minutes=2)
"""The workflow of a cycle that was requested just now may not have started yet."""
NOBODY = UUID(int=0)
"""The organization of a question about all organizations."""
CYCLE, ROUND = "cycle-", "round-"
"""How the ids of workflows begin, before the id of what they are about (`workflows/ids.py`)."""
FAILING = (
    "ExecutionStatus = 'Running' AND TemporalReportedProblems IN "
    "('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)
RUNNING = (
    "ExecutionStatus = 'Running' AND WorkflowType IN ('CycleWorkflow', 'RoundWorkflow', 'AnnouncementWorkflow', "
    "'ConcernWorkflow', 'DigestWorkflow')"
)
SEARCHED = SearchAttributeKey.for_keyword(SEARCHED_CYCLE)
OF_EVENTS = (StallReason.EVENT_SET_ASIDE, StallReason.EVENTS_WAITING)
URGENCY = tuple(StallReason)
"""Of several reasons, the one that explains the others is told."""


class Found(NamedTuple):
    """Why cycles do not move, and which reasons could not be looked into."""

    reasons: Mapping[UUID, Collection[StallReason]]
    unknown: Collection[StallReason]
    looked_at: Collection[UUID]
    """The cycles whose steps were looked at. The others have their turn later."""

    def reason_of(self, cycle: RunningCycle) -> StallReason | None:
        unknown = (*self.unknown, *(OF_STEPS if cycle.id not in self.looked_at else ()))
        before = {one for one in unknown if one == cycle.stall_reason}
        found = {*self.reasons.get(cycle.id, ()), *before}
        return next((one for one in URGENCY if one in found), None)


class Watch:
    """Looks at all running cycles."""

    def __init__(self, database: Database, internal: Internal, client: Client) -> None:
        self._database, self._internal, self._client = database, internal, client
        self._steps = Steps(client)

    async def look(self) -> None:
        """One look. Raises what the database raises."""
        async with self._database.transaction() as session:
            await standing.note_ended_pauses(session)
            running = await stalls.read_running(session)
            rounds = await read_open_rounds(session) if running else []
        if not running:
            return
        found = await self._find(running, rounds, datetime.now(UTC))
        for cycle in running:
            reason = found.reason_of(cycle)
            if reason != cycle.stall_reason:
                async with self._database.transaction() as session:
                    await stalls.note_stall(session, cycle, reason)

    async def _find(self, running: list[RunningCycle], rounds: list[OpenRoundOf], now: datetime) -> Found:
        reasons: dict[UUID, set[StallReason]] = {cycle.id: set() for cycle in running}
        unknown: set[StallReason] = set()

        def add(cycle_id: UUID | None, reason: StallReason) -> None:
            if cycle_id in reasons:
                reasons[cycle_id].add(reason)

        paused = {cycle.id for cycle in running if cycle.paused}
        for one in rounds:
            if now - one.closes_at >= OVERDUE and one.cycle_id not in paused:
                add(one.cycle_id, StallReason.ROUND_OVERDUE)
        of_round = {f"{ROUND}{one.id}": one.cycle_id for one in rounds}
        with _unless_away(unknown, StallReason.WORKFLOW_FAILING):
            async for cycle_id in self._failing(of_round):
                add(cycle_id, StallReason.WORKFLOW_FAILING)
        looked = Looked({}, ())
        with _unless_away(unknown, StallReason.WORKFLOW_MISSING, *OF_STEPS):
            listed = await self._read_workflows(of_round)
            async for cycle_id in self._without_workflow(running, listed, now):
                add(cycle_id, StallReason.WORKFLOW_MISSING)
            stuck = {one.id for one in running if one.stall_reason in OF_STEPS}
            workflows = {one.id: {f"{CYCLE}{one.id}", *listed[one.id]} for one in running}
            looked = await self._steps.look(workflows, stuck, now)
        for cycle_id, of_steps in looked.reasons.items():
            for reason in of_steps:
                add(cycle_id, reason)
        try:
            waiting = await self._read_waiting()
        except (httpx.HTTPError, DomainError) as error:
            log.warning("watch.events_away", error=type(error).__name__)
            unknown |= set(OF_EVENTS)
        else:
            for late in waiting.cycles:
                add(late.cycle_id, StallReason.EVENTS_WAITING)
            for held in waiting.held:
                add(of_round.get(held.workflow_id) or _cycle_of(held.workflow_id), StallReason.EVENT_SET_ASIDE)
        return Found(reasons, unknown, looked.cycles)

    async def _read_waiting(self) -> WaitingEvents:
        params = {"seconds": LATE_SECONDS}
        return await self._internal.get(Service.EVENTS, "/waiting", WaitingEvents, NOBODY, params)

    async def _failing(self, of_round: Mapping[str, UUID]) -> AsyncIterator[UUID | None]:
        """A server that reports no problems refuses to be asked."""
        async for failing in self._client.list_workflows(FAILING):
            told = failing.typed_search_attributes.get(SEARCHED)
            yield of_round.get(failing.id) or _cycle_of(told or failing.id)

    async def _read_workflows(self, of_round: Mapping[str, UUID]) -> Mapping[UUID, set[str]]:
        """The workflows of each cycle that run, as far as they tell whose they are. The list is late."""
        found = defaultdict[UUID, set[str]](set)
        for round_workflow, cycle_id in of_round.items():
            found[cycle_id].add(round_workflow)
        async for one in self._client.list_workflows(RUNNING):
            if cycle := _cycle_of(one.typed_search_attributes.get(SEARCHED) or one.id):
                found[cycle].add(one.id)
        return found

    async def _without_workflow(
        self, running: list[RunningCycle], listed: Mapping[UUID, set[str]], now: datetime
    ) -> AsyncIterator[UUID]:
        """Each cycle that the list lacks is looked up by itself."""
        for one in running:
            workflow_id = f"{CYCLE}{one.id}"
            lacks = workflow_id not in listed[one.id] and now - one.requested_at >= YOUNG
            if lacks and not await self._runs(workflow_id):
                yield one.id

    async def _runs(self, workflow_id: str) -> bool:
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if not is_missing(error):
                raise
            return False
        return found.status is WorkflowExecutionStatus.RUNNING


@contextmanager
def _unless_away(unknown: set[StallReason], *reasons: StallReason) -> Iterator[None]:
    """If Temporal cannot be asked, these reasons are not known just now."""
    try:
        yield
    except (RPCError, RuntimeError, OSError) as error:
        if isinstance(error, RuntimeError) and not is_away(error):
            raise
        log.warning("watch.temporal_away", error=type(error).__name__, reason=reasons[0].value)
        unknown |= set(reasons)


async def keep_watching(watch: Watch, stop: asyncio.Event) -> None:
    """Looks every minute until `stop` is set. The first look is a minute after the start, when what was due while
    nothing ran has been done."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while not (await asyncio.wait([stopping], timeout=LOOK_SECONDS))[0]:
            looking = asyncio.create_task(watch.look())
            await asyncio.wait([looking, stopping], return_when=asyncio.FIRST_COMPLETED)
            looking.cancel()
            for failed in await asyncio.gather(looking, return_exceptions=True):
                if isinstance(failed, Exception):
                    log.warning("watch.failed", error=type(failed).__name__, where=where(failed))
    finally:
        stopping.cancel()


def _cycle_of(name: str) -> UUID | None:
    """The cycle that a search attribute names, or whose workflow has this id."""
    try:
        return UUID(name.removeprefix(CYCLE))
    except ValueError:
        return None
