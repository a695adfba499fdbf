"""HTTP edge of the event log: the feed that other systems read."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.events import store
from services.events.cloudevents import EventPage, page_of, parse_types
from shared.auth import Viewer
from shared.http.dependencies import Session

router = APIRouter(prefix="/v1", tags=["events"])

After = Annotated[int, Query(ge=0, le=2**63 - 1, description="the last sequence you have; 0 for the beginning")]
Limit = Annotated[int, Query(ge=1, le=1000, description="events a page")]
Types = Annotated[
    str | None,
    Query(max_length=2000, description="only these types, separated by commas, such as `cycle.completed,pair.ended`"),
]


@router.get("/events")
async def read_events(
    caller: Viewer, session: Session, after: After = 0, limit: Limit = 100, types: Types = None
) -> EventPage:
    """Your organization's events in order, each exactly once, none skipped: keep `after` and ask again."""
    found = await store.read_feed(session, caller.organization_id, after, limit + 1, parse_types(types))
    return page_of(found, after, limit)
