"""The page beside which the bench measures the review: FastAPI, the same statements, and a template of a few lines."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from sqlalchemy import event

from shared.database import Database

PAGE = 100
"""Pairs on a page; one more is read, to know whether there is a next page."""
TEMPLATE = Environment(autoescape=True).from_string(
    """<!doctype html><html lang="en"><title>Pairs</title><table>
<tr><th>Mentor</th><th>Mentee</th><th>Points</th><th>Why</th></tr>
{% for pair in pairs %}<tr><td>{{ names[pair.mentor_id] }}</td><td>{{ names[pair.mentee_id] }}</td>
<td>{{ pair.score }}</td><td>{{ pair.reason_codes }}</td></tr>
{% endfor %}</table></html>"""
)


class Sent(NamedTuple):
    """One statement as it was sent to Postgres."""

    text: str
    values: Any


@asynccontextmanager
async def recorded(database: Database) -> AsyncIterator[list[Sent]]:
    """The reading statements that are sent meanwhile."""
    found: list[Sent] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT") or statement.lstrip().upper().startswith("WITH"):
            found.append(Sent(statement, values))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def bare_application(database: Database, statements: Sequence[Sent]) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def show() -> HTMLResponse:
        pairs: list[Any] = []
        names: dict[Any, str] = {}
        async with database.engine.connect() as connection:
            for sent in statements:
                rows = (await connection.exec_driver_sql(sent.text, sent.values)).all()
                if rows and "mentor_id" in rows[0]._fields and "reason_codes" in rows[0]._fields:
                    pairs = list(rows[:PAGE])
                elif rows and "job_title" in rows[0]._fields:
                    names |= {row.id: row.name for row in rows}
        return HTMLResponse(TEMPLATE.render(pairs=pairs, names=names))

    return app
