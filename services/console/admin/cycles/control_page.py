"""Pausing, resuming, closing early, reminding and cancelling: a page each, which says beforehand what will happen."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.cycles.controls import ROLES, Action, Counts, consequences, seen_of
from services.console.admin.cycles.page import CYCLE, cycle_page
from services.console.admin.cycles.reading import CycleOfProgram, count_pairs, count_pending, read_cycle
from services.console.admin.cycles.resources import Cycle
from services.console.admin.cycles.view import open_round
from services.console.admin.forms import Filled, Sent, SentForm
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.attention.resources import Counted
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.programs import Stage
from shared.contracts.round_kinds import declaration_of
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
SEEN = "seen"
CHANGED = translatable("The cycle has changed since you opened this page. Look once more at what would happen now.")


async def _form(visit: Visit, cycle_id: UUID, action: Action, filled: Filled) -> Response:
    visit.need(ROLES[action])
    found = await read_cycle(visit, cycle_id)
    now, words = datetime.now(UTC), visit.words
    counts = await _count(visit, found)
    told = consequences(action, found.cycle, counts, words, found.program.time_zone, now)
    seen, shown = seen_of(found.cycle), filled.for_template(words)
    return cycle_page(visit, "cycle_control.html", found, action=action.value, told=told, seen=seen, **shown)


async def _count(visit: Visit, found: CycleOfProgram) -> Counts:
    cycle, api = found.cycle, visit.api
    now = open_round(cycle)
    pending = None
    if now is not None and declaration_of(now.kind).tells_who_answered and visit.may(Role.COORDINATOR):
        pending = await count_pending(api, now.id)
    directory = 0
    if cycle.stage is Stage.SCHEDULED:
        asked = {"active": "true", "availability": "available", "limit": 1}
        directory = (await api.get(Service.INTAKE, "/people", Counted, asked)).total or 0
    concerns = {"cycle_id": str(cycle.id), "state": "open", "limit": 1}
    open_concerns = (await api.get(Service.FEEDBACK, "/concerns", Counted, concerns)).total or 0
    return Counts(await count_pairs(api, cycle.id), pending, directory, open_concerns)


async def _act(sent: Sent, cycle_id: UUID, action: Action) -> str:
    """Raises Refused if the cycle is not as it was when the page was made: what was confirmed is not what would happen
    now."""
    found = await read_cycle(sent.visit, cycle_id)
    if sent.typed.get(SEEN) != seen_of(found.cycle):
        raise Refused([FieldError("", CHANGED)])
    await sent.visit.api.post(Service.PROGRAMS, f"/cycles/{cycle_id}/{action.value}", Cycle)
    return f"/console/cycles/{cycle_id}?done={action.value}"


Handler = Callable[..., Coroutine[Any, Any, Response]]


def _pages_of(action: Action) -> tuple[Handler, Handler]:
    async def show(cycle_id: UUID, visit: CurrentVisit) -> Response:
        return await _form(visit, cycle_id, action, Filled())

    async def take(cycle_id: UUID, sent: SentForm) -> Response:
        async def form(filled: Filled) -> Response:
            return await _form(sent.visit, cycle_id, action, filled)

        async def act() -> str:
            return await _act(sent, cycle_id, action)

        return await sent.answer(ROLES[action], form, act)

    return show, take


for one in Action:
    show_one, take_one = _pages_of(one)
    router.add_api_route(f"{CYCLE}/{one.value}", show_one, methods=["GET", "HEAD"])
    router.add_api_route(f"{CYCLE}/{one.value}", take_one, methods=["POST"])
