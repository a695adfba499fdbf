"""The internal reads that every service with rounds offers: who is asked, and who has not answered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from shared.auth import ServiceCaller
from shared.contracts.base import PersonPage, Service
from shared.contracts.rounds import FindPending, RecipientState
from shared.http.dependencies import Reading, Session
from shared.http.routing import Route
from shared.rounds import recipients


def recipients_router(owner: Service) -> APIRouter:
    """Serves `GET /internal/{owner}/rounds/{round_id}/recipients?state=pending&after=&limit=` for this owner, and
    `POST .../recipients/pending`, which tells who of some people has not answered."""
    router = APIRouter(route_class=Route, include_in_schema=False)
    path = f"/internal/{owner.value}/rounds/{{round_id}}/recipients"

    @router.get(path)
    async def read_recipients(
        round_id: UUID,
        caller: ServiceCaller,
        session: Session,
        state: RecipientState = RecipientState.PENDING,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    ) -> PersonPage:
        return await recipients.read_recipients(session, caller.organization_id, round_id, state, after, limit)

    @router.post(f"{path}/pending")
    async def find_pending(round_id: UUID, request: FindPending, caller: ServiceCaller, session: Reading) -> PersonPage:
        return await recipients.read_pending(session, caller.organization_id, round_id, request.person_ids)

    return router
