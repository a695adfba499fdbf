"""Forms of the console: how one is sent, checked and, if need be, shown again.

A form is taken if it comes from our own site, if whoever sends it is signed in, and if its token was made for their
session. If one of these fails, or if the API refuses what was typed, the form is shown again as it was filled in:
nothing that somebody typed is lost. If the session has ended meanwhile, they sign in within the form. A form that was
made for another session is shown again too, and takes a second look.

A page with a form has two handlers, which share one function that shows it:

    @router.get("/console/things/{thing_id}/edit")
    async def show_form(thing_id: UUID, visit: CurrentVisit) -> Response:
        visit.need(Role.ADMIN)
        return await _form(visit, thing_id, Filled(as_typed(await _read(visit, thing_id))))

    @router.post("/console/things/{thing_id}/edit")
    async def take_form(thing_id: UUID, sent: SentForm) -> Response:
        visit = sent.visit
        show, save = lambda filled: _form(visit, thing_id, filled), lambda: _save(visit, thing_id, sent.typed)
        return await sent.answer(Role.ADMIN, show, save)

`_save` returns the address of the page that comes next, and raises Refused for what is typed wrong. If it creates
something, it passes `sent.once` on, so that a double click creates one thing. It returns a page instead of an address
only if that shows what can be shown only once, such as a secret.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import httpx
import structlog
from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from services.console.admin.form_tokens import FIELD, is_form_token
from services.console.admin.signing_in import KEY_FIELD, SignInProblem, WrongKey, came_from_our_form, sign_in
from services.console.admin.visit import SESSION_ENDED, NotSignedIn, Visit, current_visit
from services.console.forms.errors import FieldError, Refused
from services.console.submission import check_is_form, read_typed, read_with_file, refuse_cross_site
from services.console.words.admin_failures import AWAY, words_for
from shared.contracts.accounts import Role
from shared.errors import DomainError, Forbidden, Gone, NotFound, Unauthorized
from shared.http.dependencies import AppSettings, PublicApiClient
from shared.language.words import Words, translatable

log = structlog.get_logger(__name__)
NOTHING_TYPED = FormData()
OWN_FIELDS = {FIELD, KEY_FIELD}
TYPED = "upward.typed"
"""Where the scope of a request keeps what was typed, so that it is not lost if the session ends in that moment."""
FILE_ONCE_MORE = translatable("You have signed in anew since this form was opened. Choose the file once more.")
"""For a form with a file that was made for another session: no page can show the file again."""
FINAL = (Forbidden, NotFound, Gone)
"""Refusals after which it is of no use to send the form again."""


class Notice(StrEnum):
    """Why a form that was sent is only shown again."""

    SIGNED_IN_AGAIN = "signed_in_again"
    OTHER_SIGN_IN = "other_sign_in"


class Filled(NamedTuple):
    """What a page shows in its form."""

    typed: FormData = NOTHING_TYPED
    errors: tuple[FieldError, ...] = ()
    notice: Notice | None = None
    status: int = 200

    def for_template(self, words: Words) -> Mapping[str, Any]:
        """The names that `fields.html` and `admin/parts.html` read, in the language of these words."""
        errors = [{"field": error.field, "message": error.told(words)} for error in self.errors]
        by_field = {error["field"]: error["message"] for error in reversed(errors)}
        return {"typed": self.typed, "errors": errors, "by_field": by_field, "notice": self.notice}


class NoFormToken(Forbidden):
    code = "no_form_token"


class Interrupted(NotSignedIn):
    """A form was sent without a session. It holds what was typed, and why a key that was sent with it was not taken."""

    code = "form_interrupted"

    def __init__(self, typed: FormData, why: str = "") -> None:
        super().__init__()
        self.typed = typed
        self.why = why


Show = Callable[[Filled], Awaitable[Response]]
Act = Callable[[], Awaitable[str | Response]]


@dataclass(frozen=True)
class Sent:
    """A form that somebody sent who is signed in."""

    visit: Visit
    typed: FormData
    token: str
    """The token of the form, another one each time that the form is shown."""
    notice: Notice | None = None

    async def answer(self, role: Role, show: Show, act: Act) -> Response:
        """Does what the form asks for and leads to the page that comes next; or shows the form again.

        Raises Forbidden, NotFound, Gone, and Unauthorized when the session ended in this moment."""
        self.visit.need(role)
        if self.notice is not None:
            status = 403 if self.notice is Notice.OTHER_SIGN_IN else 200
            return await _shown(show, Filled(self.typed, (), self.notice, status))
        try:
            done = await act()
            return done if isinstance(done, Response) else RedirectResponse(done, status_code=303)
        except Refused as refused:
            return await _shown(show, Filled(self.typed, refused.errors, status=422))
        except Unauthorized as error:
            if error.code == SESSION_ENDED:
                raise
            return await self._away(show, error)
        except FINAL:
            raise
        except DomainError as error:
            return await _shown(show, Filled(self.typed, _errors_of(error), status=error.status))
        except httpx.HTTPError as error:
            return await self._away(show, error)

    @property
    def once(self) -> Mapping[str, str]:
        """The header by which the API does once what a form asks for that was sent twice, as by a double click."""
        return {"idempotency-key": f"form-{self.token}"}

    async def _away(self, show: Show, error: Exception) -> Response:
        log.warning("service.unavailable", error=type(error).__name__)
        return await _shown(show, Filled(self.typed, (FieldError("", AWAY.words),), status=503))


async def read_sent(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Sent:
    """Raises CrossSite, NotAForm, FormTooLarge, BadRequest, NoFormToken, Interrupted."""
    refuse_cross_site(request, settings.public_url)
    check_is_form(request)
    try:
        visit = await current_visit(request, public_api, settings)
    except NotSignedIn:
        return await _sent_without_session(request, public_api)
    fields = await read_typed(request)
    token = str(fields.get(FIELD, ""))
    if not token:
        raise NoFormToken("The form has no token.")
    is_own = is_form_token(token, visit.credential)
    request.scope[TYPED] = typed = _typed(fields)
    return Sent(visit, typed, token, None if is_own else Notice.OTHER_SIGN_IN)


SentForm = Annotated[Sent, Depends(read_sent)]


class SentFile(NamedTuple):
    typed: FormData
    data: bytes
    """Empty if no file was chosen."""


async def read_sent_file(request: Request, visit: Visit, most_bytes: int) -> SentFile | None:
    """A form with a file; None if it was made for another session.

    Raises NoFormToken, NotAForm, FormTooLarge, BadRequest."""
    form = await read_with_file(request, most_bytes)
    try:
        if not (token := str(form.get(FIELD, ""))):
            raise NoFormToken("The form has no token.")
        if not is_form_token(token, visit.credential):
            return None
        file = form.get("file")
        return SentFile(form, await file.read() if isinstance(file, UploadFile) else b"")
    finally:
        await form.close()


async def _sent_without_session(request: Request, public_api: PublicApiClient) -> Sent:
    """Signs in whoever sent an access key with the form. Raises Interrupted if there is none."""
    fields = await read_typed(request)
    typed, key = _typed(fields), str(fields.get(KEY_FIELD, "")).strip()
    if not key:
        raise Interrupted(typed, SignInProblem.NO_KEY if KEY_FIELD in fields else "")
    if not came_from_our_form(request, str(fields.get(FIELD, ""))):
        raise Interrupted(typed, SignInProblem.NO_COOKIE)
    try:
        visit = await sign_in(request, public_api, key)
        request.scope[TYPED] = typed
        return Sent(visit, typed, "", Notice.SIGNED_IN_AGAIN)
    except WrongKey as wrong:
        raise Interrupted(typed, wrong.why) from None


async def _shown(show: Show, filled: Filled) -> Response:
    response = await show(filled)
    response.status_code = filled.status
    return response


def _typed(fields: FormData) -> FormData:
    """What was typed, without the fields that every form has."""
    return FormData([(name, value) for name, value in fields.multi_items() if name not in OWN_FIELDS])


def _errors_of(error: DomainError) -> tuple[FieldError, ...]:
    """What the API refused: the fields that it names, or what happened as a whole."""
    named = error.extra.get("errors", ())
    found = tuple(FieldError(str(one["field"]).removeprefix("body."), str(one["detail"])) for one in named)
    return found or (FieldError("", words_for(error).words),)
