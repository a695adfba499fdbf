"""The four steps of an import in the console."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.console.admin.people.imports.view import PendingImport, answers_of
from services.intake import main as intake
from services.programs import main as programs
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import add_organization
from tests.services.test_console_sign_in import token_in
from tests.workbooks import workbook

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
IMPORT = "/console/people/import"
FILE = b"Wer,Wohin,Zustand\nAnn <i>Lee,ann@x.example,Active\nP Eight,p8@x.example,Terminated\nNobody,nowhere,Active\n"


@pytest.fixture
async def browser(
    application: Callable[..., FastAPI], db: Database, organization_id: UUID, access_key: KeyMaker
) -> AsyncIterator[httpx.AsyncClient]:
    """An admin of a company of nine."""
    await add_organization(db, organization_id)
    await add_people(db, organization_id, *(person(f"p{number}@x.example") for number in range(9)))
    async with client_of(application(accounts, programs, intake, console)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def post(browser: httpx.AsyncClient, path: str, **typed: str) -> httpx.Response:
    token = token_in(await browser.get(path))
    return await browser.post(path, data={"form_token": token} | typed)


async def send(browser: httpx.AsyncClient, file: bytes = FILE) -> httpx.Response:
    token = token_in(await browser.get(IMPORT))
    return await browser.post(IMPORT, data={"form_token": token}, files={"file": ("people.csv", file)})


async def test_a_file_becomes_people_in_four_steps(browser: httpx.AsyncClient) -> None:
    columns = (await send(browser)).headers["location"]
    page = await browser.get(columns)
    assert "Ann &lt;i&gt;Lee" in page.text
    assert "3 rows" in page.text
    unknown = await post(browser, columns)
    assert (unknown.status_code, "the file cannot be used" in unknown.text) == (422, True)
    twice = await post(browser, columns, column_0="name", column_1="name")
    assert "Two columns cannot both be this." in twice.text

    changes = await post(browser, columns, column_0="name", column_1="email", column_2="status")
    assert changes.headers["location"] == f"{columns}/changes"
    shown = await browser.get(f"{columns}/changes")
    for part in ("Ann &lt;i&gt;Lee", "p8@x.example", "1 of 9 people would leave", "Line 4", "Leave out the 1 row"):
        assert part in shown.text, part

    first = await post(browser, f"{columns}/changes")
    assert "Say what happens to the rows" in first.text
    second = await post(browser, f"{columns}/changes", skip="yes")
    assert "tick the box that names how many leave" in second.text
    assert (await browser.get("/v1/people?active=false")).json()["total"] == 0
    done = await post(browser, f"{columns}/changes", skip="yes", confirm="1")
    assert done.headers["location"] == f"{columns}/done"
    assert "The file is imported" in (await browser.get(f"{columns}/done")).text
    assert (await browser.get(columns)).headers["location"] == f"{columns}/done"
    assert (await browser.get("/v1/people?active=false")).json()["total"] == 1

    again = await browser.get((await send(browser)).headers["location"])
    assert '<option value="email" selected>' in again.text


async def test_what_is_wrong_is_told_in_the_language_of_the_reader(browser: httpx.AsyncClient) -> None:
    browser.headers["accept-language"] = "de"
    empty = await send(browser, b"Wer,Wohin\n")
    assert "Die Datei hat eine Kopfzeile und keine Zeilen darunter." in empty.text
    columns = (await send(browser)).headers["location"]
    assert "Keine Spalte enthält Namen." in (await post(browser, columns)).text
    await post(browser, columns, column_0="name", column_1="email", column_2="status")
    assert "<span>Diese Zelle ist keine E-Mail-Adresse.</span>" in (await browser.get(f"{columns}/changes")).text


async def test_another_sheet_and_another_header_line_are_chosen_by_their_first_cells(
    browser: httpx.AsyncClient,
) -> None:
    rows = [["Personal im Mai"], ["Wer", "Wohin"], ["Ann Lee", "ann@x.example"], ["Bob Ray", "bob@x.example"]]
    columns = (await send(browser, workbook({"Cover": [["x"], ["y"]], "Staff": rows}))).headers["location"]
    page = await browser.get(columns)
    assert '<option value="Cover" selected>Cover</option>' in page.text
    assert (await post(browser, columns, sheet="Staff", header_line="1")).headers["location"] == columns
    page = await browser.get(columns)
    assert "Personal im Mai" in page.text
    assert "Wer · Wohin" in page.text
    assert (await post(browser, columns, sheet="Staff", header_line="4", again="yes")).status_code == 422
    assert (await post(browser, columns, sheet="Staff", header_line="2")).headers["location"] == columns
    page = await browser.get(columns)
    assert "What the column Wohin means" in page.text
    typed = {"sheet": "Staff", "header_line": "2", "column_0": "name", "column_1": "email"}
    assert (await post(browser, columns, again="yes", **typed)).headers["location"] == columns
    assert '<option value="email" selected>' in (await browser.get(columns)).text
    changes = (await post(browser, columns, **typed)).headers["location"]
    assert "Bob Ray" in (await browser.get(changes)).text


async def test_who_a_doubtful_row_is_about_is_said_below_the_differences(
    browser: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    olaf = person("olaf@x.example")._replace(external_id="17", name="Olaf Old", given_name="Olaf", family_name="Old")
    await add_people(db, organization_id, olaf)
    file = b"id,name,email\n17,Nina New,nina@x.example\n"
    columns = (await send(browser, file)).headers["location"]
    await post(browser, columns, column_0="external_id", column_1="name", column_2="email")
    changes = f"{columns}/changes"
    page = await browser.get(changes)
    for part in ("Who is this?", "Line 2: Nina New", f'<a href="/console/people/{olaf.id}">Olaf Old</a>'):
        assert part in page.text, part
    for answer, created in (("same", 0), ("new", 1), ("", 0), ("new", 1)):
        assert (await post(browser, changes, decide="yes", who_2=answer)).headers["location"] == changes
        page = await browser.get(changes)
        assert ("Leave out the 1 row" in page.text) is (answer == "")
        assert f"<dt>New</dt><dd>{created}</dd>" in page.text
    assert (await post(browser, changes)).headers["location"] == f"{columns}/done"
    found = (await browser.get("/v1/people?q=nina")).json()["items"]
    assert [(one["name"], one["external_id"]) for one in found] == [("Nina New", "17")]


async def test_doubtful_rows_are_counted_and_decided_however_many_cannot_be_used(
    browser: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    """More rows are refused than a page lists, and the doubtful one is below them in the file."""
    olaf = person("olaf@x.example")._replace(external_id="17", name="Olaf Old", given_name="Olaf", family_name="Old")
    await add_people(db, organization_id, olaf)
    file = b"id,name,email\n" + b"".join(b"n%d,Nobody,nowhere\n" % n for n in range(205)) + b"17,Nina New,n@x.example\n"
    columns = (await send(browser, file)).headers["location"]
    await post(browser, columns, column_0="external_id", column_1="name", column_2="email")
    page = (await browser.get(f"{columns}/changes")).text
    for part in (
        "<dt>Rows that cannot be used</dt><dd>205</dd>",
        "<dt>Rows to decide about</dt><dd>1</dd>",
        'Rows that cannot be used <span class="badge">205</span>',
        "The first 200 are shown.",
        "Line 207: Nina New",
        "Leave out the 206 rows that cannot be used or are not decided",
    ):
        assert part in page, part
    await post(browser, f"{columns}/changes", decide="yes", who_207="new")
    page = (await browser.get(f"{columns}/changes")).text
    assert "Rows to decide about" not in page
    assert "Leave out the 205 rows that cannot be used, and" in page


def test_answers_about_rows_stand_in_the_order_of_their_lines() -> None:
    said = {"new": ("line 10", "line 2"), "same": ("line 9", "ann@x.example")}
    pending = PendingImport(id=uuid4(), column_map={"identity": said})
    assert list(answers_of(pending).items()) == [(2, "new"), (9, "same"), (10, "new")]


async def test_what_the_words_of_a_status_mean_is_said_with_the_columns(browser: httpx.AsyncClient) -> None:
    said = enumerate(("Emeritus", "Quit", "Active", "Emeritus"))
    file = "name,email,status\n" + "".join(f"Person {n},p{n}@x.example,{word}\n" for n, word in said)
    columns = (await send(browser, file.encode())).headers["location"]
    page = (await browser.get(columns)).text
    for part in ("Emeritus", "2 rows", "Not known: counts as working here"):
        assert part in page, part
    typed = {"column_0": "name", "column_1": "email", "column_2": "status"}
    await post(browser, columns, **typed)
    assert "This word is not known" in (await browser.get(f"{columns}/changes")).text
    await post(browser, columns, word_0="left", word_1="away", word_2="active", **typed)
    page = (await browser.get(f"{columns}/changes")).text
    assert ("This word is not known" in page, "<dt>Leaving</dt><dd>2</dd>" in page) == (False, True)
    kept = (await browser.get(f"/v1/people/import/uploads/{columns.rpartition('/')[2]}")).json()
    status = kept["column_map"]["status"]
    assert (status["left"], status["away"], status["active"]) == (["Emeritus"], ["Quit"], [])
    await post(browser, columns, word_0="active", word_1="away", word_2="active", **typed)
    assert "<dt>Leaving</dt><dd>0</dd>" in (await browser.get(f"{columns}/changes")).text


async def test_what_is_no_file_is_refused_in_words(browser: httpx.AsyncClient) -> None:
    assert "Choose a file first." in (await send(browser, b"")).text
    unreadable = await send(browser, b"PK\x03\x04 no workbook")
    assert (unreadable.status_code, "This file could not be read." in unreadable.text) == (422, True)


async def test_a_file_comes_from_our_own_form_and_from_admins_alone(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    files = {"file": ("people.csv", FILE)}
    assert (await browser.post(IMPORT, files=files, data={"form_token": "x.y"})).status_code == 403
    token = token_in(await browser.get(IMPORT))
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await browser.post(IMPORT, files=files, data={"form_token": token}, headers=foreign)).status_code == 403
    coordinator = await access_key(Role.COORDINATOR)
    assert (await browser.get(IMPORT, headers=coordinator)).status_code == 403
    assert (await browser.post(IMPORT, files=files, data={"form_token": token}, headers=coordinator)).status_code == 403
    elsewhere = uuid4()
    await add_organization(db, elsewhere)
    stranger = await access_key(Role.OWNER, elsewhere)
    path = (await send(browser)).headers["location"]
    assert (await browser.get(path, headers=stranger)).status_code == 404


async def test_what_another_tab_shows_meanwhile_is_not_applied(browser: httpx.AsyncClient) -> None:
    """Another admin takes the other column for the department, and does not apply it."""
    columns = (await send(browser, b"name,email,a,b\nAnn Lee,ann@x.example,Sales,IT\n")).headers["location"]
    mapped = {"column_0": "name", "column_1": "email"}
    await post(browser, columns, **mapped, column_2="department")
    mine = await browser.get(f"{columns}/changes")
    seen = {"form_token": token_in(mine), "fingerprint": mine.text.split('name="fingerprint" value="')[1][:64]}
    await post(browser, columns, **mapped, column_3="department")
    refused = await browser.post(f"{columns}/changes", data=seen)
    assert refused.status_code == 422
    assert (await browser.get("/v1/people?q=ann@x.example")).json()["total"] == 0
    again = seen | {"fingerprint": refused.text.split('name="fingerprint" value="')[1][:64]}
    assert (await browser.post(f"{columns}/changes", data=again)).status_code == 303
    assert (await browser.get("/v1/people?q=ann@x.example")).json()["items"][0]["department"] == "IT"


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7", "rot13", "nothing"])
async def test_the_encoding_that_a_browser_names_is_not_used(browser: httpx.AsyncClient, charset: str) -> None:
    """Some make errors that no form has, and some take hours for a megabyte."""
    token = token_in(await browser.get(IMPORT))
    parts = (("form_token", token.encode()), ("more", b"\\N{x}+AA-\xff-x-\x80" + b"a" * 100))
    body = b"".join(
        b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in parts
    )
    body += b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + FILE + b"\r\n--x--\r\n"
    kind = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    assert (await browser.post(IMPORT, content=body, headers=kind)).status_code == 303


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=y", 400),
        ("application/x-www-form-urlencoded", 415),
        ("text/csv", 415),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(browser: httpx.AsyncClient, kind: str, status: int) -> None:
    assert (await browser.post(IMPORT, content=b"--x\r\n", headers={"content-type": kind})).status_code == status


async def test_an_organization_sends_two_files_at_once(
    browser: httpx.AsyncClient, application: Callable[..., FastAPI], organization_id: UUID
) -> None:
    taken = application(accounts, programs, intake, console).state.uploads
    token = token_in(await browser.get(IMPORT))
    taken[organization_id, IMPORT] += 2
    busy = await browser.post(IMPORT, data={"form_token": token}, files={"file": ("people.csv", FILE)})
    assert busy.status_code == 429
    taken[organization_id, IMPORT] -= 2
    assert (await send(browser)).status_code == 303
