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
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from services.events.log.calling import CALL_SECONDS, Caller, temporal_is_well
from services.events.log.holding import read_held
from services.events.log.store import behind as behind_store
from services.events.log.store import reading, set_aside
from services.events.log.store.behind import Behind, OwnEvent
from services.events.log.store.reading import EventBrief
from shared.contracts.base import Origin
from shared.contracts.events import CATALOGUE, EventData, EventRecord
from shared.telemetry.metrics import DISPATCHED, REGISTRY
from shared.telemetry.spans import span
from shared.temporal import is_for_all
from shared.tracing import following
from workflows.reactions import SILENT, Reaction, Signal, Start, reaction_to

log = structlog.get_logger(__name__)
CONSUMER = "dispatcher"
LOOK_SECONDS = 5.0
"""How often the dispatcher looks whether an event that was set aside is due."""
PATIENCE_SECONDS = 15.0
"""When Temporal is well but has failed at one event for this long, that event is set aside."""
SHARE = 10
"""So many events of one organization are dispatched in a batch, of those that ask for something."""
SLICE_SECONDS = 0.02
"""For so long an organization that is behind is served before the others are looked at again."""
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


class Waiting(NamedTuple):
    """What events have to wait for, and the epoch of the log that holds them."""

    epoch: UUID | None
    held: Collection[tuple[UUID, str]] = ()
    """Workflows whose later events wait for one that was set aside, each with its organization."""
    on_hold: Collection[UUID] | None = ()
    """The organizations that are held since a restore; None if all are."""


class Dispatcher(Caller):
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
        super().__init__(client)
        self._react = react
        self._silent = silent
        self._limit = limit
        self._patience = patience
        self._looks_at = 0.0
        self._served: UUID | None = None
        """The organization that was behind and was served last."""
        self._stuck: tuple[int, float] | None = None
        """The position of the event at which Temporal fails, and since when."""

    async def dispatch_batch(self, session: AsyncSession) -> Progress:
        """Dispatches the next events and commits the new position of the cursor. `session` comes from
        `reading.only_dispatcher`. No transaction is open while Temporal is called."""
        if time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + LOOK_SECONDS
            if away := await self._try_again(session):
                return Progress(0, away)
        progress = await self._dispatch_next(session)
        if progress.away is not None:
            return progress
        caught_up, away = await self._serve_behind(session)
        return Progress(progress.dispatched + caught_up, away)

    async def _dispatch_next(self, session: AsyncSession) -> Progress:
        """Dispatches the next events of all organizations that are not behind, up to its share of each."""
        batch = await reading.read_unread_types(session, CONSUMER, self._limit)
        events = await reading.read_records(session, [found for found in batch if not self._is_silent(found)])
        waiting = await self._read_waiting(session, events)
        apart = {one.organization_id for one in await behind_store.read_behind(session)} if events else set()
        await session.commit()
        if waiting.on_hold is None:
            return Progress(0, ON_HOLD)
        fallen: list[Behind] = []
        taken = Counter[UUID]()
        away, done, passed = None, 0, 0
        for day, position, *_ in batch:
            event = events.get(position)
            if event is not None and event.organization_id not in apart and taken[event.organization_id] >= SHARE:
                apart.add(event.organization_id)
                fallen.append(Behind(event.organization_id, day, event.sequence - 1))
            if event is None or event.organization_id in apart:
                done, passed = done + 1, passed + (event is not None)
                continue
            taken[event.organization_id] += 1
            try:
                refusal = await self._try(position, event, waiting)
            except TemporalAway as error:
                away = str(error)
                break
            if refusal is not None:
                await self._set_aside(session, position, event, refusal)
                await behind_store.add_behind(session, fallen)
                await reading.move_cursor(session, CONSUMER, position)
                waiting = await self._read_held_anew(session, waiting)
            done += 1
        if done:
            await behind_store.add_behind(session, fallen)
            await reading.move_cursor(session, CONSUMER, batch[done - 1].position)
            await session.commit()
        return Progress(done - passed, away)

    async def _serve_behind(self, session: AsyncSession) -> Progress:
        """Dispatches the next events of one organization that is behind. They take turns."""
        found = await behind_store.read_behind(session)
        if not found:
            await session.commit()
            return Progress(0)
        served = self._served
        one = next((one for one in found if served is None or one.organization_id > served), found[0])
        self._served = one.organization_id
        own = await behind_store.read_next(session, one, CONSUMER, self._limit)
        is_last = len(own) < self._limit
        asking = [found.brief for found in own if not self._is_silent(found.brief)]
        if len(asking) > SHARE:
            own = own[: [found.brief for found in own].index(asking[SHARE])]
            is_last = False
        events = await reading.read_records(session, asking[:SHARE])
        waiting = await self._read_waiting(session, events)
        await session.commit()
        if waiting.on_hold is None:
            return Progress(0, ON_HOLD)
        return await self._dispatch_own(session, one, own, is_last, events, waiting)

    async def _dispatch_own(
        self,
        session: AsyncSession,
        one: Behind,
        own: Sequence[OwnEvent],
        is_last: bool,
        events: dict[int, EventRecord],
        waiting: Waiting,
    ) -> Progress:
        """Dispatches events of one organization until its time is over. If these are its last, it has caught up."""
        until = time.monotonic() + SLICE_SECONDS
        away, done = None, 0
        for found in own:
            event = events.get(found.brief.position)
            if event is not None:
                if done and time.monotonic() >= until:
                    break
                try:
                    refusal = await self._try(found.brief.position, event, waiting)
                except TemporalAway as error:
                    away = str(error)
                    break
                if refusal is not None:
                    await self._set_aside(session, found.brief.position, event, refusal)
                    await behind_store.note_reached(session, one.organization_id, found)
                    waiting = await self._read_held_anew(session, waiting)
            done += 1
        if is_last and done == len(own):
            await behind_store.remove_behind(session, one.organization_id)
        elif done:
            await behind_store.note_reached(session, one.organization_id, own[done - 1])
        await session.commit()
        return Progress(done, away)

    async def _read_waiting(self, session: AsyncSession, events: Collection[object]) -> Waiting:
        """Reads it after the events: whoever sees an event that was given its sequence after a restore sees the new
        epoch."""
        if not events:
            return Waiting(None)
        epoch = await reading.read_epoch(session)
        return Waiting(epoch, await set_aside.read_held(session), await read_held(session))

    async def _read_held_anew(self, session: AsyncSession, waiting: Waiting) -> Waiting:
        """Commits that an event was set aside, and reads what waits for it."""
        await session.commit()
        held = await set_aside.read_held(session)
        await session.commit()
        return waiting._replace(held=held)

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

    async def _try(self, position: int, event: EventRecord, waiting: Waiting) -> CannotDispatch | None:
        """Dispatches the event, or returns why it must be set aside. Raises TemporalAway."""
        known = event.model_copy(update={"epoch": waiting.epoch})
        try:
            await self._dispatch(known, waiting.held, waiting.on_hold or ())
        except TemporalAway as error:
            if not await self._is_stuck(position, error):
                raise
            return CannotDispatch(f"temporal_{error}", _about(event))
        except CannotDispatch as error:
            return error
        return None

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


def _about(event: EventRecord) -> str:
    """The workflow that an event is about, by its subject: `cycle/…` names the workflow `cycle-…`."""
    return event.subject.replace("/", "-", 1)
