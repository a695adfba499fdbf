"""The pages that participants open by the link in their e-mail.

`GET /p/{token}` shows the page of the link's round. It changes nothing, because mail scanners open links too.
`POST /p/{token}` takes the answer and redirects (303) to `/p/{token}/done`. While the round is open, a new answer
replaces the earlier one. The form of an enrolment is also sent by the buttons of its search for people, which save
nothing (`services/console/people_picker.py`). The fields of each form are described in `services/console/forms/`.

The link is all that a participant needs: there are no cookies, and nobody signs in. It is never logged and never
written into a page.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.console.forms.errors import FieldError, Refused
from services.console.forms.registry import questionnaire_of
from services.console.next_steps import next_step
from services.console.pages import STATIC, PageRoute, page, reader_words
from services.console.participation import (
    Participation,
    read_form_if_asked,
    read_origin,
    read_participation,
    resolve,
    send_answer,
    thanks_for,
    told_on,
)
from services.console.people_picker import Picker, is_asked, pick
from services.console.reasons import reasons_of_offer
from services.console.submission import check_is_form, read_typed, refuse_cross_site
from services.console.surroundings import read_surroundings
from shared.contracts.intake import LinkGrant
from shared.contracts.rounds import RoundKind
from shared.errors import DomainError, Gone, Invalid, NotFound
from shared.http.dependencies import AppSettings, InternalClient
from shared.http.routing import Route

router = APIRouter(route_class=PageRoute, include_in_schema=False)
files = APIRouter(route_class=Route, include_in_schema=False)
ROUND_CLOSED = "round_closed"
"""The code of the refusal when the round of a link is closed."""
NOTHING_PICKED = Picker()
Token = Annotated[str, Path(max_length=500)]


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
@router.api_route("/p/{token}/", methods=["GET", "HEAD"])
async def show_page(token: Token, request: Request, internal: InternalClient) -> Response:
    async with _naming_contact(request, internal, token):
        grant = await _granted(request, internal, token)
        found = await read_participation(internal, grant)
    return _form_page(request, found, questionnaire_of(grant.kind).prefill(found.form))


@router.post("/p/{token}")
@router.post("/p/{token}/")
async def take_answer(token: Token, request: Request, internal: InternalClient, settings: AppSettings) -> Response:
    async with _naming_contact(request, internal, token):
        return await _take_answer(token, request, internal, settings)


async def _take_answer(token: str, request: Request, internal: InternalClient, settings: AppSettings) -> Response:
    refuse_cross_site(request, settings.public_url)
    check_is_form(request)
    grant = await _granted(request, internal, token)  # the link is what allows the caller to send anything
    typed = await read_typed(request)
    if grant.kind is RoundKind.ENROLMENT and is_asked(typed):
        shown, picker = await pick(internal, token, typed)
        return _form_page(request, await read_participation(internal, grant), shown, picker=picker)
    questionnaire = questionnaire_of(grant.kind)
    try:
        answer = questionnaire.parse(typed)
    except Refused as refused:
        return _form_page(request, await read_participation(internal, grant), typed, refused.errors)
    try:
        await send_answer(internal, grant, answer)
    except Invalid as error:
        errors = questionnaire.errors_of(error.extra.get("errors", ()), answer) or (FieldError("", error.detail),)
        return _form_page(request, await read_participation(internal, grant), typed, errors)
    return RedirectResponse(f"/p/{quote(token, safe='')}/done", status_code=303)


@router.api_route("/p/{token}/done", methods=["GET", "HEAD"])
async def confirm(token: Token, request: Request, internal: InternalClient) -> Response:
    """Thanks for the answer. If it was the last one, the round may be closed by now; the page then says so. A link that
    has expired thanks nobody: Gone (410)."""
    try:
        async with _naming_contact(request, internal, token):
            grant = await _granted(request, internal, token)
    except Gone as gone:
        if gone.code != ROUND_CLOSED:
            raise
        contact, words, look = request.state.contact, request.state.words, request.state.brand
        return page("done.html", words, grant=None, brief=None, time_zone="UTC", contact=contact, brand=look)
    around, form = await asyncio.gather(
        read_surroundings(internal, grant.organization_id, grant.cycle_id), read_form_if_asked(internal, grant)
    )
    brief, look, own, contact = around
    time_zone, step = grant.time_zone or brief.time_zone, next_step(grant, brief.calendar, form)
    words, thanks = reader_words(request, grant.language, brief.language), questionnaire_of(grant.kind).thanks
    shown: dict[str, Any] = {"grant": grant, "brief": brief, "time_zone": time_zone, "contact": contact}
    return page(
        "done.html", words, **shown, brand=look, told=thanks_for(grant, brief, own, words), thanks=thanks, step=step
    )


@files.get("/console/static/{name}")
async def read_static(name: str) -> Response:
    """The style sheet and the icon. Pages ask for them by version, so that browsers may keep them for a week."""
    if name not in STATIC:
        raise NotFound("There is no such file.", code="file_not_found")
    content, media_type = STATIC[name]
    headers = {"cache-control": "public, max-age=604800", "x-content-type-options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)


@asynccontextmanager
async def _naming_contact(request: Request, internal: InternalClient, token: str) -> AsyncIterator[None]:
    """If something fails, its page names whom the reader may ask, in their own language, as far as the link tells."""
    try:
        yield
    except DomainError:
        request.state.contact, language, request.state.brand = await read_origin(internal, token)
        reader_words(request, language)
        raise


async def _granted(request: Request, internal: InternalClient, token: str) -> LinkGrant:
    """What the link allows. From then on the reader is answered in their own language, also about failures."""
    grant = await resolve(internal, token)
    reader_words(request, grant.language)
    return grant


def _form_page(
    request: Request,
    found: Participation,
    typed: FormData,
    refused: tuple[FieldError, ...] = (),
    picker: Picker = NOTHING_PICKED,
) -> Response:
    """The page with what was typed in its fields. If something is refused, its status is 422."""
    words = reader_words(request, found.grant.language, found.brief.language)
    errors = [{"field": error.field, "message": error.told(words)} for error in refused]
    return page(
        questionnaire_of(found.grant.kind).template,
        words,
        422 if errors else 200,
        **found._asdict(),
        told=told_on(found, words),
        typed=typed,
        errors=errors,
        by_field={error["field"]: error["message"] for error in reversed(errors)},
        reasons_of=partial(reasons_of_offer, words=words),
        picker=picker,
    )
