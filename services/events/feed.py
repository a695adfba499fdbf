"""Reading the feed, and waiting for what comes next.

A request that waits holds no connection: every quarter of a second it borrows one for a look at the organization's
head, a row found by its key, and reads events only when the head has risen. Polls cost less than they seem to and need
no listener that can be lost; the sequencer's statements stay as they are.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.events import store
from services.events.cloudevents import EventPage, page_of
from shared.database import Database

POLL_SECONDS = 0.25


class Wanted(NamedTuple):
    """What a reader of the feed asks for."""

    organization_id: UUID
    after: int
    limit: int
    types: frozenset[str] = frozenset()
    """Of the catalogue; none means all."""


async def read_page(database: Database, wanted: Wanted) -> EventPage:
    """The events that are there now. The head is read first: nothing can appear at or below it any more."""
    organization_id, after, limit, types = wanted
    async with database.transaction() as session:
        head = await store.read_head(session, organization_id)
        if head is None or head.sequence <= after:
            return page_of([], after, limit, after)
        found = await store.read_feed(session, organization_id, after, limit + 1, types, up_to=head.sequence)
    return page_of(found, after, limit, head.sequence)


async def read_or_wait(
    database: Database, wanted: Wanted, seconds: float, endings: Sequence[Callable[[], Coroutine[Any, Any, object]]]
) -> EventPage:
    """The events that are there, or else the first that come within the time; an empty page when none came.

    It also ends when one of the `endings` comes about, such as that the client has gone.
    """
    page = await read_page(database, wanted)
    if page.events or not seconds:
        return page
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    ends = [asyncio.create_task(ending()) for ending in endings]
    try:
        while not page.events and (left := until - loop.time()) > 0:
            pause = min(left, POLL_SECONDS)
            ended, _ = await asyncio.wait(ends, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if ended:
                break
            page = await read_page(database, wanted._replace(after=page.after))
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return page
