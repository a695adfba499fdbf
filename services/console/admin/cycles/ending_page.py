"""Ending one pair, with the names of the two and what follows."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.console.admin.cycles.page import CYCLE, cycle_page
from services.console.admin.cycles.reading import read_cycle, read_names
from services.console.admin.cycles.resources import Pair
from services.console.admin.forms import Filled, SentForm
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from services.console.words.cycles import END_CHOICES
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import NotFound
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
END = f"{CYCLE}/pairs/{{pair_id}}/end"
REASON = "reason"
CONCERN = "concern"
CHOOSE = translatable("Choose why the pair ends.")


class Ending(BaseModel):
    reason: str


async def _form(visit: Visit, cycle_id: UUID, pair_id: UUID, concern: str, filled: Filled) -> Response:
    visit.need(Role.COORDINATOR)
    found = await read_cycle(visit, cycle_id)
    pair = await visit.api.get(Service.MATCHING, f"/pairs/{pair_id}", Pair)
    if pair.cycle_id != cycle_id:
        raise NotFound("This pair is of another cycle.")
    names = await read_names(visit.api, [pair.mentor_id, pair.mentee_id])
    shown = filled.for_template(visit.words)
    return cycle_page(visit, "cycle_end_pair.html", found, pair=pair, names=names, concern=concern, **shown)


@router.api_route(END, methods=["GET", "HEAD"])
async def show_form(cycle_id: UUID, pair_id: UUID, visit: CurrentVisit, concern: UUID | None = None) -> Response:
    return await _form(visit, cycle_id, pair_id, str(concern or ""), Filled())


@router.post(END)
async def take_form(cycle_id: UUID, pair_id: UUID, sent: SentForm) -> Response:
    """Leads back to the concern, if somebody came from there."""
    concern = _concern_of(str(sent.typed.get(CONCERN, "")))

    async def show(filled: Filled) -> Response:
        return await _form(sent.visit, cycle_id, pair_id, concern, filled)

    async def act() -> str:
        reason = str(sent.typed.get(REASON, ""))
        if reason not in END_CHOICES:
            raise Refused([FieldError(REASON, CHOOSE)])
        await sent.visit.api.post(Service.MATCHING, f"/pairs/{pair_id}/end", Pair, Ending(reason=reason))
        if concern:
            return f"/console/concerns/{concern}?done=pair_ended"
        return f"/console/cycles/{cycle_id}/pairs?done=pair_ended"

    return await sent.answer(Role.COORDINATOR, show, act)


def _concern_of(typed: str) -> str:
    try:
        return str(UUID(typed))
    except ValueError:
        return ""
