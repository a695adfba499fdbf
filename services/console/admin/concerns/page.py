"""The concerns of all cycles, and one of them: who was told, what comes next, assigning and resolving it."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.console.admin.concerns.view import (
    Concern,
    Concerns,
    CycleLine,
    CycleLines,
    history_of,
    told_of,
)
from services.console.admin.cycles.page import table_file
from services.console.admin.cycles.reading import CycleOfProgram, read_cycle, read_names
from services.console.admin.cycles.resources import Events, Pair, Program
from services.console.admin.forms import NOTHING_TYPED, Act, Filled, Sent, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from services.console.words import cycles as cycle_words
from shared.attention.calendar import NextStep, next_of_matter
from shared.contracts.accounts import Role
from shared.contracts.base import Contract, Service
from shared.errors import NotFound
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
LIST = "/console/concerns"
ONE = f"{LIST}/{{concern_id}}"
STATES = {"open": translatable("Open"), "resolved": translatable("Resolved"), "all": translatable("All")}
SORTS = {"-raised_at": translatable("Newest first"), "raised_at": translatable("Oldest first")}
DONE = {
    "resolved": translatable("The concern is resolved. Nobody is reminded of it any more."),
    "assigned": translatable("It is recorded who takes care of this concern."),
    "pair_ended": translatable("The pair was ended. Both are told at once. Resolve the concern if that settles it."),
}
CHOOSE = translatable("Choose how the concern ended.")
RESOLVED = translatable("Somebody resolved this concern in the meantime.")
TAKEN = translatable("Somebody else was assigned in the meantime. Look once more.")
UNKNOWN = translatable("Choose somebody of the list.")


class Programs(Contract):
    items: tuple[Program, ...] = ()


class Resolving(BaseModel):
    resolution: str


class Assigning(BaseModel):
    person_id: UUID | None


@router.api_route(LIST, methods=["GET", "HEAD"])
async def show_concerns(visit: CurrentVisit) -> Response:
    """By default those that are open, newest first."""
    api, now = visit.api, datetime.now(UTC)
    concerns = await api.get(Service.FEEDBACK, "/concerns", Concerns, _wanted(visit) | {"limit": 50})
    lines = (await api.get(Service.PROGRAMS, "/cycles", CycleLines, {"limit": 200})).items
    cycles = {cycle.id: cycle for cycle in lines}
    for missing in {one.cycle_id for one in concerns.items} - cycles.keys():
        cycles[missing] = await _read_line(visit, missing)
    programs = (await api.get(Service.PROGRAMS, "/programs", Programs, {"limit": 200})).items
    zones = {program.id: program.time_zone for program in programs}

    def zone_of(cycle: CycleLine) -> str:
        return zones.get(cycle.program_id, "UTC")

    def step_of(one: Concern) -> NextStep | None:
        cycle = cycles[one.cycle_id]
        return next_of_matter(one, cycle.calendar, zone_of(cycle), cycle.paused, now)

    named = [id for one in concerns.items for id in (one.person_id, one.assignee_id) if id is not None]
    return admin_page(
        visit,
        "concerns.html",
        concerns=concerns,
        cycles=cycles,
        zone_of=zone_of,
        names=await read_names(api, named),
        steps={one.id: step_of(one) for one in concerns.items},
        states=STATES,
        sorts=SORTS,
        chosen={"state": visit.query.get("state") or "open", "cycle_id": visit.query.get("cycle_id", "")}
        | {"sort": visit.query.get("sort") or "-raised_at"},
        cycle_words=cycle_words,
        done_sentences=DONE,
    )


@router.api_route(f"{LIST}.csv", methods=["GET", "HEAD"])
async def show_table(visit: CurrentVisit) -> Response:
    wanted = {name: value for name, value in _wanted(visit).items() if name != "cursor"}
    return table_file(await visit.api.get_table(Service.FEEDBACK, "/concerns", wanted), "concerns")


def _wanted(visit: Visit) -> dict[str, str]:
    found = {name: visit.query[name] for name in ("cycle_id", "sort", "cursor") if visit.query.get(name)}
    state = visit.query.get("state") or "open"
    if state not in STATES or found.get("sort", "raised_at") not in ("raised_at", *SORTS):
        raise NotFound("There is no such list.", code="page_not_found")
    return found if state == "all" else found | {"state": state}


async def _read_line(visit: Visit, cycle_id: UUID) -> CycleLine:
    cycle, program = await read_cycle(visit, cycle_id)
    return CycleLine(**dict(cycle), program_name=program.name)


async def _shown(visit: Visit, concern_id: UUID, filled: Filled) -> Response:
    api, words, now = visit.api, visit.words, datetime.now(UTC)
    concern = await api.get(Service.FEEDBACK, f"/concerns/{concern_id}", Concern)
    found = await read_cycle(visit, concern.cycle_id)
    pair = await api.get(Service.MATCHING, f"/pairs/{concern.pair_id}", Pair)
    others = await api.get(Service.FEEDBACK, "/concerns", Concerns, {"pair_id": str(pair.id), "limit": 50})
    told = {"types": "concern.escalated", "limit": 200}
    events = await api.get(Service.EVENTS, f"/cycles/{concern.cycle_id}/events", Events, told)
    staff = _staff(found)
    mentioned = [pair.mentor_id, pair.mentee_id, *staff, *([concern.assignee_id] if concern.assignee_id else [])]
    names = await read_names(api, mentioned)
    return admin_page(
        visit,
        "concern.html",
        concern=concern,
        cycle=found.cycle,
        program=found.program,
        pair=pair,
        names=names,
        staff=[(str(one), names[one].name) for one in staff if one in names and names[one].active],
        told=told_of(concern, events.items, words),
        next=next_of_matter(concern, found.cycle.calendar, found.program.time_zone, found.cycle.paused, now),
        history=history_of(pair, others.items, words),
        others=[one for one in others.items if one.id != concern.id],
        cycle_words=cycle_words,
        done_sentences=DONE,
        **filled.for_template(words),
    )


def _staff(found: CycleOfProgram) -> list[UUID]:
    """Who may take care of concerns: the coordinators and the sponsor of the program."""
    sponsor = [found.program.sponsor_id] if found.program.sponsor_id is not None else []
    return list(dict.fromkeys([*found.program.coordinator_ids, *sponsor]))


@router.api_route(ONE, methods=["GET", "HEAD"])
async def show_concern(concern_id: UUID, visit: CurrentVisit) -> Response:
    return await _shown(visit, concern_id, Filled(NOTHING_TYPED))


@router.post(f"{ONE}/resolve")
async def resolve(concern_id: UUID, sent: SentForm) -> Response:
    async def act() -> str:
        await _read_open(sent.visit, concern_id)
        resolution = str(sent.typed.get("resolution", ""))
        if resolution not in cycle_words.RESOLUTIONS:
            raise Refused([FieldError("resolution", CHOOSE)])
        address, body = f"/concerns/{concern_id}/resolve", Resolving(resolution=resolution)
        await sent.visit.api.post(Service.FEEDBACK, address, Concern, body)
        return f"{LIST}/{concern_id}?done=resolved"

    return await _answer(sent, concern_id, act)


@router.post(f"{ONE}/assign")
async def assign(concern_id: UUID, sent: SentForm) -> Response:
    async def act() -> str:
        concern = await _read_open(sent.visit, concern_id)
        if str(sent.typed.get("seen", "")) != str(concern.assignee_id or ""):
            raise Refused([FieldError("", TAKEN)])
        typed = str(sent.typed.get("assignee", ""))
        try:
            body = Assigning(person_id=UUID(typed) if typed else None)
        except ValueError:
            raise Refused([FieldError("assignee", UNKNOWN)]) from None
        address = f"/concerns/{concern_id}/assignee"
        await sent.visit.api.put(Service.FEEDBACK, address, Concern, body, "*")
        return f"{LIST}/{concern_id}?done=assigned"

    return await _answer(sent, concern_id, act)


async def _read_open(visit: Visit, concern_id: UUID) -> Concern:
    """Raises Refused if somebody else was faster."""
    concern = await visit.api.get(Service.FEEDBACK, f"/concerns/{concern_id}", Concern)
    if not concern.is_open:
        raise Refused([FieldError("", RESOLVED)])
    return concern


async def _answer(sent: Sent, concern_id: UUID, act: Act) -> Response:
    async def show(filled: Filled) -> Response:
        return await _shown(sent.visit, concern_id, filled)

    return await sent.answer(Role.COORDINATOR, show, act)
