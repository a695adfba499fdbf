"""HTTP edge of notifications."""

from uuid import UUID

from fastapi import APIRouter

from services.notifications import store
from services.notifications.resources import CycleMessages
from shared.auth import Viewer
from shared.http.dependencies import Session
from shared.http.paging import Cursor, Limit, decode_cursor, encode_cursor
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1", tags=["notifications"])


@router.get("/cycles/{cycle_id}/messages")
async def read_messages(
    cycle_id: UUID, caller: Viewer, session: Session, cursor: Cursor = None, limit: Limit = 50
) -> CycleMessages:
    """How many messages of the cycle are in which state, and a page of those that failed for good. Of reminders of
    check-ins and surveys only their number is told, because they go to those who have not answered."""
    failed = await store.read_failed(session, caller.organization_id, cycle_id, decode_cursor(cursor), limit + 1)
    page = failed[:limit]
    return CycleMessages(
        counts=await store.read_counts(session, caller.organization_id, cycle_id),
        failed=page,
        next=encode_cursor(page[-1].id) if len(failed) > limit else None,
    )
