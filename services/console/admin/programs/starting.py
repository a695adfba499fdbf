"""Starting a cycle of a program: first what will happen is shown, and then the same form starts it.

The form names what it has shown. If what is sent is something else, or if the program was changed meanwhile, it is only
shown again, so that nobody starts what they have not seen.
"""

from datetime import UTC, date, datetime, time
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.programs.reading import count_people, read_cycles, read_names, read_preview
from services.console.admin.programs.resources import RUNNING, CyclesPage, Made, Names, Preview, ProgramDetails
from services.console.admin.programs.rules.facts import people
from services.console.admin.programs.rules.starts import proposed_start
from services.console.admin.programs.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import CHECK
from shared.contracts.accounts import Role
from shared.contracts.base import Contract, Service
from shared.errors import Conflict, Invalid
from shared.http.public import Versioned
from shared.language.times import zone_of
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
DAY = translatable("Choose a day and a time between now and two years ahead.")
PERIOD = translatable("Write at most 40 letters, digits, dots and hyphens, and begin with a letter or digit.")
TAKEN = translatable("This program has a cycle of this name already. Choose another name.")


class Wish(Contract):
    """What is asked of the API. What is left out has its default."""

    period: str | None = None
    starts_at: AwareDatetime | None = None


class StartPage(NamedTuple):
    program: ProgramDetails
    preview: Preview | None
    """None if what was typed is no start."""
    asked: int | None
    """How many people would be asked if the cycle began now. None if there are too many to count."""
    running: CyclesPage
    coordinators: str
    shown: str
    """What the page shows; the form sends it back."""
    again: bool
    """Whether the form asked for a start that was not shown before."""
    at_once: bool


@router.get(f"{LIST}/{{program_id}}/start")
async def show_start(program_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, await _program(visit, program_id), Filled())


@router.post(f"{LIST}/{{program_id}}/start")
async def take_start(program_id: UUID, sent: SentForm) -> Response:
    visit, typed = sent.visit, sent.typed
    visit.need(Role.ADMIN)
    program = await _program(visit, program_id)
    starts = typed.get("do") == "start"
    seen = typed.get("shown") == _shown(typed, program.etag)

    async def show(filled: Filled) -> Response:
        return await _form(visit, program, filled, again=starts and not seen)

    async def start() -> str:
        wish = Wish(period=_text(typed, "period") or None, starts_at=starts_at(typed, program.value.time_zone))
        try:
            made = await visit.api.post(Service.PROGRAMS, f"/programs/{program_id}/cycles", Made, wish, sent.once)
        except Invalid as error:
            raise Refused(_errors(error)) from None
        except Conflict as error:
            if error.code != "period_exists":
                raise
            raise Refused([FieldError("period", TAKEN)]) from None
        return f"/console/cycles/{made.id}?done=started"

    if sent.notice is None and not (starts and seen):
        return await show(Filled(typed))
    return await sent.answer(Role.ADMIN, show, start)


def starts_at(typed: FormData, time_zone: str) -> datetime | None:
    """The moment that was chosen, in the program's time zone; None for now. Raises Refused."""
    if typed.get("when") != "later":
        return None
    try:
        day, clock = date.fromisoformat(_text(typed, "day")), time.fromisoformat(_text(typed, "time"))
        return datetime.combine(day, clock.replace(tzinfo=None), zone_of(time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused([FieldError("day", DAY)]) from None


async def _program(visit: Visit, program_id: UUID) -> Versioned[ProgramDetails]:
    return await visit.api.get_versioned(Service.PROGRAMS, f"/programs/{program_id}", ProgramDetails)


async def _form(visit: Visit, found: Versioned[ProgramDetails], filled: Filled, again: bool = False) -> Response:
    program = found.value
    typed = filled.typed or _proposed(program.time_zone)
    preview, errors, status = None, list(filled.errors), filled.status
    try:
        preview = await read_preview(visit.api, program.definition, starts_at(typed, program.time_zone) or _now())
    except Refused as refused:
        errors, status = errors or list(refused.errors), 422
    except Invalid as error:
        errors, status = errors or _errors(error), 422
    names: Names = await read_names(visit.api, program.coordinator_ids)
    page = StartPage(
        program=program,
        preview=preview,
        asked=await count_people(visit.api),
        running=await read_cycles(visit.api, program.id, stage=RUNNING, limit=20),
        coordinators=people(visit.words, program.coordinator_ids, names),
        shown=_shown(typed, found.etag),
        again=again,
        at_once=typed.get("when") != "later",
    )
    shown = Filled(typed, tuple(errors), filled.notice, status)
    return admin_page(visit, "program_start.html", status, page=page, **dict(shown.for_template(visit.words)))


def _proposed(time_zone: str) -> FormData:
    start = proposed_start(_now(), time_zone)
    return FormData([("when", "later"), ("day", f"{start:%Y-%m-%d}"), ("time", f"{start:%H:%M}"), ("period", "")])


def _shown(typed: FormData, etag: str) -> str:
    return " ".join([etag, *(_text(typed, name).replace(" ", "_") for name in ("when", "day", "time", "period"))])


def _errors(error: Invalid) -> list[FieldError]:
    fields = [str(one["field"]) for one in error.extra.get("errors", ())]
    if any(field.endswith("starts_at") for field in fields):
        return [FieldError("day", DAY)]
    if any(field.endswith("period") for field in fields):
        return [FieldError("period", PERIOD)]
    return [FieldError("", CHECK)]


def _now() -> datetime:
    return datetime.now(UTC)


def _text(typed: FormData, name: str) -> str:
    return str(typed.get(name, "")).strip()
