"""Reading what the Monday overviews of an organization tell, once for all of its coordinators."""

from datetime import datetime, timedelta
from uuid import UUID

from services.notifications.rules.overview import Overview
from shared.attention.home import Found
from shared.attention.resources import Concerns, Cycles, LeftPairs, MatchRuns, Programs, Running
from shared.contracts.base import Service
from shared.contracts.programs import Stage
from shared.http.internal import Internal

WEEK = timedelta(days=7)


async def read_running(internal: Internal, organization_id: UUID) -> Running:
    return await internal.get(Service.PROGRAMS, "/cycles/running", Running, organization_id)


async def read_overview(internal: Internal, organization_id: UUID, since: datetime) -> Overview:
    """Without the messages that failed, which notifications knows itself. `since` is when the overview was made."""
    running = await read_running(internal, organization_id)
    concerns = await internal.get(Service.FEEDBACK, "/concerns/open", Concerns, organization_id)
    left = await internal.get(
        Service.MATCHING, "/left", LeftPairs, organization_id, {"since": (since - WEEK).isoformat()}
    )
    runs = {
        cycle.id: await internal.get(Service.MATCHING, f"/cycles/{cycle.id}/match-runs", MatchRuns, organization_id)
        for cycle in running.cycles
        if cycle.stage is Stage.KICKOFF
    }
    found = Found(
        Cycles(items=running.cycles),
        Programs(items=running.programs),
        concerns=concerns,
        runs=runs,
        left=left.pairs,
    )
    return Overview(running, found)
