"""Reading the feed, and waiting for the next events.

A request that waits holds no connection. It reads events only when its organization's head has moved
(`watching.py`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.rules.cloudevents import EventPage, page_of
from services.events.log.rules.digest import Checkpoint, genesis
from services.events.log.store import reading
from services.events.log.store.reading import Extent, Head
from services.events.log.watching import Waiter, Waiters, watch_of
from shared.database import Database
from shared.errors import Conflict, Gone, NotFound


class EventsExpired(Gone):
    """The problem has the members `oldest`, the first sequence that is kept, and `epoch`."""

    code = "events_expired"


class EpochChanged(Conflict):
    """The problem has the member `epoch`, the log's present epoch."""

    code = "epoch_changed"


class AfterNotReached(Conflict):
    """The problem has the members `last`, the last sequence that there is, and `epoch`."""

    code = "after_not_reached"


class SequenceNotReached(NotFound):
    code = "sequence_not_reached"


class Wanted(NamedTuple):
    """What a reader of the feed asks for."""

    organization_id: UUID
    after: int
    limit: int
    types: frozenset[str] = frozenset()
    """Names of the catalogue; none means all types."""
    epoch: UUID | None = None
    """The epoch that the reader knows; None if it does not check."""


async def read_page(database: Database, wanted: Wanted) -> EventPage:
    """The events that are there now. The head is read first, as no event can appear at or below it later.

    Raises EpochChanged, AfterNotReached, EventsExpired.
    """
    organization_id, after, limit, types, epoch = wanted
    async with database.transaction() as session:
        extent = await reading.read_extent(session, organization_id, after)
        _check_epoch(extent, epoch)
        if after > extent.last:
            raise AfterNotReached(
                "There is no event of this sequence: the log was restored, or it is not yours. See how to resync.",
                last=extent.last,
                epoch=str(extent.epoch),
            )
        _check_kept(extent, after)
        if after == extent.last:
            return page_of([], after, limit, after, extent.epoch)
        found = await reading.read_feed(
            session, organization_id, after, limit + 1, types, up_to=extent.last, from_day=extent.from_day
        )
        # The extent is read once more: events of a day that was dropped in between would be missing from what was
        # found.
        _check_kept(await reading.read_extent(session, organization_id, after), after)
    return page_of(found, after, limit, extent.last, extent.epoch)


async def find_checkpoint(
    session: AsyncSession, organization_id: UUID, at: int | None, epoch: UUID | None
) -> Checkpoint:
    """The digest after the event `at`, by default the last one. Raises EpochChanged, SequenceNotReached,
    EventsExpired."""
    head = await reading.read_head(session, organization_id) or Head(0, genesis(organization_id))
    at = head.sequence if at is None else at
    extent = await reading.read_extent(session, organization_id, at)
    _check_epoch(extent, epoch)
    if at > head.sequence:
        raise SequenceNotReached("There is no event of this sequence yet: ask without `at` for the last.")
    digest: bytes | None
    if at in (0, head.sequence):
        digest = head.digest if at else genesis(organization_id)
    else:
        digest = await reading.read_digest(session, organization_id, at)
    if digest is None:
        raise _expired(await reading.read_extent(session, organization_id, at))
    return Checkpoint(sequence=at, epoch=extent.epoch, digest=digest.hex())


def _check_epoch(extent: Extent, epoch: UUID | None) -> None:
    if epoch not in (None, extent.epoch):
        raise EpochChanged(
            "The log was restored: events that you have may be lost. See how to resync.", epoch=str(extent.epoch)
        )


def _check_kept(extent: Extent, after: int) -> None:
    if after + 1 < extent.oldest:
        raise _expired(extent)


def _expired(extent: Extent) -> EventsExpired:
    return EventsExpired(
        f"These events are not kept any more: begin again at the oldest, with after={extent.oldest - 1}.",
        oldest=extent.oldest,
        epoch=str(extent.epoch),
    )


async def read_or_wait(
    database: Database, wanted: Wanted, seconds: float, endings: Sequence[Callable[[], Coroutine[Any, Any, object]]]
) -> EventPage:
    """The events that are there, or else the first that come within the time, or else an empty page.

    Waiting also ends when one of the `endings` returns, for example because the client has gone. Raises the same errors
    as `read_page`, and TooManyWaiting when so many requests of the organization wait already.
    """
    page = await read_page(database, wanted)
    if page.events or not seconds:
        return page
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with watch_of(database).among_waiters(database, wanted.organization_id) as here:
        ends = [asyncio.create_task(ending()) for ending in endings]
        try:
            while not page.events and await _has_moved(page, here, until - loop.time(), ends):
                async with here.turn:
                    page = await read_page(database, wanted._replace(after=page.after))
        finally:
            await _cancel(ends)
    return page


async def _has_moved(page: EventPage, here: Waiters, seconds: float, ends: Sequence["asyncio.Task[object]"]) -> bool:
    """Waits until the organization's head is another one than that of the page. False if the time is over before, or if
    one of `ends` is done."""
    waiter = Waiter(page.after, page.epoch)
    here.waiting.add(waiter)
    moved = asyncio.create_task(waiter.moved.wait())
    try:
        done, _ = await asyncio.wait({moved, *ends}, timeout=max(0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        here.waiting.discard(waiter)
        await _cancel([moved])
    return done == {moved}


async def _cancel(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
