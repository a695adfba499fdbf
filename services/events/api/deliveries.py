"""HTTP edge of deliveries: lists of deliveries and attempts, replays, and the test of an endpoint."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from services.events.log.rules.cloudevents import type_name
from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.rules.endpoints import (
    AttemptPage,
    Delivery,
    DeliveryPage,
    ReplayAccepted,
    ReplayRequest,
    TestAccepted,
)
from services.events.webhooks.store import attempts, endpoints
from shared.auth import Admin
from shared.contracts.endpoints import EndpointRef
from shared.contracts.events import EndpointTested
from shared.http.dependencies import Session
from shared.http.paging import Cursor, Limit
from shared.http.problems import refusals
from shared.http.routing import Route
from shared.keys import Caller

router = APIRouter(route_class=Route, prefix="/v1/endpoints/{endpoint_id}", tags=["endpoints"])

OfState = Annotated[DeliveryState | None, Query(description="only these")]
Sequence = Annotated[int, Path(ge=1, le=2**63 - 1)]
OfEvent = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="only of the event of this sequence")]


@router.post("/test", status_code=202, responses=refusals(404, 409))
async def test_endpoint(endpoint_id: UUID, caller: Admin, session: Session) -> TestAccepted:
    """Emits the event `endpoint.tested`, which this endpoint alone receives, in the same way as every other event."""
    await endpoints.test_endpoint(session, _ref(caller, endpoint_id))
    return TestAccepted(type=type_name(EndpointTested.type, EndpointTested.version))


@router.post("/replays", status_code=202, responses=refusals(404, 409))
async def replay_events(endpoint_id: UUID, body: ReplayRequest, caller: Admin, session: Session) -> ReplayAccepted:
    """Sends events again: one, a range, or all since a time. Each has the same `webhook-id` as before."""
    return await endpoints.replay(session, _ref(caller, endpoint_id), body)


@router.get("/deliveries", responses=refusals(404))
async def list_deliveries(
    endpoint_id: UUID,
    caller: Admin,
    session: Session,
    state: OfState = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """What this endpoint has received and will receive, newest event first. Finished deliveries are kept for 30
    days."""
    endpoint = await _existing(session, caller, endpoint_id)
    return await attempts.list_deliveries(session, endpoint, state, cursor, limit)


@router.get("/deliveries/{sequence}", responses=refusals(404))
async def read_delivery(endpoint_id: UUID, sequence: Sequence, caller: Admin, session: Session) -> Delivery:
    endpoint = await _existing(session, caller, endpoint_id)
    return await attempts.read_delivery(session, endpoint, sequence)


@router.get("/attempts", responses=refusals(404))
async def list_attempts(
    endpoint_id: UUID,
    caller: Admin,
    session: Session,
    sequence: OfEvent = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AttemptPage:
    """Every attempt of the last 30 days, newest first: its time, its duration, the status and the start of the
    answer."""
    endpoint = await _existing(session, caller, endpoint_id)
    return await attempts.list_attempts(session, endpoint, sequence, cursor, limit)


def _ref(caller: Caller, endpoint_id: UUID) -> EndpointRef:
    return EndpointRef(organization_id=caller.organization_id, endpoint_id=endpoint_id)


async def _existing(session: Session, caller: Caller, endpoint_id: UUID) -> EndpointRef:
    """Raises EndpointNotFound."""
    endpoint = _ref(caller, endpoint_id)
    await endpoints.read_endpoint(session, endpoint)
    return endpoint
