"""What holds for every page, every button and every form of the console: new ones are covered without a line here.

- Whoever may not do something has no button for it, and is refused when they send its form all the same. What a role
  may do stands in docs/privacy.md, and is compared with the API, which decides.
- Nobody else sends a form, nothing that was typed is lost, and nobody overwrites what they have not seen.
- What people store or send is shown as text: no element and no attribute of any page comes from it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from services.console.admin.cycles.controls import Action
from services.console.admin.form_tokens import FIELD, new_form_token
from services.console.admin.visit import SESSION_ENDED
from services.console.main import router
from shared.auth import Role
from shared.contracts.base import Service
from shared.database import Base
from shared.errors import Unauthorized
from shared.http.public import PublicApi
from tests.architecture.documents import names_in, table_rows
from tests.architecture.sources import ROOT
from tests.architecture.test_routes import walk
from tests.services.every_page.console import TABLE, Console, Routes, is_page, post, routes
from tests.services.every_page.documents import Form, Page
from tests.services.every_page.planting import ATTACK, CODES, PAGE_TEXT, faults_of_markup, name_of, plant, text_columns
from tests.services.every_page.two_tabs import STANDS, change, etag_now, lost, move_on
from tests.services.wrong_input.public_routes import ROWS, Row

SIGN_OUT = "/console/sign-out"
Pressed = dict[Role, dict[Row, Form]]
OTHER_SITES = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "https://other.upward.test"},
    {"origin": "https://evil.example"},
)
WORDS = {"name", "subject", "description"}
"""Fields in which two admins write something else."""
Forms = dict[Row, Form]
NOT_SHOWN = {"feedback.check_in.note", "feedback.survey_answer.comment"}
"""What is written there is shown to nobody but the partner (docs/privacy.md)."""
SENT = re.compile(r"query(?:\.get\(|\[)\"(\w+)\"|chosen\(visit((?:, \"\w+\")+)\)")
FRAMED = "/console/messages/previews/{template}"
"""The document of a mail, which is shown in a frame of our own page and may do nothing there."""


# Roles


def test_every_page_and_every_action_is_in_the_table(composed: FastAPI) -> None:
    listed = {names_in(row[0])[0] for row in table_rows(*TABLE)}
    found = routes(composed)
    assert len(found.pages) > 50
    assert len(found.actions) > 30
    assert {str(row) for row in (*found.pages, *found.actions)} - listed == set(), "name it in docs/privacy.md"


async def test_each_button_is_there_for_whoever_may_press_it_and_for_nobody_else(
    console: Console, composed: FastAPI
) -> None:
    """On every page, as every role, while a cycle runs. Buttons that are there once everything stands still are looked
    for on the pages above their address."""
    known = routes(composed)
    pressed = Pressed({role: {} for role in Role})
    wrong = await press(console, known, known.pages, pressed)
    left = [row for row in known.actions if row not in pressed[Role.OWNER]]
    await console.later()
    pages = [page for page in known.pages if any(f"{row.path}/".startswith(f"{page.path}/") for row in left)]
    wrong += await press(console, known, pages, pressed)
    assert wrong == []
    missing = [
        f"{row} as {role}" for role in Role for row in known.actions if role.covers(row.role) > (row in pressed[role])
    ]
    assert missing == [], "no page that was opened has a button for it"


async def press(console: Console, known: Routes, pages: Iterable[Row], pressed: Pressed) -> list[str]:
    """What buttons and links of these pages lead where the role may not go. `pressed` gets the forms that are found."""
    wrong = []
    for row in pages:
        for role in Role:
            if role.covers(row.role) and (page := await console.document(row, role)) is not None:
                wrong += [f"{row} as {role}: {fault}" for fault in faults(page, role, known, pressed[role])]
    return wrong


def faults(page: Page, role: Role, known: Routes, pressed: dict[Row, Form]) -> Iterator[str]:
    for form in page.forms:
        for address in {form.address, *(button.address for button in form.buttons)} - {SIGN_OUT}:
            action = known.action_at(address)
            if action is None or not role.covers(action.role):
                yield f"a form for {address}"
            else:
                pressed.setdefault(action, form)
    for link in page.links:
        if (target := known.page_at(link)) is not None and not role.covers(target.role):
            yield f"a link to {link}"


async def test_whoever_may_not_press_a_button_is_refused_and_so_is_its_page(
    console: Console, composed: FastAPI, writes: list[Row]
) -> None:
    known, wrong = routes(composed), []
    for row in (*known.pages, *known.actions):
        for role in Role:
            if not role.covers(row.role):
                answer = await console.ask(row, role)
                if answer.status_code != 403:
                    wrong.append(f"{row} as {role}: {answer.status_code}")
    assert wrong == []
    assert writes == []


async def test_each_button_needs_the_role_that_the_api_asks_for(
    console: Console, composed: FastAPI, writes: list[Row]
) -> None:
    """Each form is sent as it stands by the lowest role that has it."""
    known, wrong = routes(composed), []
    pressed = Pressed({role: {} for role in Role})
    await press(console, known, known.pages, pressed)
    for action in known.actions:
        form = pressed[action.role].get(action)
        if form is None:
            continue
        async with console.kept():
            writes.clear()
            answer = await console.send(form, [*form.sent, *form.pressed], action.role)
            needed = max((row.role for row in writes), default=action.role, key=list(Role).index)
            if answer.status_code == 403 or needed is not action.role:
                wrong.append(f"{action}: {answer.status_code}, the API asks for {needed}")
    assert wrong == []


# Forms


@pytest.fixture
async def forms(console: Console, composed: FastAPI) -> Forms:
    """One form for each action that a page has a button for."""
    found = await forms_of(console, composed)
    assert len(found) > 25
    assert sum(form.sends_file for form in found.values()) > 1
    return found


async def forms_of(console: Console, composed: FastAPI, under: str = "/console") -> Forms:
    known, found = routes(composed), Forms()
    for row in known.pages:
        page = await console.document(row) if row.path.startswith(under) else None
        for form in page.forms if page else ():
            if (action := known.action_at(form.address)) is not None:
                found.setdefault(action, form)
    return found


async def confirming(console: Console, form: Form) -> Form:
    """The form itself, or the one on the page that it leads to, if that page asks once more."""
    if not form.address.endswith("/review/change"):
        return form
    step = f"forbid:{console.ids['mentor_id']}:{console.ids['mentee_id']}"
    shown = [pair for pair in form.sent if pair[0] != "step"]
    answer = await console.send(form, [*shown, ("step", step)])
    [again] = [one for one in Page(answer.text, form.address).forms if any(b.name == "keep" for b in one.buttons)]
    return again


async def test_a_form_that_did_not_come_from_its_page_does_nothing(
    console: Console, composed: FastAPI, writes: list[Row]
) -> None:
    wrong = []
    for action in routes(composed).actions:
        form = Form(action.address(console.ids), (), ())
        answers = [await console.send(form, [("x", "1")], headers=headers) for headers in OTHER_SITES]
        answers.append(await console.send(form, [("x", "1")], token=""))
        statuses = [one.status_code for one in answers]
        wrong += [f"{action}: {statuses}"] if set(statuses) != {403} else []
    assert wrong == []
    assert writes == []


async def test_a_form_of_another_session_is_shown_again_and_does_nothing(
    console: Console, forms: Forms, writes: list[Row]
) -> None:
    """Such as one that was opened before somebody signed in anew, or one that another site got for itself."""
    theirs, wrong = new_form_token("ups_" + "A" * 43), list[str]()
    for action, form in forms.items():
        typed = form.typed()
        answer = await console.send(form, [*typed, *form.pressed], token=theirs)
        wrong += [f"{action}: status {answer.status_code}"] if answer.status_code not in (403, 422) else []
        wrong += lost(action, form, typed, answer)
    assert writes == []
    assert wrong == [], "\n".join(wrong)


async def test_whoever_is_signed_out_while_filling_in_a_form_loses_nothing(
    console: Console, forms: Forms, writes: list[Row]
) -> None:
    """A file is chosen once more, on the page of its form."""
    wrong = []
    for action, form in forms.items():
        typed = form.typed()
        asked = await post(console.http, form.address, [*typed, *form.pressed, (FIELD, "old")], {})
        if form.sends_file:
            there = Page((await console.open(form.address)).text, form.address).forms
            led = leads_back(form, asked) and any(one.sends_file for one in there)
            wrong += [] if led else [f"{action}: {asked.status_code}, {asked.headers.get('location')}"]
            continue
        page = Page(asked.text, form.address)
        (again,) = page.forms
        kept = [pair for pair in again.sent if pair[0] != "access_key"]
        if (asked.status_code, again.address, sorted(kept)) != (401, form.address, sorted([*typed, *form.pressed])):
            wrong.append(f"{action}: {asked.status_code}, {again.address}, {set(typed) ^ set(kept)}")
        signed_in = [*kept, ("access_key", console.keys[Role.OWNER]), (FIELD, again.token)]
        answer = await post(console.http, form.address, signed_in, {})
        wrong += [f"{action}: status {answer.status_code}"] if answer.status_code not in (200, 422) else []
        wrong += lost(action, form, typed, answer)
        console.http.cookies.clear()
    assert [str(row) for row in writes if row.path != "/v1/session"] == []
    assert wrong == [], "\n".join(wrong)


async def test_a_session_that_ends_while_a_form_is_handled_loses_nothing(
    console: Console, forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two calls of the API."""
    wrong, call = [], PublicApi._call
    for action, form in forms.items():
        typed = form.typed()
        calls = 0

        async def ended(api: PublicApi, method: str, service: Service, path: str, **request: Any) -> httpx.Response:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise Unauthorized("It has ended.", code=SESSION_ENDED)
            return await call(api, method, service, path, **request)

        monkeypatch.setattr(PublicApi, "_call", ended)
        async with console.kept():
            answer = await console.send(form, [*typed, *form.pressed])
        monkeypatch.setattr(PublicApi, "_call", call)
        if form.sends_file:
            wrong += [] if calls == 2 and leads_back(form, answer) else [f"{action}: {answer.status_code}"]
            continue
        found = Page(answer.text, form.address).forms
        kept = [pair for pair in found[0].sent if pair[0] != "access_key"] if found else []
        if calls > 1 and (answer.status_code, sorted(kept)) != (401, sorted([*typed, *form.pressed])):
            wrong.append(f"{action}: {answer.status_code}, {answer.headers.get('location')}")
    assert wrong == [], "\n".join(wrong)


