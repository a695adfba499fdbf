"""What the pages of programs ask of the public API."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from services.console.admin.programs.resources import (
    CycleLine,
    CyclesPage,
    Definition,
    Draft,
    Names,
    PeoplePage,
    PolicyEffect,
    Preview,
    Trial,
)
from services.console.admin.programs.rules.effects import Tried
from services.console.admin.programs.rules.starts import proposed_start
from shared.contracts.base import Service
from shared.http.public import PublicApi

AT_ONCE = 200
"""A program names at most 51 people."""
FOUND = 8
"""People whom a search in a form shows."""


async def read_names(api: PublicApi, ids: Iterable[UUID]) -> Names:
    """The people of these ids. Whoever is not in the directory is left out."""
    wanted = [str(one) for one in dict.fromkeys(ids)][:AT_ONCE]
    if not wanted:
        return {}
    found = await api.get(Service.INTAKE, "/people", PeoplePage, {"id": wanted, "limit": AT_ONCE})
    return {person.id: person for person in found.items}


async def find_people(api: PublicApi, words: str) -> PeoplePage:
    """Active people whom these words find. Without words there is nobody."""
    if not words:
        return PeoplePage(items=())
    params = {"q": words, "active": True, "sort": "name", "limit": FOUND}
    return await api.get(Service.INTAKE, "/people", PeoplePage, params)


async def count_people(api: PublicApi) -> int | None:
    """How many people a cycle would ask if it began now: the active ones who are not on leave. None if there are too
    many to count."""
    params = {"active": True, "availability": "available", "limit": 1}
    return (await api.get(Service.INTAKE, "/people", PeoplePage, params)).total


async def read_preview(api: PublicApi, definition: Definition | Draft, starts_at: datetime | None = None) -> Preview:
    """What the definition would do, with the dates of a cycle that starts at this moment: by default when it starts by
    itself, or else next Monday."""
    if starts_at is None and not definition.recurs:
        starts_at = proposed_start(datetime.now(UTC), definition.time_zone)
    query = f"?starts_at={quote(starts_at.isoformat())}" if starts_at else ""
    return await api.post(Service.PROGRAMS, f"/programs/preview{query}", Preview, definition)


async def try_rules(api: PublicApi, draft: Draft, program_id: UUID | None) -> Tried:
    """What the rules of the draft would do. Raises DomainError while too much is computed, and for a pool that is too
    large to be tried."""
    trial = Trial(direction=draft.direction, policy=draft.policy, program_id=program_id)
    effect = await api.post(Service.MATCHING, "/policies/preview", PolicyEffect, trial)
    if effect.match_run is None:
        return Tried(effect)
    cycle = await api.get(Service.PROGRAMS, f"/cycles/{effect.match_run.cycle_id}", CycleLine)
    return Tried(effect, cycle.period)


async def read_cycles(api: PublicApi, program_id: UUID, **params: Any) -> CyclesPage:
    return await api.get(Service.PROGRAMS, f"/programs/{program_id}/cycles", CyclesPage, params)
