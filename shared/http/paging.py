"""What routes of public lists take as parameters."""

from typing import Annotated

from fastapi import Query

NO_NUL = r"^[^\x00]*$"
"""Postgres cannot store the NUL character in a text."""

Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200, description="items a page")]
Search = Annotated[
    str | None,
    Query(
        max_length=100,
        pattern=NO_NUL,
        description="only what contains each of these words, in any case and with or without accents",
    ),
]