def leads_back(form: Form, answer: httpx.Response) -> bool:
    """Whether signing in leads to the form."""
    there = urlsplit(answer.headers.get("location", ""))
    told = (answer.status_code, there.path, parse_qsl(there.query))
    return told == (303, "/console/sign-in", [("next", form.address)])


async def test_whoever_saves_what_another_admin_has_changed_meanwhile_is_told_and_overwrites_nothing(
    console: Console, forms: Forms, writes: list[Row]
) -> None:
    """Every form that changes something by its ETag. What is changed by a step is tried below."""
    wrong, edited = [], set[str]()
    for action, form in forms.items():
        mine = [pair for pair in form.typed() if pair[0] in WORDS]
        pairs = [*(pair for pair in form.sent if pair[0] not in WORDS), *mine, *form.pressed]
        async with console.kept():
            writes.clear()
            saved = await console.send(form, pairs)
            rows = [row for row in writes if row.if_match]
        for row in rows:
            edited.add(row.path)
            async with console.kept():
                theirs = await change(console, row)
                answer = await console.send(form, pairs)
                stored = await etag_now(console, row)
            if (saved.status_code, answer.status_code not in (409, 412, 422)) != (303, False):
                wrong.append(f"{action}: {saved.status_code}, then {answer.status_code}")
            wrong += [f"{action}: what they saved is gone"] if stored != theirs else []
            wrong += lost(action, form, mine, answer)
    assert wrong == [], "\n".join(wrong)
    assert edited == {row.path for row in ROWS if row.if_match and not row.path.endswith("/steering")}


