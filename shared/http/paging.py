"""Cursors of public lists. Callers give them back as they got them and need not understand them."""

import base64
from typing import Annotated
from uuid import UUID

from fastapi import Query

from shared.errors import BadRequest

Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200, description="items a page")]


def encode_cursor(last_id: UUID) -> str:
    return base64.urlsafe_b64encode(last_id.bytes).decode().rstrip("=")


def unknown_cursor() -> BadRequest:
    return BadRequest("This cursor is not one that the API gave out; start without one.", code="bad_cursor")


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor; None without a cursor. Raises BadRequest for a cursor that this API did not give out."""
    if cursor is None:
        return None
    try:
        found = UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except ValueError as error:
        raise unknown_cursor() from error
    if encode_cursor(found) != cursor:  # the decoder skips what does not belong to its alphabet
        raise unknown_cursor()
    return found
