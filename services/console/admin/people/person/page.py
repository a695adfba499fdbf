"""The page of one person: what the directory and the cycles hold about them, as far as the visitor's role may read."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.names import read_names
from services.console.admin.people.person.view import (
    CONCERNS,
    MESSAGES,
    OTHER_MESSAGE,
    ROLES,
    SENDING,
    Concerns,
    Cycle,
    Enrolments,
    Found,
    Messages,
    Pairs,
    Place,
    Program,
    page_of,
    people_named,
)
from services.console.admin.people.resources import Person
from services.console.admin.people.view import DONE, LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from shared.contracts.accounts import Role
from shared.contracts.base import Contract, Service
from shared.errors import NotFound
from shared.http.public import PublicApi

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
SHOWN = 20
"""The newest pairs, messages and concerns of a person; the page says how many more there are."""
Answer = TypeVar("Answer", bound=Contract)


@router.api_route(f"{LIST}/{{person_id}}", methods=["GET", "HEAD"])
async def show_person(person_id: UUID, visit: CurrentVisit) -> Response:
    found = await _read(visit, person_id)
    return admin_page(
        visit,
        "person.html",
        page=page_of(found, visit.words),
        done_sentences=DONE,
        roles=ROLES,
        concerns=CONCERNS,
        sending=SENDING,
        messages=MESSAGES,
        other_message=OTHER_MESSAGE,
    )


async def _read(visit: Visit, person_id: UUID) -> Found:
    api, about = visit.api, {"person_id": str(person_id), "limit": SHOWN}
    read = await api.get_versioned(Service.INTAKE, f"/people/{person_id}", Person)
    pairs, enrolments, messages, concerns = await asyncio.gather(
        api.get(Service.MATCHING, "/pairs", Pairs, about),
        _for_coordinators(visit, Service.INTAKE, f"/people/{person_id}/enrolments", Enrolments, {}),
        _for_coordinators(visit, Service.NOTIFICATIONS, "/messages", Messages, about),
        _for_coordinators(visit, Service.FEEDBACK, "/concerns", Concerns, about),
    )
    cycles = {pair.cycle_id for pair in pairs.items}
    cycles |= {one.cycle_id for one in (enrolments or Enrolments()).items}
    cycles |= {one.cycle_id for one in (concerns or Concerns()).items}
    names, places = await asyncio.gather(
        read_names(api, people_named(read.value, pairs, enrolments)), _read_places(api, cycles)
    )
    return Found(read.value, read.etag, names, places, pairs, enrolments, messages, concerns)


async def _for_coordinators(
    visit: Visit, service: Service, path: str, answer: type[Answer], params: Mapping[str, Any]
) -> Answer | None:
    return await visit.api.get(service, path, answer, params) if visit.may(Role.COORDINATOR) else None


async def _read_places(api: PublicApi, cycle_ids: Collection[UUID]) -> dict[UUID, Place]:
    """The cycles with their programs. A cycle that is gone is left out."""
    turns = asyncio.Semaphore(4)

    async def read(path: str, answer: type[Answer]) -> Answer | None:
        async with turns:
            try:
                return await api.get(Service.PROGRAMS, path, answer)
            except NotFound:
                return None

    cycles = [one for one in await asyncio.gather(*(read(f"/cycles/{id_}", Cycle) for id_ in cycle_ids)) if one]
    program_ids = sorted({cycle.program_id for cycle in cycles})
    programs = await asyncio.gather(*(read(f"/programs/{id_}", Program) for id_ in program_ids))
    known = dict(zip(program_ids, programs, strict=True))
    return {cycle.id: Place(cycle, program) for cycle in cycles if (program := known[cycle.program_id])}
