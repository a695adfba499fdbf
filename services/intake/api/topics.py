"""The public API of a cycle's topics, which shows what is missing while there is time to find more teachers."""

from uuid import UUID

from fastapi import APIRouter

from services.intake.cycle_topics import read_topics
from services.intake.rules.demand import TopicSupplyList
from services.intake.store import demand
from shared.auth import Viewer
from shared.http.dependencies import AppDatabase, InternalClient
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/cycles", tags=["people"])


@router.get("/{cycle_id}/topics", responses=refusals(404, 503))
async def list_topics(
    cycle_id: UUID, caller: Viewer, database: AppDatabase, internal: InternalClient
) -> TopicSupplyList:
    """How many people teach and want each topic of the program, of those who have enrolled so far. The topic that lacks
    most places comes first. While enrolment is open, there is time to find more teachers. Figures about fewer than five
    people are null, and all figures change only once five more people have enrolled."""
    listed = await read_topics(internal, caller.organization_id, cycle_id)
    async with database.transaction() as session:
        return TopicSupplyList(items=await demand.read_figures(session, caller.organization_id, cycle_id, listed))
