"""A visit: somebody who is signed in and asks for a page.

What a page in this folder reads or changes goes through the public API with the credential of the visitor, so that it
can do what its visitor may do, and no more. Whoever is not signed in is led to the sign-in page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from structlog.contextvars import bind_contextvars

from services.console.admin.cookies import SESSION, cookies_at
from services.console.admin.form_tokens import new_form_token
from services.console.pages import reader_words
from shared.auth import bearer_of, caller_address
from shared.contracts.accounts import CallerDetails, Role
from shared.contracts.base import Service
from shared.errors import Forbidden, Unauthorized
from shared.http.dependencies import AppSettings, PublicApiClient
from shared.http.public import PublicApi
from shared.language.words import Words
from shared.sessions import is_session_token

VISIT = "upward.visit"
"""Where the scope of a request keeps its visit, so that a failure is shown in the frame of the page."""
SESSION_ENDED = "session_ended"
"""The code of the API's refusal when a session ends between two calls of a page."""

NETWORK_NOT_ALLOWED = "network_not_allowed"
"""The code of the API's refusal when a key is not taken from the network of the visitor."""


class NotSignedIn(Unauthorized):
    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__("Sign in at /console/sign-in, or send an access key as 'Authorization: Bearer upw_…'.")


@dataclass(frozen=True)
class Visit:
    who: CallerDetails
    api: PublicApi
    """The public API, called as the visitor."""
    path: str
    """The path of the page."""
    query: Mapping[str, str]
    words: Words
    """The words of the visitor's language."""
    credential: str = field(repr=False)

    def may(self, role: Role) -> bool:
        """Whether the visitor's role covers this one. A button that needs a higher role is left out of the page."""
        return self.who.role.covers(role)

    def need(self, role: Role) -> None:
        """Raises Forbidden, as the API would."""
        if not self.may(role):
            raise Forbidden(f"This needs the role {role.value} or higher.", code="role_too_low")

    @property
    def done(self) -> str:
        """What the page before has done, as a code. It leads here with `?done=CODE`, and this page has the words."""
        return self.query.get("done", "")

    def form_token(self) -> str:
        """The token of a form on the page."""
        return new_form_token(self.credential)


def api_as(request: Request, public_api: PublicApi, credential: str) -> PublicApi:
    """The public API, called as whoever has this credential, from where this request came."""
    address = caller_address(request)
    return public_api.acting_as(credential, str(address) if address is not None else None)


async def visit_with(request: Request, public_api: PublicApi, credential: str) -> Visit:
    """The visit of whoever has this session or this access key, and may use it from where they are. Raises
    NotSignedIn."""
    api = api_as(request, public_api, credential)
    try:
        who = await api.get(Service.ACCOUNTS, "/caller", CallerDetails)
    except Unauthorized:
        raise NotSignedIn from None
    except Forbidden as error:
        if error.code != NETWORK_NOT_ALLOWED:
            raise
        raise NotSignedIn from None
    bind_contextvars(organization_id=str(who.organization.id), key_id=who.key_id)
    visit = Visit(who, api, request.url.path, request.query_params, reader_words(request), credential)
    request.scope[VISIT] = visit
    return visit


async def current_visit(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Visit:
    """The visit of the session in the cookie. A program may send its access key as `Authorization: Bearer`.

    Raises NotSignedIn."""
    if sent := bearer_of(request.headers.get("authorization", "")):
        return await visit_with(request, public_api, sent)
    token = cookies_at(settings.public_url).read(request, SESSION)
    if not is_session_token(token):  # a cookie never holds a key
        raise NotSignedIn
    return await visit_with(request, public_api, token)


CurrentVisit = Annotated[Visit, Depends(current_visit)]
