"""The internal read that every service with rounds offers: who is asked, and who has not answered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from shared.auth import ServiceCaller
from shared.contracts.base import PersonPage, Service
from shared.contracts.rounds import RecipientState
from shared.http.dependencies import Session
from shared.http.routing import Route
from shared.rounds import store


def recipients_router(owner: Service) -> APIRouter:
    """Serves `GET /internal/{owner}/rounds/{round_id}/recipients?state=pending&after=&limit=` for this owner."""
    router = APIRouter(route_class=Route, include_in_schema=False)

    @router.get(f"/internal/{owner.value}/rounds/{{round_id}}/recipients")
    async def read_recipients(
        round_id: UUID,
        caller: ServiceCaller,
        session: Session,
        state: RecipientState = RecipientState.PENDING,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    ) -> PersonPage:
        return await store.read_recipients(session, caller.organization_id, round_id, state, after, limit)

    return router
