"""The page beside which the bench measures an enrolment page: FastAPI, the same statements, and a template of a few
lines with the same fields."""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from bench.console_bare import Sent
from shared.contracts.intake import MeetingWindow
from shared.contracts.programs import Topic
from shared.database import Database

ROLES = ("mentor", "mentee", "both", "none")
TEMPLATE = Environment(autoescape=True).from_string(
    """<!doctype html><html lang="en"><title>Take part</title><form method="post">
{% for role in roles %}<label><input type="radio" name="role" value="{{ role }}"> {{ role }}</label>{% endfor %}
{% for topic in topics %}<label><input type="checkbox" name="topics_taught" value="{{ topic.code }}"> {{ topic.label }}
</label><select name="taught_level_{{ topic.code }}">{% for level in range(1, 4) %}
<option value="{{ level }}">{{ level }}</option>{% endfor %}</select>{% endfor %}
{% for rank in range(1, 6) %}<select name="topics_wanted_{{ rank }}">{% for topic in topics %}
<option value="{{ topic.code }}">{{ topic.label }}</option>{% endfor %}</select>{% endfor %}
{% for name in ("mentor_capacity", "mentee_capacity") %}<select name="{{ name }}">{% for number in range(1, 6) %}
<option value="{{ number }}">{{ number }}</option>{% endfor %}</select>{% endfor %}
{% for language in languages %}<label><input type="checkbox" name="languages" value="{{ language }}"> {{ language }}
</label>{% endfor %}
{% for window in windows %}<label><input type="checkbox" name="meeting_windows" value="{{ window }}"> {{ window }}
</label>{% endfor %}<input name="colleague"><input name="preferred_emails"><textarea name="avoided_emails"></textarea>
<button>Send</button></form></html>"""
)


def bare_form(database: Database, statements: Sequence[Sent], topics: Sequence[Topic]) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def show() -> HTMLResponse:
        languages: list[str] = []
        async with database.engine.connect() as connection:
            for sent in statements:
                rows = (await connection.exec_driver_sql(sent.text, sent.values)).all()
                if rows and rows[0]._fields == ("language",):
                    languages = [row.language for row in rows]
        windows = [window.value for window in MeetingWindow]
        return HTMLResponse(TEMPLATE.render(roles=ROLES, topics=topics, languages=languages, windows=windows))

    return app
