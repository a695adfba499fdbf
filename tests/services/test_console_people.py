"""The people of the directory on pages: the list, one person, and editing by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.feedback import main as feedback
from services.intake import main as intake
from services.intake.person import PersonRecord
from services.matching import main as matching
from services.notifications import main as notifications
from services.programs import main as programs
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from shared.http.application import create_application
from tests.services.conftest import OneAtATime, client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import add_organization
from tests.services.test_console_sign_in import token_in

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
LIST = "/console/people"
SERVICES = (accounts, programs, intake, matching, feedback, notifications, console)


@pytest.fixture(scope="module")
def app(database: Database, settings: Settings) -> FastAPI:
    """It is made once, as its first request takes longest."""
    return create_application([one.router for one in SERVICES], database, settings)


@pytest.fixture
async def browser(
    app: FastAPI, db: Database, organization_id: UUID, access_key: KeyMaker
) -> AsyncIterator[httpx.AsyncClient]:
    """An admin who sends their key."""
    await add_organization(db, organization_id)
    app.state.database = OneAtATime(db)
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


@pytest.fixture
async def ann(db: Database, organization_id: UUID) -> PersonRecord:
    """Ann of IT, whose manager is Max of Sales, and Lea, who has left."""
    boss = person("max@x.example", level=5)._replace(department="Sales")
    ann = person("ann@x.example", manager_id=boss.id)._replace(name="Ann <b>Lee</b>", job_title="<script>1</script>")
    await add_people(db, organization_id, boss, ann, person("lea@x.example", active=False))
    await add_people(db, uuid4(), person("foreign@x.example"))
    return ann


async def test_an_empty_directory_says_what_to_do_first(browser: httpx.AsyncClient, access_key: KeyMaker) -> None:
    page = await browser.get(LIST)
    assert "There are no people yet" in page.text
    assert f'href="{LIST}/import"' in page.text
    viewer = await browser.get(LIST, headers=await access_key(Role.VIEWER))
    assert "An admin of your organization imports them." in viewer.text
    assert f'href="{LIST}/import"' not in viewer.text


async def test_the_list_is_searched_filtered_and_taken_as_a_table(
    browser: httpx.AsyncClient, ann: PersonRecord
) -> None:
    page = await browser.get(LIST)
    assert "2 people" in page.text
    assert "Ann &lt;b&gt;Lee" in page.text
    assert "<script>1" not in page.text
    assert "foreign@" not in page.text
    assert "lea@" not in page.text
    assert "lea@" in (await browser.get(LIST, params={"here": "left"})).text
    found = await browser.get(LIST, params={"q": "ann", "department": "it", "sort": "-level"})
    assert "1 person" in found.text
    assert "max@" not in found.text
    assert f'href="{LIST}.csv?q=ann&amp;department=it&amp;sort=-level"' in found.text
    assert "Nobody fits this search" in (await browser.get(LIST, params={"q": "zzz"})).text
    table = await browser.get(f"{LIST}.csv", params={"q": "ann"})
    assert table.headers["content-type"].startswith("text/csv")
    assert [line.count("ann@x.example") for line in table.text.splitlines()] == [0, 1]


async def test_nonsense_in_the_address_of_the_list_is_passed_over(
    browser: httpx.AsyncClient, ann: PersonRecord
) -> None:
    page = await browser.get(LIST, params={"here": "x", "sort": "x", "q": "\x00"})
    assert (page.status_code, "2 people" in page.text) == (200, True)


async def test_the_page_of_a_person_shows_what_each_role_may_read(
    browser: httpx.AsyncClient, ann: PersonRecord, access_key: KeyMaker
) -> None:
    page = await browser.get(f"{LIST}/{ann.id}")
    assert "Max Example" in page.text
    assert "<script>1" not in page.text
    assert "Enrolments" in page.text
    assert f'href="{LIST}/{ann.id}/edit"' in page.text
    viewer = await browser.get(f"{LIST}/{ann.id}", headers=await access_key(Role.VIEWER))
    assert viewer.status_code == 200
    assert "Your role does not read these." in viewer.text
    assert f'href="{LIST}/{ann.id}/edit"' not in viewer.text
    assert (await browser.get(f"{LIST}/{uuid4()}")).status_code == 404


async def test_only_admins_add_and_edit(browser: httpx.AsyncClient, ann: PersonRecord, access_key: KeyMaker) -> None:
    coordinator = await access_key(Role.COORDINATOR)
    for path in (f"{LIST}/new", f"{LIST}/{ann.id}/edit"):
        token = token_in(await browser.get(path))
        assert (await browser.get(path, headers=coordinator)).status_code == 403
        answer = await browser.post(path, data={"form_token": token, "name": "Eve"}, headers=coordinator)
        assert answer.status_code == 403


async def filled(browser: httpx.AsyncClient, path: str, **typed: str) -> dict[str, str]:
    """The form as it stands on the page, with what somebody types into it."""
    page = await browser.get(path)
    etag = page.text.split('name="etag" value="')[1].split('"')[0].replace("&#34;", '"')
    return {"form_token": token_in(page), "etag": etag, "standing": "here", "level": "2"} | typed


async def test_a_person_is_added_once(browser: httpx.AsyncClient, ann: PersonRecord) -> None:
    typed = await filled(browser, f"{LIST}/new", name="Zoë Ng", email="Zoe@x.example", manager="max@x.example")
    first, second = [await browser.post(f"{LIST}/new", data=typed) for _ in range(2)]
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    page = await browser.get(first.headers["location"])
    assert "The person was added." in page.text
    assert "Max Example" in page.text


async def test_what_is_wrong_stands_beside_its_field_in_the_readers_language(
    browser: httpx.AsyncClient, ann: PersonRecord
) -> None:
    wrong = await filled(browser, f"{LIST}/new", name="Zoë Ng", email="zoe", level="high", time_zone="Mars")
    answer = await browser.post(f"{LIST}/new", data=wrong)
    assert answer.status_code == 422
    for sentence in ("Enter an e-mail address", "Enter a whole number", "Enter a time zone", 'value="Zoë Ng"'):
        assert sentence in answer.text
    taken = await browser.post(f"{LIST}/new", data=wrong | {"email": "ann@x.example", "level": "1", "time_zone": ""})
    assert "belongs to somebody else" in taken.text
    unclear = await browser.post(f"{LIST}/new", data=wrong | {"manager": "example"})
    assert "More than one person fits." in unclear.text


async def test_the_second_of_two_admins_sees_what_the_first_has_changed(
    browser: httpx.AsyncClient, ann: PersonRecord
) -> None:
    path = f"{LIST}/{ann.id}/edit"
    mine = await filled(browser, path, name="Ann Lee", email="ann@x.example", department="Mine")
    theirs = await filled(browser, path, name="Ann Lee", email="ann@x.example", department="Theirs")
    saved = await browser.post(path, data=theirs)
    assert saved.headers["location"] == f"{LIST}/{ann.id}?done=saved"
    late = await browser.post(path, data=mine)
    assert late.status_code == 422
    assert "Somebody else has changed this person" in late.text
    assert "Now it is: Theirs" in late.text
    assert 'value="Mine"' in late.text
    etag = late.text.split('name="etag" value="')[1].split('"')[0].replace("&#34;", '"')
    assert (await browser.post(path, data=mine | {"etag": etag})).status_code == 303
    assert "Mine" in (await browser.get(f"{LIST}/{ann.id}")).text


async def test_who_leaves_by_hand_is_shown_as_such(browser: httpx.AsyncClient, ann: PersonRecord) -> None:
    path = f"{LIST}/{ann.id}/edit"
    typed = await filled(browser, path, name="Ann Lee", email="ann@x.example", standing="left")
    await browser.post(path, data=typed)
    assert "This person has left." in (await browser.get(f"{LIST}/{ann.id}")).text


async def test_an_absence_is_set_shown_and_ended_on_its_page(
    browser: httpx.AsyncClient, ann: PersonRecord, access_key: KeyMaker
) -> None:
    page = f"{LIST}/{ann.id}/absence"
    first = await browser.get(page)
    assert "End the absence" not in first.text
    today = datetime.now(UTC).date()
    days = {"first_day": today.isoformat(), "last_day": "2099-01-01"}
    typed = {"form_token": token_in(first), "deputy": "max@x.example", "do": "save"} | days
    for wrong, said in (
        ("lea@x.example", "Choose somebody else who works here."),
        ("", "Name somebody who works here"),
    ):
        refused = await browser.post(page, data=typed | {"deputy": wrong})
        assert (refused.status_code, said in refused.text) == (422, True), wrong
    far = await browser.post(page, data=typed)
    assert (far.status_code, 'id="last_day-error"' in far.text) == (422, True)
    soon = (today + timedelta(days=20)).isoformat()
    saved = await browser.post(page, data=typed | {"last_day": soon})
    assert saved.headers["location"] == f"{LIST}/{ann.id}?done=absence_saved"
    shown = await browser.get(page)
    assert 'value="max@x.example"' in shown.text
    assert f'value="{soon}"' in shown.text
    ended = await browser.post(page, data={"form_token": token_in(shown), "do": "end"})
    assert ended.headers["location"] == f"{LIST}/{ann.id}?done=absence_ended"
    viewer = await access_key(Role.VIEWER)
    assert page not in (await browser.get(f"{LIST}/{ann.id}", headers=viewer)).text
    assert (await browser.get(page, headers=viewer)).status_code == 403
