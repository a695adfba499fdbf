"""Signing in to the pages for admins.

A browser signs in with HTTP Basic: the user name may be anything, and the password is the access key. A program may
send the key as `Authorization: Bearer`, as it does everywhere else.
"""

import base64
import binascii
from typing import Annotated

from fastapi import Depends, Header
from structlog.contextvars import bind_contextvars

from shared.auth import Caller, authenticate
from shared.http.dependencies import AppDatabase


def access_key_of(authorization: str) -> str:
    """The access key in a Basic header, where it is the password, or in a Bearer header. Empty when there is none."""
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


async def _signed_in(database: AppDatabase, authorization: Annotated[str, Header()] = "") -> Caller:
    """Raises Unauthorized."""
    async with database.transaction() as session:
        caller = await authenticate(session, access_key_of(authorization))
    bind_contextvars(organization_id=str(caller.organization_id), key_id=caller.key_id)
    return caller


# Every role may look. No connection to the database is held while the page asks services.
SignedIn = Annotated[Caller, Depends(_signed_in)]
