"""Public lists, which are all searched, sorted, filtered, paged and counted in the same way, and given as a table.

A caller sorts by `sort=name`, or by `sort=-name` in falling order, and rows with the same value stand in the order of
their ids. The cursor is the id of the last row, so that it says nothing about anybody: the row's present value is
looked up where the next page begins. If just that row has moved meanwhile, what lies between its two places is left out
or told twice; whatever other rows come, go or move, all that stay are told once (decision 0032).
"""

import base64
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ARRAY, ColumnElement, Row, Select, any_, case, func, literal, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import SQLCoreOperations
from starlette.requests import Request
from starlette.responses import Response

from shared.database import Database
from shared.errors import BadRequest
from shared.http.tables import ROWS_AT_ONCE, table_answer, wants_table

MOST_COUNTED = 20_000
"""A list with more rows is not counted, as that would take longer than to read a page of it."""
MOST_WORDS = 10
MARKS = "[\u0300-\u036f]"
"""What makes a letter one with an accent, once Unicode has taken it apart (NFD). So `zoe` finds `Zoë`."""

Column = SQLCoreOperations[Any]


class Page(NamedTuple):
    """Which page of a list is wanted."""

    sort: str
    """The name of a column, with a minus sign before it if the highest value comes first."""
    cursor: str | None = None
    limit: int = 50


class Found(NamedTuple):
    """One page as the store reads it."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    next: str | None
    """The cursor of the next page; None on the last one."""
    total: int | None
    """How many rows there are on all pages. It is counted with the first page, unless there are too many."""


class Listed(Protocol):
    """One page as a route answers it."""

    @property
    def items(self) -> Sequence[BaseModel]: ...

    @property
    def next(self) -> str | None: ...


Answer = TypeVar("Answer", bound=Listed)


async def answer_list(
    request: Request,
    database: Database,
    page: Page,
    read: Callable[[AsyncSession, Page], Awaitable[Answer]],
    *,
    name: str,
    item: type[BaseModel],
) -> Answer | Response:
    """The page; or the whole list as a table in CSV, which is called `name`, for a caller that accepts `text/csv`.

    A table is read in parts, each in a transaction of its own: neither memory nor a connection is held for long.
    """

    async def read_part(part: Page) -> Answer:
        async with database.single_statements() as session:
            return await read(session, part)

    if not wants_table(request):
        return await read_part(page)
    first = await read_part(Page(page.sort, limit=ROWS_AT_ONCE))  # a refusal is told before the table begins

    async def follow(cursor: str) -> Listed:
        return await read_part(Page(page.sort, cursor, ROWS_AT_ONCE))

    return table_answer(name, item, first, follow)


async def read_page(
    session: AsyncSession,
    query: Select[*tuple[Any, ...]],
    page: Page,
    *,
    key: Column,
    columns: Mapping[str, Column],
    scope: Sequence[ColumnElement[bool]],
    filters: Sequence[ColumnElement[bool]] = (),
) -> Found:
    """One page of the rows of `query` that are in the scope and pass the filters.

    `key` is the id of the row. The first thing that `query` selects is the id, or the row of a table that has it.
    `columns` are those by which the list can be sorted, by name; none of them is ever null. The key itself needs no
    name there. The last row of the page before need not pass the filters any more, and is in the scope. So what nobody
    may learn about belongs to the scope, and no column tells more than the answer does. Raises BadRequest for another
    cursor.
    """
    name, falling = page.sort.removeprefix("-"), page.sort.startswith("-")
    order = (columns[name], key) if name in columns else (key,)
    wanted = query.where(*scope, *filters)
    follows = wanted
    if (after := decode_cursor(page.cursor)) is not None:
        last = await _values(session, query.where(*scope), order, key, after)
        here, there = tuple_(*order), tuple_(*(literal(value) for value in last))
        follows = wanted.where(here < there if falling else here > there)
    sorted_rows = follows.order_by(*(column.desc() if falling else column.asc() for column in order))
    rows = (await session.execute(sorted_rows.limit(page.limit + 1))).all()
    shown = rows[: page.limit]
    total = None
    if after is None:  # a list that fits its first page is counted by reading it
        total = await _count(session, wanted) if len(rows) > len(shown) else len(rows)
    return Found(shown, encode_cursor(_id_of(shown[-1])) if len(rows) > len(shown) else None, total)


def containing(words: str | None, *texts: Column) -> list[ColumnElement[bool]]:
    """The filter that lets through what contains each of these words in one of the texts. No filter without words."""
    if not words:
        return []
    whole = func.concat_ws(" ", *texts)
    apart = func.regexp_replace(func.normalize(whole, literal_column("NFD")), MARKS, "", "g")
    # Most texts are ASCII, of which nothing needs to be taken apart. That would take four times as long.
    plain = func.lower(case((func.octet_length(whole) == func.char_length(whole), whole), else_=apart))
    return [plain.contains(_folded(word), autoescape=True) for word in words.split()[:MOST_WORDS]]


def equal(column: Column, value: object) -> list[ColumnElement[bool]]:
    """The filter that lets through what has this value, or any of these. No filter for None and for an empty list."""
    if value is None or value == []:
        return []
    if not isinstance(value, list):
        return [column == value]
    if len(value) == 1:
        return [column == value[0]]
    return [among(column, value)]


def among(column: Column, values: Iterable[object]) -> ColumnElement[bool]:
    """The condition that it is one of these values. They are one parameter, however many there are."""
    of_type = cast(ColumnElement[Any], column).type
    return column == any_(literal(list(values), ARRAY(of_type)))


def _folded(word: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not re.match(MARKS, letter)).lower()


def _id_of(row: Row[*tuple[Any, ...]]) -> UUID:
    first = row[0]
    found: UUID = first if isinstance(first, UUID) else first.id
    return found


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


async def _count(session: AsyncSession, query: Select[*tuple[Any, ...]]) -> int | None:
    found = query.with_only_columns(literal(1)).order_by(None).limit(MOST_COUNTED + 1).subquery()
    counted = await session.scalar(select(func.count()).select_from(found)) or 0
    return counted if counted <= MOST_COUNTED else None


async def _values(
    session: AsyncSession, query: Select[*tuple[Any, ...]], order: Sequence[Column], key: Column, after: UUID
) -> Sequence[Any]:
    """The values of the row after which the page begins."""
    if len(order) == 1:
        return (after,)
    found = await session.execute(query.with_only_columns(*order).where(key == after))
    if (row := found.one_or_none()) is None:
        raise unknown_cursor()
    return row
