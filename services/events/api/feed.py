"""HTTP edge of the event log: the feed that other systems read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.events.log.feed import Wanted, find_checkpoint, read_or_wait
from services.events.log.rules.cloudevents import CycleEvents, EventPage, history_of, parse_types, told_to_viewers
from services.events.log.rules.digest import Checkpoint
from services.events.log.store import reading
from shared.auth import Role, Viewer
from shared.http.dependencies import AppDatabase, Session, Stopping
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/events", tags=["events"])
history_router = APIRouter(route_class=Route, prefix="/v1/cycles", tags=["events"])

After = Annotated[int, Query(ge=0, le=2**63 - 1, description="the last sequence you have; 0 for the beginning")]
Limit = Annotated[int, Query(ge=1, le=1000, description="events a page")]
Types = Annotated[
    str | None,
    Query(max_length=2000, description="only these types, separated by commas, such as `cycle.completed,pair.ended`"),
]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=30,
        allow_inf_nan=False,
        description="seconds to wait for events when there are none; 0 answers at once",
    ),
]
Before = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="only events before this sequence: `next` of the page before")
]
At = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="an earlier sequence; by default the last one")]
Epoch = Annotated[UUID | None, Query(description="the epoch that you know; 409 `epoch_changed` if it is not the log's")]


@router.get("", responses=refusals(409, 410, 429))
async def read_events(
    request: Request,
    caller: Viewer,
    session: Session,
    database: AppDatabase,
    stopping: Stopping,
    after: After = 0,
    limit: Limit = 100,
    types: Types = None,
    wait: Wait = 0,
    epoch: Epoch = None,
) -> EventPage:
    """Your organization's events in order, each exactly once and none skipped. Keep `after` and ask again. With `wait`
    the answer comes with the next event, or is empty when the time is over; 100 requests of an organization may wait,
    and one more is 429. It is 410 when the next event is no longer kept, and 409 when the log was restored. Viewers
    read `not_told` as the reason of a concern, and the nil UUID as the pair of an answer to a check-in or survey."""
    wanted = Wanted(caller.organization_id, after, limit, frozenset(parse_types(types)), epoch)
    await session.commit()  # the caller is known: nothing is held while waiting

    async def client_has_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    page = await read_or_wait(database, wanted, wait, [client_has_gone, stopping.wait])
    return page if caller.role.covers(Role.COORDINATOR) else told_to_viewers(page)


@router.get("/checkpoint", responses=refusals(404, 409))
async def read_checkpoint(caller: Viewer, session: Session, at: At = None, epoch: Epoch = None) -> Checkpoint:
    """How many events there are, and the digest of all of them. Compare it with your own: equal digests prove that you
    have every event, unchanged."""
    return await find_checkpoint(session, caller.organization_id, at, epoch)


@history_router.get("/{cycle_id}/events")
async def list_cycle_events(
    cycle_id: UUID,
    caller: Viewer,
    session: Session,
    types: Types = None,
    before: Before = None,
    limit: Limit = 50,
) -> CycleEvents:
    """What happened in one cycle, newest first, as far as events are kept. Whoever must miss nothing follows the feed
    (`GET /v1/events`). Viewers read here what they read there."""
    wanted = parse_types(types)
    found = await reading.read_cycle_events(session, caller.organization_id, cycle_id, wanted, before, limit + 1)
    page = history_of(found, limit)
    return page if caller.role.covers(Role.COORDINATOR) else page.told_to_viewers()
