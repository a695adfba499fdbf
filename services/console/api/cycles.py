"""The admin's read-only page of one cycle.

A browser signs in with HTTP Basic: any user name, the access key as the password. Programs may send the key as
`Authorization: Bearer`, as everywhere. The database is asked in short transactions of its own, so that no connection
is held while other services, perhaps in this very process, are read.
"""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from structlog.contextvars import bind_contextvars

from services.console.cycles import read_cycle_page
from services.console.pages import PageRoute, page
from shared.auth import Caller, authenticate
from shared.database import Database
from shared.http.dependencies import AppSettings, InternalClient
from shared.rounds.store import read_rounds

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def access_key_of(authorization: str) -> str:
    """The access key in a Basic (as the password) or Bearer header; empty when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        _, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password


async def signed_in(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    """Whose key it is; every role may look. Raises Unauthorized."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        caller = await authenticate(session, access_key_of(authorization))
    bind_contextvars(organization_id=str(caller.organization_id), key_id=caller.key_id)
    return caller


@router.get("/console/cycles/{cycle_id}")
async def show_cycle(
    cycle_id: UUID,
    caller: Annotated[Caller, Depends(signed_in)],
    request: Request,
    internal: InternalClient,
    settings: AppSettings,
    after: UUID | None = None,
) -> Response:
    database: Database = request.app.state.database
    async with database.transaction() as session:
        rounds = await read_rounds(session, caller.organization_id, cycle_id)
    found = await read_cycle_page(internal, caller.organization_id, cycle_id, rounds, after)
    return page("cycle.html", cycle=found, cycle_id=cycle_id, first=after is None, public_url=settings.public_url)
