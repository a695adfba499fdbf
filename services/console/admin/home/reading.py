"""Reading what the home page shows, in a few calls however many programs there are.

Without programs and cycles there is no page. What else cannot be read just now is left out, and the page says that
something may be missing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
import structlog

from services.console.admin.names import read_names
from services.console.admin.visit import Visit
from shared.attention.home import FirstSteps, Found, Home, home_of
from shared.attention.resources import (
    AccessKeys,
    Concerns,
    Counted,
    Cycles,
    Endpoints,
    MatchRuns,
    Messages,
    Programs,
)
from shared.contracts.accounts import Role
from shared.contracts.base import Contract, Service
from shared.contracts.programs import Stage

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer", bound=Contract)
RUNNING = [stage.value for stage in Stage if stage not in (Stage.COMPLETED, Stage.CANCELLED)]
MOST = 100
MOST_PROGRAMS = 200
VALID_KEYS = {"state": "valid", "limit": 200}
"""The API makes no more. Of those that the command line has made besides, the oldest may be missing."""
MOST_KICKOFFS = 10
"""Of so many cycles it is looked up whether replacements wait for an approval. Few are in that stage at a time."""


async def read_home(visit: Visit, now: datetime) -> Home:
    """Raises httpx.HTTPError if programs and cycles cannot be read."""
    api = visit.api
    asked = {"stage": RUNNING, "sort": "starts_at", "limit": MOST}
    cycles = await api.get(Service.PROGRAMS, "/cycles", Cycles, asked)
    programs = await api.get(Service.PROGRAMS, "/programs", Programs, {"limit": MOST_PROGRAMS})
    others = Others(visit)
    open_ones = {"state": "open", "sort": "raised_at", "limit": MOST}
    concerns = await others.read(Service.FEEDBACK, "/concerns", Concerns(), open_ones)
    found = Found(
        cycles,
        programs,
        concerns=concerns,
        names=await others.names([one.person_id for one in concerns.items]),
        failed=await others.messages("failed", "-due_at"),
        waiting=await others.messages("waiting", "due_at"),
        endpoints=await others.read(Service.EVENTS, "/endpoints", Endpoints(), {"limit": MOST}, role=Role.ADMIN),
        keys=await others.read(Service.ACCOUNTS, "/keys", AccessKeys(), VALID_KEYS, role=Role.OWNER),
        runs={
            cycle.id: await others.read(Service.MATCHING, f"/cycles/{cycle.id}/match-runs", MatchRuns())
            for cycle in [one for one in cycles.items if one.stage is Stage.KICKOFF][:MOST_KICKOFFS]
        },
        first_steps=None if cycles.items else await _first_steps(others, programs),
    )
    return home_of(found._replace(incomplete=others.incomplete), now)


async def _first_steps(others: "Others", programs: Programs) -> FirstSteps | None:
    """None for a company that has had a cycle."""
    ended = await others.read(Service.PROGRAMS, "/cycles", Counted(total=1), {"limit": 1})
    if ended.total:
        return None
    people = await others.read(Service.INTAKE, "/people", Counted(total=0), {"limit": 1, "active": True})
    first = programs.items[0].id if programs.items else None
    # A directory with more people than are counted has no total.
    return FirstSteps(1 if people.total is None else people.total, len(programs.items), first)


class Others:
    """Reads that the page can do without."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.incomplete = False

    async def read(
        self,
        service: Service,
        path: str,
        otherwise: Answer,
        params: Mapping[str, Any] | None = None,
        role: Role = Role.VIEWER,
    ) -> Answer:
        """What the API answers, or `otherwise` if the visitor may not read it or nobody answers."""
        if not self._visit.may(role):
            return otherwise
        try:
            return await self._visit.api.get(service, path, type(otherwise), params)
        except httpx.HTTPError as error:
            log.warning("service.unavailable", service=service.value, error=type(error).__name__)
            self.incomplete = True
            return otherwise

    async def names(self, people: Iterable[UUID | None]) -> Mapping[UUID, str]:
        try:
            return await read_names(self._visit.api, people)
        except httpx.HTTPError:
            self.incomplete = True
            return {}

    async def messages(self, state: str, sort: str) -> Messages:
        params = {"state": state, "sort": sort, "limit": MOST}
        return await self.read(Service.NOTIFICATIONS, "/messages", Messages(), params, role=Role.COORDINATOR)
