"""The dispatcher: events move workflows.

It reads the log in order, looks up in `workflows.reactions` what each event asks for, and starts or signals that
workflow. It knows nothing else. The cursor is moved afterwards, so an event is dispatched at least once, and again
after a crash. That does no harm: a workflow id is started only once, and each signal carries the event's sequence and
id and the log's epoch, by which the workflow recognizes what it has heard already.

While Temporal is away, the cursor does not move and nothing is lost. An event that can never be dispatched is recorded
in `undispatchable` with a code, and the dispatcher goes on with the next one.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from services.events.log.store import reading
from services.events.log.store.reading import EventBrief
from shared.contracts.events import CATALOGUE, EventData, EventRecord
from shared.temporal import WORKFLOWS_QUEUE
from workflows.reactions import SILENT, Reaction, Signal, Start, reaction_to

log = structlog.get_logger(__name__)
CONSUMER = "dispatcher"
CALL_SECONDS = 5.0


class TemporalAway(Exception):
    """Temporal cannot take the event now; the reason is a code. Try again later."""


class CannotDispatch(Exception):
    """This event can never be dispatched; the reason is a code."""


class Progress(NamedTuple):
    dispatched: int
    """How many events are done with, undispatchable ones included."""
    away: str | None = None
    """Why Temporal was away and the batch stopped early, as a code; None if it did not stop."""


class Dispatcher:
    """Executes reactions. `react` says what an event asks for. Events of the `silent` types never ask for anything."""

    def __init__(
        self,
        client: Client,
        react: Callable[[EventRecord, EventData], Reaction] = reaction_to,
        *,
        silent: Collection[str] = SILENT,
        limit: int = 500,
    ) -> None:
        self._client = client
        self._react = react
        self._silent = silent
        self._limit = limit

    async def dispatch_batch(self, session: AsyncSession) -> Progress:
        """Dispatches the next events and commits the new position of the cursor. `session` comes from
        `reading.only_dispatcher`. No transaction is open while Temporal is called."""
        batch = await reading.read_unread_types(session, CONSUMER, self._limit)
        events = await reading.read_records(session, [found for found in batch if not self._is_silent(found)])
        # Read after the events: whoever sees an event that was given its sequence after a restore sees the new epoch.
        epoch = await reading.read_epoch(session) if events else None
        await session.commit()
        away: str | None = None
        done = 0
        for position in (found.position for found in batch):
            if (event := events.get(position)) is None:
                done += 1
                continue
            try:
                await self._dispatch(event.model_copy(update={"epoch": epoch}))
            except TemporalAway as error:
                away = str(error)
                break
            except CannotDispatch as error:
                log.error("event.undispatchable", event_id=str(event.id), type=event.type, code=str(error))
                await reading.record_undispatchable(session, position, event, str(error))
                await reading.move_cursor(session, CONSUMER, position)
                await session.commit()
            done += 1
        if done:
            await reading.move_cursor(session, CONSUMER, batch[done - 1].position)
            await session.commit()
        return Progress(done, away)

    def _is_silent(self, found: EventBrief) -> bool:
        """Whether the event need not be read: its version is known here, and nothing reacts to its type."""
        return found.type in self._silent and found.version <= CATALOGUE[found.type].version

    async def _dispatch(self, event: EventRecord) -> None:
        """Raises TemporalAway or CannotDispatch."""
        reaction = self._reaction_to(event)
        if reaction is None:
            return
        try:
            async with asyncio.timeout(CALL_SECONDS):
                outcome = await self._execute(reaction)
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise CannotDispatch("refused_by_temporal") from error
            raise TemporalAway(error.status.name.lower()) from error
        except (OSError, RuntimeError) as error:  # a client that could never connect, or our own time limit
            raise TemporalAway(type(error).__name__) from error
        except Exception as error:  # such as an argument that cannot be serialized: no later try can differ
            raise CannotDispatch("not_sendable") from error
        log.info(
            "event.dispatched",
            event_id=str(event.id),
            organization_id=str(event.organization_id),
            sequence=event.sequence,
            type=event.type,
            workflow_id=reaction.id if isinstance(reaction, Start) else reaction.workflow_id,
            outcome=outcome,
        )

    def _reaction_to(self, event: EventRecord) -> Reaction:
        model = CATALOGUE.get(event.type)
        if model is None or event.version > model.version:
            raise CannotDispatch("unknown_event_type")
        try:
            data = event.parse()
        except ValidationError as error:
            raise CannotDispatch("invalid_event_data") from error
        try:
            return self._react(event, data)
        except Exception as error:  # a bug in one reaction must not hold up every other event
            raise CannotDispatch("reaction_failed") from error

    async def _execute(self, reaction: Start | Signal) -> str:
        """Starts or signals the workflow, and returns the result as a code."""
        if isinstance(reaction, Start):
            return await self._start(reaction)
        return await self._signal(reaction)

    async def _start(self, start: Start) -> str:
        try:
            await self._client.start_workflow(
                start.workflow,
                start.argument,
                id=start.id,
                task_queue=WORKFLOWS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowAlreadyStartedError:
            return "over_already"
        return "started"

    async def _signal(self, signal: Signal) -> str:
        handle = self._client.get_workflow_handle(signal.workflow_id)
        arguments = [] if signal.argument is None else [signal.argument]
        try:
            await handle.signal(signal.name, args=arguments)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND or _namespace_is_missing(error):
                raise
            return "over_already"
        return "signalled"


def _namespace_is_missing(error: RPCError) -> bool:
    """Whether NOT_FOUND is about the whole namespace, as while a server starts, and not about the workflow. Only the
    details of the error say which."""
    return any(detail.type_url.endswith(".NamespaceNotFoundFailure") for detail in error.grpc_status.details)
