"""The list of messages: what was sent to whom and when, what waits and why, and what failed."""

from collections.abc import AsyncIterator
from datetime import UTC
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.messages.view import (
    LIST,
    CycleNames,
    Line,
    MessagesPage,
    Wanted,
    id_of,
    line_of,
    messages_of,
    wanted_of,
)
from services.console.admin.names import read_names
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from services.console.words.messages import GROUPS, SORTS, STATES, TEMPLATES
from shared.contracts.accounts import Role
from shared.contracts.base import Contract, Service
from shared.http.tables import MARK, TABLE, table_line
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
AT_ONCE = 25
MOST = 200
"""The longest page of the API. So many cycles can be chosen, the newest ones."""
DONE = {
    "resent": translatable("What had failed is sent again. Here it waits until it is sent."),
    "not_failed": translatable("Nothing had failed any more, so that nothing is sent again."),
}
CHOOSE = translatable("Choose a message that failed.")
TITLES = (
    translatable("Reader"),
    translatable("Message"),
    translatable("Program"),
    translatable("Period"),
    translatable("State"),
    translatable("Time (UTC)"),
    translatable("Why"),
)


class Resent(Contract):
    messages: int


@router.api_route(LIST, methods=["GET", "HEAD"])
async def show_messages(visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    return await _list(visit, wanted_of(visit.query), Filled())


@router.post(f"{LIST}/resend")
async def send_again(sent: SentForm) -> Response:
    """One message, or all of a cycle. The fields beside say which list is shown."""
    typed = {name: str(value) for name, value in sent.typed.items()}
    wanted = wanted_of(typed)

    async def act() -> str:
        message_id = id_of(typed.get("message_id", ""))
        if not message_id and not wanted.cycle_id:
            raise Refused([FieldError("", CHOOSE)])
        one, all_of_cycle = f"/messages/{message_id}/resend", f"/cycles/{wanted.cycle_id}/messages/resend"
        found = await sent.visit.api.post(Service.NOTIFICATIONS, one if message_id else all_of_cycle, Resent)
        shown = wanted._replace(state="")  # where it waits now
        return shown.address(done="resent" if found.messages else "not_failed")

    return await sent.answer(Role.COORDINATOR, lambda filled: _list(sent.visit, wanted, filled), act)


async def _list(visit: Visit, wanted: Wanted, filled: Filled) -> Response:
    page, cycles = await _read(visit, wanted, AT_ONCE), await _read_cycles(visit)
    readers = [message.person_id for message in page.items]
    if wanted.person_id:
        readers.append(UUID(wanted.person_id))
    found = messages_of(wanted, page, await read_names(visit.api, readers), cycles, visit.words)
    return admin_page(
        visit,
        "messages.html",
        status=filled.status,
        list=found,
        states=STATES,
        groups=GROUPS,
        titles=TEMPLATES,
        sorts=SORTS,
        done_sentences=DONE,
        **filled.for_template(visit.words),
    )


@router.api_route(f"{LIST}.csv", methods=["GET", "HEAD"])
async def take_table(visit: CurrentVisit) -> Response:
    """All messages that the list shows, on all its pages."""
    visit.need(Role.COORDINATOR)
    wanted = wanted_of(visit.query)._replace(cursor="")
    first, cycles = await _read(visit, wanted, MOST), await _read_cycles(visit)
    known = {cycle.id: cycle for cycle in cycles.items}

    async def lines() -> AsyncIterator[str]:
        yield MARK + table_line(visit.words.gettext(title) for title in TITLES)
        page = first
        while True:
            names = await read_names(visit.api, [message.person_id for message in page.items])
            for message in page.items:
                yield table_line(_cells(line_of(message, names, known, visit.words)))
            if page.next is None:
                return
            page = await _read(visit, wanted._replace(cursor=page.next), MOST)

    headers = {"content-disposition": 'attachment; filename="messages.csv"'}
    return StreamingResponse(lines(), media_type=TABLE, headers=headers)


def _cells(line: Line) -> list[str]:
    program, period = (line.cycle.program_name, line.cycle.period) if line.cycle else ("", "")
    return [line.name, line.what, program, period, line.state, line.at.astimezone(UTC).isoformat(), line.why]


async def _read(visit: Visit, wanted: Wanted, limit: int) -> MessagesPage:
    return await visit.api.get(Service.NOTIFICATIONS, "/messages", MessagesPage, wanted.params | {"limit": limit})


async def _read_cycles(visit: Visit) -> CycleNames:
    return await visit.api.get(Service.PROGRAMS, "/cycles", CycleNames, {"limit": MOST})
