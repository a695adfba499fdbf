"""HTTP edge of what the log has not told yet, for the service that watches whether cycles move."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.events.log.dispatcher import CONSUMER
from services.events.log.store import set_aside
from services.events.log.store.lag import read_late, read_late_behind
from shared.auth import ServiceCaller
from shared.contracts.overview import HeldWorkflow, WaitingEvents
from shared.contracts.programs import CycleRef
from shared.http.dependencies import Session
from shared.http.routing import Route
from shared.tracing import ids_in

router = APIRouter(route_class=Route, include_in_schema=False)
Seconds = Annotated[int, Query(ge=1, le=86_400)]


@router.get("/internal/events/waiting")
async def read_waiting(caller: ServiceCaller, session: Session, seconds: Seconds = 120) -> WaitingEvents:
    """What has waited for so long, of all organizations: the answer is for Upward itself, and no customer reads it."""
    late = await read_late(session, CONSUMER, seconds) | await read_late_behind(session, seconds)
    held = await set_aside.read_held(session, seconds)
    return WaitingEvents(
        cycles=tuple(
            CycleRef(organization_id=one.organization_id, cycle_id=UUID(id["cycle_id"]))
            for one in late
            if (id := ids_in({"cycle_id": one.cycle_id}))  # a broken writer may have written anything
        ),
        held=tuple(HeldWorkflow(organization_id=one, workflow_id=workflow_id) for one, workflow_id in held),
    )
