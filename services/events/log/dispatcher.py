"""The dispatcher: events move workflows.

It reads the log in order, looks up in `workflows.reactions` what each event asks for, and starts or signals that
workflow. It knows nothing else. The cursor is moved afterwards, so an event is dispatched at least once, and again
after a crash. That does no harm: a workflow id is started only once, and each signal carries the event's sequence and
id and the log's epoch, by which the workflow recognizes what it has heard already.

While Temporal is away, the cursor does not move and nothing is lost. Only Temporal's own answers mean that, or that it
does not answer at all.

An event that cannot be dispatched is set aside, in the table `undispatchable` with a code, and the dispatcher goes on
with the next one: one organization's event never holds up another organization. It holds back the later events of its
own workflow, as their order matters. It is tried again until it is dispatched, for example by the next release, or
until an operator leaves it out (`upward events set-aside`).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from services.events.log.holding import read_held
from services.events.log.searchable import Searchable
from services.events.log.store import reading, set_aside
from services.events.log.store.reading import EventBrief
from shared.contracts.base import Origin
from shared.contracts.events import CATALOGUE, EventData, EventRecord
from shared.telemetry.metrics import DISPATCHED, REGISTRY
from shared.telemetry.spans import span
from shared.temporal import WORKFLOWS_QUEUE, is_for_all, is_missing
from shared.tracing import following
from workflows.reactions import SILENT, Reaction, Signal, Start, reaction_to
from workflows.searching import attributes_of, summary_of

log = structlog.get_logger(__name__)
CONSUMER = "dispatcher"
CALL_SECONDS = 5.0
LOOK_SECONDS = 5.0
"""How often the dispatcher looks whether an event that was set aside is due."""
PATIENCE_SECONDS = 15.0
"""When Temporal is well but has failed at one event for this long, that event is set aside."""
BEHIND = "behind_another"
ON_HOLD = "on_hold"
"""The organization is held since a restore (`services.events.log.holding`)."""


class TemporalAway(Exception):
    """Temporal cannot take the event now; the reason is a code. Try again later. `for_all` says that no other event
    would fare better."""

    def __init__(self, code: str, *, for_all: bool = False) -> None:
        super().__init__(code)
        self.for_all = for_all


class CannotDispatch(Exception):
    """This event cannot be dispatched; the reason is a code. `holds` is the workflow whose later events must wait for
    it."""

    def __init__(self, code: str, holds: str | None = None) -> None:
        super().__init__(code)
        self.holds = holds


class Progress(NamedTuple):
    dispatched: int
    """How many events are done with, those that were set aside included."""
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
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client = client
        self._searchable = Searchable(client)
        self._react = react
        self._silent = silent
        self._limit = limit
        self._patience = patience
        self._looks_at = 0.0
        self._stuck: tuple[int, float] | None = None
        """The position of the event at which Temporal fails, and since when."""

    async def dispatch_batch(self, session: AsyncSession) -> Progress:
        """Dispatches the next events and commits the new position of the cursor. `session` comes from
        `reading.only_dispatcher`. No transaction is open while Temporal is called."""
        if time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + LOOK_SECONDS
            if away := await self._try_again(session):
                return Progress(0, away)
        batch = await reading.read_unread_types(session, CONSUMER, self._limit)
        events = await reading.read_records(session, [found for found in batch if not self._is_silent(found)])
        # Read after the events: whoever sees an event that was given its sequence after a restore sees the new epoch.
        epoch = await reading.read_epoch(session) if events else None
        held = await set_aside.read_held(session) if events else set()
        on_hold = await read_held(session) if events else set()
        await session.commit()
        if on_hold is None:
            return Progress(0, ON_HOLD)
        away = None
        done = 0
        for position in (found.position for found in batch):
            if (event := events.get(position)) is None:
                done += 1
                continue
            try:
                await self._dispatch(event.model_copy(update={"epoch": epoch}), held, on_hold)
            except TemporalAway as error:
                if not await self._is_stuck(position, error):
                    away = str(error)
                    break
                await self._set_aside(session, position, event, CannotDispatch(f"temporal_{error}", _about(event)))
                held = await set_aside.read_held(session)
            except CannotDispatch as error:
                await self._set_aside(session, position, event, error)
                held = await set_aside.read_held(session)
            done += 1
        if done:
            await reading.move_cursor(session, CONSUMER, batch[done - 1].position)
            await session.commit()
        return Progress(done, away)

    async def _try_again(self, session: AsyncSession) -> str | None:
        """Tries the events that are set aside and due, and then those that waited for them. Returns why Temporal was
        away, as a code, if it was."""
        while due := await set_aside.read_due(session, self._limit):
            events = await set_aside.read_records(session, due)
            epoch = await reading.read_epoch(session)
            on_hold = await read_held(session)
            await session.commit()
            if on_hold is None:
                return ON_HOLD
            for one in due:
                event = events.get(one.position)
                try:
                    if event is None:
                        log.error("event.not_kept", event_id=str(one.event_id), code=one.reason)
                    else:
                        await self._dispatch(event.model_copy(update={"epoch": epoch}), on_hold=on_hold)
                except TemporalAway as error:
                    if error.for_all:
                        return str(error)
                    await set_aside.put_off(session, one.event_id, f"temporal_{error}", one.holds)
                except CannotDispatch as error:
                    await set_aside.put_off(session, one.event_id, str(error), error.holds)
                else:
                    await set_aside.release(session, one.event_id)
                await session.commit()
        await session.commit()
        return None

    async def _set_aside(self, session: AsyncSession, position: int, event: EventRecord, error: CannotDispatch) -> None:
        cause = error.__cause__
        tell = log.warning if str(error) in (BEHIND, ON_HOLD) else log.error
        tell(
            "event.undispatchable",
            event_id=str(event.id),
            organization_id=str(event.organization_id),
            sequence=event.sequence,
            type=event.type,
            workflow_id=error.holds,
            code=str(error),
            error=type(cause).__name__ if cause is not None else None,
        )
        await set_aside.set_aside(session, position, event, str(error), error.holds)
        await reading.move_cursor(session, CONSUMER, position)
        await session.commit()

    async def _is_stuck(self, position: int, error: TemporalAway) -> bool:
        """Whether Temporal fails at this event alone, and has done so for long."""
        if error.for_all:
            self._stuck = None
            return False
        if self._stuck is None or self._stuck[0] != position:
            self._stuck = position, time.monotonic()
        return time.monotonic() - self._stuck[1] >= self._patience and await temporal_is_well(self._client)

    def _is_silent(self, found: EventBrief) -> bool:
        """Whether the event need not be read: its version is known here, and nothing reacts to its type."""
        return found.type in self._silent and found.version <= CATALOGUE[found.type].version

    async def _dispatch(
        self, event: EventRecord, held: Collection[tuple[UUID, str]] = (), on_hold: Collection[UUID] = ()
    ) -> None:
        """Raises TemporalAway or CannotDispatch. Events of the workflows in `held` have to wait, and so have those of
        the organizations that are `on_hold` since a restore."""
        reaction = self._reaction_to(event)
        if reaction is None:
            return
        workflow_id = reaction.id if isinstance(reaction, Start) else reaction.workflow_id
        if (event.organization_id, workflow_id) in held:
            raise CannotDispatch(BEHIND, workflow_id)
        if event.organization_id in on_hold:
            raise CannotDispatch(ON_HOLD, workflow_id)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                outcome = await self._follow(event, reaction)
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise CannotDispatch("refused_by_temporal", workflow_id) from error
            raise TemporalAway(error.status.name.lower(), for_all=is_for_all(error)) from error
        except OSError as error:  # our own time limit is one
            raise TemporalAway(type(error).__name__) from error
        except Exception as error:
            # A client that could never connect raises a RuntimeError, and so may any bug. Only Temporal tells which.
            if isinstance(error, RuntimeError) and not await temporal_is_well(self._client):
                raise TemporalAway(type(error).__name__, for_all=True) from error
            raise CannotDispatch("not_sendable", workflow_id) from error
        REGISTRY.count(DISPATCHED, outcome)
        log.info(
            "event.dispatched",
            event_id=str(event.id),
            organization_id=str(event.organization_id),
            sequence=event.sequence,
            type=event.type,
            workflow_id=workflow_id,
            outcome=outcome,
            request_id=event.origin.request_id if event.origin is not None else None,
        )

    def _reaction_to(self, event: EventRecord) -> Reaction:
        model = CATALOGUE.get(event.type)
        if model is None or event.version > model.version:
            raise CannotDispatch("unknown_event_type")
        try:
            data = event.parse()
        except Exception as error:
            raise CannotDispatch("invalid_event_data", _about(event)) from error
        try:
            return self._react(event, data)
        except Exception as error:  # a bug in one reaction must not hold up every other event
            raise CannotDispatch("reaction_failed", _about(event)) from error

    async def _follow(self, event: EventRecord, reaction: Start | Signal) -> str:
        """Executes the reaction as something that follows from what the event follows from."""
        origin = event.origin or Origin()
        with following(origin), span(event.type, kind="consumer", parent=origin.traceparent, event_id=str(event.id)):
            return await self._execute(event.organization_id, reaction)

    async def _execute(self, organization_id: UUID, reaction: Start | Signal) -> str:
        """Starts or signals the workflow, and returns the result as a code."""
        if isinstance(reaction, Start):
            return await self._start(organization_id, reaction)
        return await self._signal(reaction)

    async def _start(self, organization_id: UUID, start: Start) -> str:
        attributes = attributes_of(organization_id, start.argument) if await self._searchable.is_known() else None
        try:
            try:
                await self._start_with(start, attributes)
            except RPCError as error:
                if attributes is None or error.status is not RPCStatusCode.INVALID_ARGUMENT:
                    raise
                self._searchable.doubt()
                await self._start_with(start, None)
        except WorkflowAlreadyStartedError:
            return "over_already"
        return "started"

    async def _start_with(self, start: Start, attributes: TypedSearchAttributes | None) -> None:
        await self._client.start_workflow(
            start.workflow,
            start.argument,
            id=start.id,
            task_queue=WORKFLOWS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=attributes,
            static_summary=summary_of(start.argument),
        )

    async def _signal(self, signal: Signal) -> str:
        handle = self._client.get_workflow_handle(signal.workflow_id)
        arguments = [] if signal.argument is None else [signal.argument]
        try:
            await handle.signal(signal.name, args=arguments)
        except RPCError as error:
            if not is_missing(error):
                raise
            return "over_already"
        return "signalled"


async def temporal_is_well(client: Client) -> bool:
    """Whether Temporal says so. It tells an error that means "Temporal is away" from a bug, where both have one
    class."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await client.service_client.check_health()
    except Exception:  # whatever it is, Temporal did not say that it is well
        return False


def _about(event: EventRecord) -> str:
    """The workflow that an event is about, by its subject: `cycle/…` names the workflow `cycle-…`."""
    return event.subject.replace("/", "-", 1)
