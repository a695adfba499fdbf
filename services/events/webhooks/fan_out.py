"""The fan-out turns events of the log into deliveries, and calls the workflow of each endpoint that has something to
send.

One process works at a time; the others stand by. One transaction holds a batch: its deliveries, the marks of the
endpoints to be called, and the cursor. So a crash repeats nothing and leaves nothing out. The workflows are called
after that commit, and each call is recorded after it was made. A crash in between repeats the call, which does no harm.
While Temporal is away, deliveries wait. If it fails at one endpoint alone, that one is called again later, after a
growing pause, and holds up no other.
"""

import asyncio
from time import monotonic
from uuid import UUID

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from services.events.log.calling import CALL_SECONDS, temporal_is_well
from services.events.log.dispatcher import TemporalAway
from services.events.log.waiting import Backoff
from services.events.webhooks.store import fan_out
from shared.contracts.endpoints import EndpointRef
from shared.database import Database
from shared.temporal import WORKFLOWS_QUEUE, is_for_all
from workflows.endpoint import EndpointWorkflow
from workflows.ids import endpoint_workflow_id

log = structlog.get_logger(__name__)
BATCH = 1000
CALLS_AT_ONCE = 20
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""How long an endpoint waits that could not be called, at first and at most."""
FORGET_SECONDS = 600.0


class FanOut:
    """Any number of processes may run one. It works in one process at a time."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client
        self._put_off: dict[UUID, tuple[float, Backoff]] = {}
        """Endpoints that could not be called: when they are called again, and how long they wait after that."""

    async def step(self) -> bool:
        """Fans out one batch, calls the workflows of the endpoints that are marked, and returns whether there is more
        to do at once. Raises TemporalAway."""
        async with self._database.transaction() as session:
            events = 0
            if await fan_out.has_events(session):
                if not await fan_out.try_lock_fanout(session):
                    return False
                events = await fan_out.fan_out(session, BATCH)
            calls = await fan_out.has_calls(session)
        called = await self._call_endpoints() if calls else 0
        return events == BATCH or called == CALLS_AT_ONCE

    async def _call_endpoints(self) -> int:
        """Calls some of the endpoints that are marked, and returns how many."""
        async with self._database.transaction() as session:
            called = await fan_out.read_called(session, CALLS_AT_ONCE, self._waiting())
        if not called:
            return 0
        told = await asyncio.gather(*(self._tell(one.endpoint) for one in called), return_exceptions=True)
        heard = [one for one, failure in zip(called, told, strict=True) if failure is None]
        if heard:
            async with self._database.transaction() as session:
                await fan_out.note_told(session, heard)
        for one, failure in zip(called, told, strict=True):
            if failure is None:
                self._put_off.pop(one.endpoint.endpoint_id, None)
            else:
                await self._tell_failure(one.endpoint, failure)
        return len(called)

    def _waiting(self) -> list[UUID]:
        """The endpoints that are not called yet. One that has been gone for long is forgotten."""
        now = monotonic()
        self._put_off = {
            one: (until, own) for one, (until, own) in self._put_off.items() if until > now - FORGET_SECONDS
        }
        return [endpoint_id for endpoint_id, (until, _) in self._put_off.items() if until > now]

    async def _tell_failure(self, endpoint: EndpointRef, failure: BaseException) -> None:
        """Raises TemporalAway if the failure means that. Any other failure is logged, and this endpoint alone is called
        again later."""
        if not isinstance(failure, Exception):
            raise failure
        code = failure.status.name.lower() if isinstance(failure, RPCError) else type(failure).__name__
        if isinstance(failure, RPCError):
            away = is_for_all(failure)
        else:  # our own time limit is an OSError, and a client that never connected raises a RuntimeError, as a bug may
            away = isinstance(failure, OSError | RuntimeError) and not await temporal_is_well(self._client)
        if away:
            raise TemporalAway(code, for_all=True) from failure
        _, pauses = self._put_off.get(endpoint.endpoint_id, (0, Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)))
        self._put_off[endpoint.endpoint_id] = monotonic() + pauses.next(), pauses
        log.error(
            "endpoint.not_called",
            organization_id=str(endpoint.organization_id),
            endpoint_id=str(endpoint.endpoint_id),
            error=type(failure).__name__,
            code=code,
        )

    async def _tell(self, endpoint: EndpointRef) -> None:
        """Starts the endpoint's workflow, or wakes it."""
        async with asyncio.timeout(CALL_SECONDS):
            await self._client.start_workflow(
                EndpointWorkflow.run,
                endpoint,
                id=endpoint_workflow_id(endpoint.endpoint_id),
                task_queue=WORKFLOWS_QUEUE,
                start_signal="call",
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