async def test_what_somebody_confirms_does_not_happen_once_it_stands_otherwise(
    console: Console, composed: FastAPI, forms: Forms, writes: list[Row]
) -> None:
    """Controls of a cycle, steps of a review, whoever takes care of a concern, and the application of a file."""
    asked = {action: await confirming(console, form) for action, form in forms.items()}
    await console.later()
    asked = await forms_of(console, composed, under="/console/cycles") | asked
    await move_on(console)
    tried, wrong = set[str](), list[str]()
    for action, form in asked.items():
        if not STANDS & {one.name for one in form.controls}:
            continue
        tried.add(action.path.rpartition("/")[2])
        writes.clear()
        async with console.kept():
            answer = await console.send(form, [*form.typed(), *form.pressed])
        told = [row.path for row in writes if not row.path.endswith("/apply")]  # which the API compares itself
        if answer.status_code not in (409, 412, 422) or told:
            wrong.append(f"{action}: {answer.status_code}, {told}")
    assert wrong == [], "\n".join(wrong)
    assert tried == {*(one.value for one in Action), "approve", "change", "undo", "assign", "changes"}


# Markup


def test_each_column_of_the_database_is_known_as_that_of_texts_or_of_codes() -> None:
    """A new one is text unless it stands among the codes, and then it is tried on every page."""
    texts = {name_of(column) for column in text_columns()}
    assert len(texts) > 15
    tables = {str(table) for table in Base.metadata.tables.values()}
    columns = {name_of(column) for table in Base.metadata.tables.values() for column in table.columns}
    assert CODES - tables - columns == set()


