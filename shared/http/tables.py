"""Lists as tables in CSV (RFC 4180), for callers that accept `text/csv`. They are sent row by row while they are read.

No cell holds what a spreadsheet program would run (`no_formula` in `shared/contracts/text.py`).
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse

from shared.contracts.text import no_formula
from shared.http.problems import refusals

TABLE = "text/csv"
ROWS_AT_ONCE = 500
MARK = "\ufeff"
"""The byte order mark, without which a spreadsheet program does not take the file for UTF-8."""


class Part(Protocol):
    """Some rows of a list, and the cursor of those that follow."""

    @property
    def items(self) -> Sequence[BaseModel]: ...

    @property
    def next(self) -> str | None: ...


def tables_too(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that gives its list as a table too and refuses requests with these statuses."""
    content = {TABLE: {"schema": {"type": "string"}}}
    return {200: {"description": "One page, or the whole list as a table.", "content": content}} | refusals(*statuses)


def wants_table(request: Request) -> bool:
    """Whether the caller names `text/csv` among what it accepts, and JSON not before it."""
    weights = {TABLE: 0.0, "application/json": 0.0}
    for choice in request.headers.get("accept", "").split(","):
        kind, *parameters = (part.strip().lower() for part in choice.split(";"))
        if kind in weights:
            weights[kind] = next((_weight(one[2:]) for one in parameters if one.startswith("q=")), 1.0)
    return weights[TABLE] > weights["application/json"]


def table_answer(
    name: str, item: type[BaseModel], first: Part, follow: Callable[[str], Awaitable[Part]]
) -> StreamingResponse:
    """The list as a table whose columns are the fields of `item`. It begins with `first`, and `follow` reads the part
    of a cursor."""
    columns = list(item.model_fields)

    async def lines() -> AsyncIterator[str]:
        yield MARK + _lines([columns])
        part = first
        while True:
            rows = (one.model_dump(mode="json") for one in part.items)
            yield _lines([cell(row[column]) for column in columns] for row in rows)
            if part.next is None:
                return
            part = await follow(part.next)

    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "vary": "accept"}
    return StreamingResponse(lines(), media_type=TABLE, headers=headers)


def cell(value: Any) -> str:
    """A value of JSON as a cell: lists of plain values are joined by semicolons, and nested ones stay JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    parts = value if isinstance(value, list) else []
    if isinstance(value, Mapping) or any(isinstance(one, Mapping | list) for one in parts):
        return json.dumps(value, ensure_ascii=False)
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return no_formula(text)


def table_line(values: Iterable[Any]) -> str:
    """One row of a table that somebody else puts together."""
    return _lines([[cell(value) for value in values]])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
