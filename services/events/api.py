"""HTTP edge of the event log: the feed that other systems read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.events import store
from services.events.chain import Checkpoint, genesis
from services.events.cloudevents import EventPage, parse_types
from services.events.feed import Wanted, read_or_wait
from shared.auth import Viewer
from shared.errors import NotFound
from shared.http.dependencies import AppDatabase, Session, Stopping

router = APIRouter(prefix="/v1/events", tags=["events"])

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
At = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="an earlier sequence; by default the last")]


class SequenceNotReached(NotFound):
    code = "sequence_not_reached"


@router.get("")
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
) -> EventPage:
    """Your organization's events in order, each exactly once, none skipped: keep `after` and ask again. With `wait`
    the answer comes with the next event, or empty when the time is over."""
    wanted = Wanted(caller.organization_id, after, limit, frozenset(parse_types(types)))
    await session.commit()  # the caller is known: nothing is held while waiting

    async def client_has_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return await read_or_wait(database, wanted, wait, [client_has_gone, stopping.wait])


@router.get("/checkpoint")
async def read_checkpoint(caller: Viewer, session: Session, at: At = None) -> Checkpoint:
    """How many events there are and the digest of them all, to compare with your own: equal digests prove that you
    have every event, unchanged."""
    head = await store.read_head(session, caller.organization_id)
    if at is None and head is not None:
        return Checkpoint(sequence=head.sequence, digest=head.digest.hex())
    if not at:
        return Checkpoint(sequence=0, digest=genesis(caller.organization_id).hex())
    digest = await store.read_digest(session, caller.organization_id, at)
    if digest is None:
        raise SequenceNotReached("There is no event of this sequence yet: ask without `at` for the last.")
    return Checkpoint(sequence=at, digest=digest.hex())