async def test_what_is_stored_is_text_on_every_page(console: Console, composed: FastAPI) -> None:
    planted = await plant(console)
    wrong, seen = [], ""
    pages = routes(composed).pages
    texts = (
        row._replace(named=(("template", PAGE_TEXT), ("language", "de"))) for row in pages if "{language}" in row.path
    )
    for row in (*pages, *texts):
        address = row.address(console.ids)
        answer = await console.http.get(address, headers=console.as_(Role.OWNER))
        if is_page(answer):
            wrong += [f"{row}: {fault}" for fault in faults_of_markup(answer.text, own=row.path != FRAMED)]
            seen += " ".join(Page(answer.text).texts)
    assert wrong == [], "\n".join(wrong)
    assert {mark for mark in planted if f"[{mark}]" not in seen} == NOT_SHOWN


async def test_what_an_address_says_is_text_on_every_page(console: Console, composed: FastAPI) -> None:
    """Each parameter that any page knows, at once and one by one on the pages that lead to themselves with it."""
    code = "\n".join(path.read_text() for path in (ROOT / "services/console").rglob("*.py"))
    known = {name for found in SENT.findall(code) for name in re.findall(r"\w+", " ".join(found))}
    known |= {one.name for route in walk(router.routes) for one in route.dependant.query_params}
    assert {"q", "cursor", "state", "done", "sort", "before", "next"} <= known
    wrong = []
    for row in routes(composed).pages:
        address = row.address(console.ids)
        page = Page((await console.open(address)).text, address)
        own = {
            name for link in page.links if urlsplit(link).path == address for name, _ in parse_qsl(urlsplit(link).query)
        }
        own |= {name for name in page.asked if name in known}
        for params in (dict.fromkeys(known, ATTACK), *({name: ATTACK} for name in sorted(own))):
            answer = await console.http.get(address, params=params, headers=console.as_(Role.OWNER))
            assert answer.status_code < 500, (address, params)
            if is_page(answer):
                wrong += [
                    f"{row} {list(params)}: {fault}" for fault in faults_of_markup(answer.text, own=row.path != FRAMED)
                ]
    assert wrong == [], "\n".join(wrong)


async def test_what_a_form_sends_is_text_when_it_is_shown_again(console: Console, forms: Forms) -> None:
    wrong = []
    for form in forms.values():
        names = dict.fromkeys(one.name for one in form.controls if one.name != FIELD)
        for token in (None, "x." + "0" * 64):
            async with console.kept():
                answer = await console.send(form, [*((name, ATTACK) for name in names), *form.pressed], token=token)
            assert answer.status_code < 500, form.address
            wrong += [f"{form.address}: {fault}" for fault in faults_of_markup(answer.text)]
    assert wrong == [], "\n".join(wrong)


async def test_no_page_is_shown_in_the_frame_of_another_site(console: Console, composed: FastAPI) -> None:
    addresses = [(row.path == FRAMED, row.address(console.ids)) for row in routes(composed).pages]
    addresses += [
        (False, one) for one in ("/console/sign-in", "/console/sign-in/upo_" + "A" * 43, "/console/no/page", "/")
    ]
    for framed, address in addresses:
        answer = await console.open(address)
        if is_page(answer):
            headers = answer.headers
            ancestors = re.findall(r"frame-ancestors ([^;]+)", headers["content-security-policy"])
            wanted = (["'self'"], "SAMEORIGIN") if framed else (["'none'"], "DENY")
            assert (ancestors, headers["x-frame-options"]) == wanted, address
