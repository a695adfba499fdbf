"""Every form of the console: its token, its role, and that nothing is lost which somebody typed into it.

A form of this file stands for all: it is made as CONTRIBUTING says, and changes the name of a program by the API.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response
from sqlalchemy import delete
from starlette.datastructures import FormData

from services.accounts import main as accounts
from services.console import main as console
from services.console.admin import layout
from services.console.admin.forms import Filled, SentForm
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from services.console.pages import ENVIRONMENT
from services.programs import main as programs
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Contract, Service
from shared.database import Database
from shared.errors import Unauthorized
from shared.http.application import create_application
from shared.sessions import SessionRow
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.services.test_console_sign_in import SESSION, key_of, sign_in, token_in

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
TEMPLATE = """{% extends "admin/base.html" %}
{% from "fields.html" import error_summary, textarea with context %}
{% from "admin/parts.html" import done, form, form_notice with context %}
{% block title %}Rename{% endblock %}
{% block main %}
{{ done({"renamed": "It has a new name."}) }}{{ form_notice() }}{{ error_summary() }}
{% if visit.may('admin') %}
{% call form(visit.path) %}
{{ textarea("name", "Name") }}
{{ textarea("why", "Why") }}
<button>Rename</button>
{% endcall %}
{% endif %}
{% endblock %}"""
TYPED = {"name": "Upside <Down> & more", "why": "line 1\r\nline 2", "tag": ["a", "b"]}


class Definition(Contract, extra="allow"):
    name: str


class Made(Contract):
    id: UUID


router = APIRouter(route_class=AdminRoute, include_in_schema=False)


@router.get("/console/trial/{program_id}")
async def show_form(program_id: UUID, visit: CurrentVisit) -> Response:
    return await _form(visit, program_id, Filled())


@router.post("/console/trial/{program_id}")
async def take_form(program_id: UUID, sent: SentForm) -> Response:
    visit = sent.visit
    return await sent.answer(
        Role.ADMIN,
        lambda filled: _form(visit, program_id, filled),
        lambda: _rename(visit, program_id, sent.typed),
    )


@router.post("/console/trial")
async def create(sent: SentForm) -> Response:
    async def act() -> str:
        definition = Definition.model_validate({**PROGRAM, "name": str(sent.typed["name"])})
        made = await sent.visit.api.post(Service.PROGRAMS, "/programs", Made, definition, sent.once)
        return f"/console/trial/{made.id}"

    async def show(filled: Filled) -> Response:
        raise AssertionError(filled)

    return await sent.answer(Role.ADMIN, show, act)


async def _form(visit: Visit, program_id: UUID, filled: Filled) -> Response:
    program = await visit.api.get(Service.PROGRAMS, f"/programs/{program_id}", Definition)
    typed = filled.typed or FormData([("name", program.name)])
    return layout.admin_page(visit, "trial.html", **dict(filled.for_template(visit.words)) | {"typed": typed})


async def _rename(visit: Visit, program_id: UUID, typed: FormData) -> str:
    name = str(typed.get("name", ""))
    if name == "refuse":
        raise Refused([FieldError("name", "Choose another name.")])
    address = f"/programs/{program_id}"
    found = await visit.api.get_versioned(Service.PROGRAMS, address, Definition)
    changed = Definition.model_validate({**PROGRAM, "name": name})
    await visit.api.put(Service.PROGRAMS, address, Definition, changed, '"0"' if name == "stale" else found.etag)
    return f"/console/trial/{program_id}?done=renamed"


@pytest.fixture(autouse=True)
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    template = ENVIRONMENT.from_string(TEMPLATE)
    real = ENVIRONMENT.get_template
    monkeypatch.setattr(
        ENVIRONMENT, "get_template", lambda name, *rest: template if name == "admin/trial.html" else real(name, *rest)
    )


@pytest.fixture(scope="module")
def app(database: Database, settings: Settings) -> FastAPI:
    """It is made once, as its first request takes longest."""
    return create_application([accounts.router, programs.router, router, console.router], database, settings)


@pytest.fixture
async def browser(app: FastAPI, db: Database, organization_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    app.state.database = db
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def path(browser: httpx.AsyncClient, access_key: KeyMaker) -> str:
    """The form of a program."""
    made = await browser.post("/v1/programs", headers=once(await access_key(Role.ADMIN)), json=dict(PROGRAM))
    return f"/console/trial/{made.json()['id']}"


async def name_of(browser: httpx.AsyncClient, access_key: KeyMaker, path: str) -> str:
    answer = await browser.get(f"/v1/programs/{path.rpartition('/')[2]}", headers=await access_key())
    return str(answer.json()["name"])


def shown(page: httpx.Response) -> dict[str, Any]:
    """What the form of the page holds."""
    return {
        name: re.sub(r"^\n", "", value)
        for name, value in re.findall(r'<textarea name="(\w+)".*?>(.*?)</textarea>', page.text, re.DOTALL)
    }


KEPT = {"name": "Upside &lt;Down&gt; &amp; more", "why": "line 1\r\nline 2"}


async def end_sessions(db: Database) -> None:
    async with db.transaction() as session:
        await session.execute(delete(SessionRow))


async def test_a_form_changes_what_the_person_may_change(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))
    answer = await browser.post(path, data=TYPED | {"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=renamed")
    assert "It has a new name." in (await browser.get(answer.headers["location"])).text
    assert await name_of(browser, access_key, path) == TYPED["name"]


async def test_a_form_that_is_sent_twice_does_its_work_once(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))
    answers = [await browser.post("/console/trial", data={"name": "New", "form_token": token}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    again = await browser.post("/console/trial", data={"name": "New", "form_token": token_in(await browser.get(path))})
    assert again.headers["location"] != answers[0].headers["location"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_a_role_that_is_too_low_has_no_button_and_its_post_is_403(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str, role: Role
) -> None:
    await sign_in(browser, key_of(await access_key(role)))
    page = await browser.get(path)
    assert "Rename</button>" not in page.text
    answer = await browser.post(path, data=TYPED | {"form_token": token_in(page)})
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text
    assert await name_of(browser, access_key, path) == PROGRAM["name"]


async def test_another_organization_s_form_is_not_there(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database, path: str
) -> None:
    other = uuid4()
    await add_organization(db, other)
    await sign_in(browser, key_of(await access_key(Role.OWNER, other)))
    assert (await browser.get(path)).status_code == 404
    token = token_in(await browser.get("/console"))
    assert (await browser.post(path, data=TYPED | {"form_token": token})).status_code == 404
    assert await name_of(browser, access_key, path) == PROGRAM["name"]


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_another_site_s_form_changes_nothing_and_is_not_kept(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str, headers: dict[str, str], db: Database
) -> None:
    """Not even after signing in, so that nobody else fills in a form for the person."""
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))
    for _ in ("signed in", "not any more"):
        answer = await browser.post(path, data=TYPED | {"form_token": token}, headers=headers)
        assert answer.status_code == 403
        assert "Upside" not in answer.text
        await end_sessions(db)
    assert await name_of(browser, access_key, path) == PROGRAM["name"]


async def test_a_form_without_a_token_changes_nothing(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    answer = await browser.post(path, data=TYPED)
    assert answer.status_code == 403
    assert shown(answer) == {}
    assert await name_of(browser, access_key, path) == PROGRAM["name"]


async def test_a_form_that_another_tab_s_sign_in_has_overtaken_is_shown_again(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    old = token_in(await browser.get(path))
    browser.cookies.delete(SESSION)
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    page = await browser.post(path, data=TYPED | {"form_token": old})
    assert page.status_code == 403
    assert shown(page) == KEPT
    assert "signed in anew" in page.text
    assert await name_of(browser, access_key, path) == PROGRAM["name"]
    answer = await browser.post(path, data=TYPED | {"form_token": token_in(page)})
    assert answer.status_code == 303


@pytest.mark.parametrize("ending", ["expired", "signed out elsewhere", "cookies cleared"])
async def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database, path: str, ending: str
) -> None:
    key = key_of(await access_key(Role.ADMIN))
    await sign_in(browser, key)
    token = token_in(await browser.get(path))
    if ending == "expired":
        await end_sessions(db)
    elif ending == "cookies cleared":
        browser.cookies.clear()
    else:
        await browser.post("/console/sign-out", data={"form_token": token_in(await browser.get("/console"))})
    page = await browser.post(f"{path}?tab=2", data=TYPED | {"form_token": token})
    assert page.status_code == 401
    kept = re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', page.text, re.DOTALL)
    assert [(name, value) for name, value in kept if name != "form_token"] == [
        *(("name", KEPT["name"]), ("why", KEPT["why"]), ("tag", "a"), ("tag", "b"))
    ]
    assert f'action="{path}?tab=2"' in page.text
    wrong = await browser.post(path, data=TYPED | {"form_token": token_in(page), "access_key": "upw_wrong"})
    assert wrong.status_code == 401
    assert "This key is not valid" in wrong.text
    page = await browser.post(path, data=TYPED | {"form_token": token_in(wrong), "access_key": key})
    assert page.status_code == 200
    assert shown(page) == KEPT
    assert "You are signed in again" in page.text
    assert key not in page.text
    assert await name_of(browser, access_key, path) == PROGRAM["name"], "signing in alone sends nothing"
    answer = await browser.post(path, data=TYPED | {"form_token": token_in(page)})
    assert answer.status_code == 303
    assert await name_of(browser, access_key, path) == TYPED["name"]


async def test_a_session_that_ends_while_a_form_is_taken_loses_nothing(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))

    async def ended(*_: object) -> str:
        raise Unauthorized("d", code="session_ended")

    monkeypatch.setattr("tests.services.test_console_forms._rename", ended)
    page = await browser.post(path, data=TYPED | {"form_token": token})
    assert page.status_code == 401
    assert f'name="name" value="{KEPT["name"]}"' in page.text


async def test_a_key_that_was_sent_without_our_form_signs_nobody_in(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str
) -> None:
    await browser.get("/console/sign-in")
    key = key_of(await access_key(Role.ADMIN))
    page = await browser.post(path, data=TYPED | {"form_token": "x", "access_key": key})
    assert (page.status_code, SESSION in browser.cookies) == (401, False)
    assert "Allow cookies" in page.text


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("refuse", 422, "Choose another name."),
        (" ", 422, "must not be empty"),
        ("stale", 412, "Nothing of yours was changed."),
    ],
)
async def test_what_is_refused_is_told_beside_what_was_typed(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str, name: str, status: int, told: str
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))
    page = await browser.post(path, data=TYPED | {"name": name, "form_token": token})
    assert page.status_code == status, page.text
    assert told in page.text
    assert shown(page) == KEPT | {"name": name}


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("away"), Unauthorized("d", code="invalid_access_key")], ids=["away", "older"]
)
async def test_while_a_part_of_upward_is_away_or_older_nothing_is_lost(
    browser: httpx.AsyncClient, access_key: KeyMaker, path: str, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    token = token_in(await browser.get(path))

    async def away(*_: object) -> str:
        raise failure

    monkeypatch.setattr("tests.services.test_console_forms._rename", away)
    page = await browser.post(path, data=TYPED | {"form_token": token})
    assert page.status_code == 503
    assert shown(page) == KEPT


async def test_a_form_that_is_too_large_is_refused(browser: httpx.AsyncClient, access_key: KeyMaker, path: str) -> None:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    answer = await browser.post(path, data={"name": "x" * 70_000})
    assert (answer.status_code, "too much text" in answer.text) == (413, True)
