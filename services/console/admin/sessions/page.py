"""One's own sessions: where the same access key has signed in, and ending it there."""

import contextlib
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.navigation import SESSIONS
from services.console.admin.routes import AdminRoute
from services.console.admin.sessions import view
from services.console.admin.visit import CurrentVisit, Visit
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import NotFound

router = APIRouter(route_class=AdminRoute, include_in_schema=False, prefix=SESSIONS)


@router.get("")
async def show_sessions(visit: CurrentVisit) -> Response:
    return await _page(visit, Filled())


@router.post("/end-others")
async def take_ending_others(sent: SentForm) -> Response:
    async def end() -> str:
        await sent.visit.api.delete(Service.ACCOUNTS, "/sessions")
        return f"{SESSIONS}?done=others_ended"

    return await sent.answer(Role.VIEWER, lambda filled: _page(sent.visit, filled), end)


@router.post("/{session_id}/end")
async def take_ending(session_id: UUID, sent: SentForm) -> Response:
    async def end() -> str:
        with contextlib.suppress(NotFound):  # it has ended already, as after a double click
            await sent.visit.api.delete(Service.ACCOUNTS, f"/sessions/{session_id}")
        return f"{SESSIONS}?done=ended"

    return await sent.answer(Role.VIEWER, lambda filled: _page(sent.visit, filled), end)


async def _page(visit: Visit, filled: Filled) -> Response:
    found = await visit.api.get(Service.ACCOUNTS, "/sessions", view.Sessions)
    return admin_page(visit, "sessions.html", found=found, done=view.DONE, **filled.for_template(visit.words))
