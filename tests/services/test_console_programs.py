"""The pages of programs: the list, one program, its form, and starting a cycle."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.intake import main as intake
from services.intake.person import PersonRecord
from services.matching import main as matching
from services.programs import main as programs
from shared.auth import Role
from shared.database import Database
from tests.pseudo import PSEUDO, hard_coded_in_page, pseudo_is_spoken
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.page_forms import fields_in
from tests.services.programs_examples import PROGRAM, add_organization, once

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
LIST, NEW = "/console/programs", "/console/programs/new"
ADA, GRACE = person("ada@example.org", level=5), person("grace@example.org")


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI], access_key: KeyMaker
) -> AsyncIterator[httpx.AsyncClient]:
    """The console and the API as an admin."""
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, intake, matching, console)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


@pytest.fixture
async def people(db: Database, organization_id: UUID) -> tuple[PersonRecord, PersonRecord]:
    ada, grace = ADA._replace(id=uuid4()), GRACE._replace(id=uuid4())
    await add_people(db, organization_id, ada, grace)
    return ada, grace


async def made(http: httpx.AsyncClient, **fields: Any) -> str:
    """The page of a program."""
    answer = await http.post("/v1/programs", json=dict(PROGRAM) | fields, headers=once({}))
    assert answer.status_code == 201, answer.text
    return f"{LIST}/{answer.json()['id']}"


async def filled(http: httpx.AsyncClient, path: str, **typed: Any) -> dict[str, Any]:
    return fields_in(await http.get(path), path) | typed


async def stored(http: httpx.AsyncClient, page: str) -> dict[str, Any]:
    found: dict[str, Any] = (await http.get(f"/v1/programs/{page.removeprefix(f'{LIST}/')}")).json()
    return found


async def test_without_programs_the_list_says_what_to_do_first(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    assert "There is no program yet" in (page := (await http.get(LIST)).text)
    assert f'href="{NEW}"' in page
    seen = await http.get(LIST, headers=await access_key(Role.COORDINATOR))
    assert "An admin of your organization defines the first program." in seen.text
    assert NEW not in seen.text


async def test_the_list_is_searched_filtered_sorted_and_given_as_a_table(http: httpx.AsyncClient) -> None:
    for name, direction in (("Zebra <b>", "mutual"), ("Antelope", "reverse"), ("=cmd", "reverse")):
        await made(http, name=name, direction=direction)
    page = (await http.get(LIST)).text
    assert page.index("=cmd") < page.index("Antelope") < page.index("Zebra &lt;b&gt;")
    assert "Antelope" not in (await http.get(LIST, params={"q": "zeb", "direction": "mutual"})).text
    assert "No program fits this search" in (await http.get(LIST, params={"q": "nothing"})).text
    assert (await http.get(LIST, params={"sort": "x", "direction": "x", "recurs": "x", "q": "\x00"})).status_code == 200
    table = await http.get(f"{LIST}.csv", params={"direction": "reverse"})
    assert table.headers["content-type"].startswith("text/csv")
    assert "'=cmd" in table.text
    assert "Zebra" not in table.text


async def test_a_program_is_defined_by_its_form_alone(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    ada, grace = people
    typed = await filled(
        http, NEW, name="Digital <Upward>", time_zone="new york", topic_label_1="Künstliche Intelligenz"
    )
    typed |= {"topic_also_1": "KI; AI", "recurs": "yes", "coordinators_q": "Ada", "do": "people"}
    found = await http.post(NEW, data=typed)
    assert "Ada Example" in found.text
    assert "Grace Example" not in found.text
    typed = fields_in(found, NEW)
    assert (typed["name"], typed["topic_also_1"]) == (["Digital <Upward>"], ["KI; AI"])
    typed |= {"coordinators": [str(ada.id)], "sponsor_q": ["example"], "coordinators_q": [""], "do": ["show"]}
    shown = await http.post(NEW, data=typed)
    assert shown.text.count("Ada Example") == 2, "chosen as coordinator, and found for the sponsor"
    assert shown.text.count("<li><time") == 4, "the next four starts"
    typed = fields_in(shown, NEW) | {"sponsor": [str(grace.id)], "holidays": ["2027-12-28 2027-12-27"], "do": ["save"]}
    answer = await http.post(NEW, data=typed)
    assert answer.status_code == 303, answer.text
    again = await http.post(NEW, data=typed)
    assert again.headers["location"] == answer.headers["location"], "a double click defines one program"
    program = await stored(http, answer.headers["location"].partition("?")[0])
    assert (program["name"], program["time_zone"], program["recurs"]) == ("Digital <Upward>", "America/New_York", True)
    assert program["topics"] == [
        {"code": "kunstliche-intelligenz", "label": "Künstliche Intelligenz", "aliases": ["KI", "AI"]}
    ]
    assert (program["coordinator_ids"], program["sponsor_id"]) == ([str(ada.id)], str(grace.id))
    assert program["calendar"]["working_days"], "a new program counts working days unless somebody says otherwise"
    assert program["calendar"]["holidays"] == ["2027-12-27", "2027-12-28"]
    page = (await http.get(answer.headers["location"])).text
    assert "Monday to Friday, except 27 Dec 2027 and 28 Dec 2027" in page
    assert "Digital &lt;Upward&gt;" in page
    assert "The program is defined." in page


async def test_saving_what_was_not_changed_changes_nothing(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    """Whatever the API can store stands in the fields, also what they do not suggest, such as seconds."""
    policy = {
        "objective": "quality_first", "floor": 40, "min_level_gap": 0, "max_level_gap": 4, "target_level_gap": 2,
        "reporting_line": False, "different_department": True, "min_common_hours": 1.5, "repeat_after_cycles": 2,
        "location": "different", "weights": {"location": 3, "topics": 9},
    }  # fmt: skip
    calendar = dict(PROGRAM["calendar"]) | {"first_check_in": "P1DT2H", "enrolment": {"length": "P9D", "reminders": []}}
    page = await made(http, policy=policy, calendar=calendar, coordinator_ids=[str(people[0].id)], language="de")
    before = await stored(http, page)
    answer = await http.post(f"{page}/edit", data=await filled(http, f"{page}/edit", do="save"))
    assert answer.status_code == 303, answer.text
    assert await stored(http, page) == before


async def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(http: httpx.AsyncClient) -> None:
    typed = await filled(http, NEW, name="", enrolment_length="soon", topic_label_2="AI", do="save")
    answer = await http.post(NEW, data=typed)
    assert answer.status_code == 422
    assert 'id="enrolment_length-error"' in answer.text
    assert fields_in(answer, NEW)["topic_label_2"] == ["AI"]
    typed |= {"enrolment_length": "7", "topic_label_3": "ai", "time_zone": "Atlantis", "recurs": "yes"}
    answer = await http.post(NEW, data=typed)
    for field in ("name", "enrolment_reminders", "topic_label_1", "time_zone"):
        assert f'id="{field}-error"' in answer.text, field
    assert (await http.get("/v1/programs")).json()["items"] == []


async def test_the_second_admin_sees_what_the_first_one_changed_and_overwrites_nothing_unseen(
    http: httpx.AsyncClient,
) -> None:
    page = await made(http)
    edit = f"{page}/edit"
    second = await filled(http, edit, name="Second", language="fr")
    first = await filled(http, edit, name="First", check_ins="9", do="save")
    assert (await http.post(edit, data=first)).status_code == 303
    answer = await http.post(edit, data=second | {"do": "save"})
    assert answer.status_code == 412
    assert "Somebody changed this program while you were editing" in answer.text
    assert "9 check-ins" in answer.text
    kept = fields_in(answer, edit)
    assert (kept["name"], kept["check_ins"], kept["language"]) == (["Second"], ["9"], ["fr"])
    assert (await stored(http, page))["name"] == "First"
    assert (await http.post(edit, data=kept | {"do": ["save"]})).status_code == 303
    now = await stored(http, page)
    assert (now["name"], now["language"], now["calendar"]["check_ins"]) == ("Second", "fr", 9)


async def test_an_edit_says_what_it_changes_for_which_cycle(http: httpx.AsyncClient) -> None:
    page = await made(http)
    await http.post(f"/v1{page.removeprefix('/console')}/cycles", json={"period": "pilot"}, headers=once({}))
    typed = await filled(http, f"{page}/edit", name="Renamed", check_ins="7", do="show")
    shown = (await http.post(f"{page}/edit", data=typed)).text
    at_once, later = (
        shown.index("At once, for running cycles too"),
        shown.index("Only for cycles that are started from now"),
    )
    assert at_once < shown.rindex("Renamed") < later < shown.rindex("7 check-ins")
    assert "pilot</a>" in shown
    assert (await stored(http, page))["name"] == PROGRAM["name"]


async def test_what_is_typed_is_answered_without_an_error_and_the_dates_follow(http: httpx.AsyncClient) -> None:
    """The script asks for this while somebody types, so that half a word is no mistake yet."""
    typed = await filled(http, NEW, do="typing", check_in_every="x")
    answer = await http.post(NEW, data=typed)
    assert (answer.status_code, "check_in_every-error" in answer.text) == (200, False)
    assert "Something cannot be read yet, so there are no dates." in answer.text
    assert '<a href="#check_in_every">' in answer.text
    three, four = [
        (await http.post(NEW, data=typed | {"check_in_every": days, "recurs": "", "do": "typing"})).text
        for days in ("21", "28")
    ]
    [was], [now] = (re.findall(r"A cycle that starts on [^.]+ ends on ([^.]+)\.", text) for text in (three, four))
    assert was != now


async def test_a_search_in_the_form_says_how_many_were_found(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    said = {}
    for looked in ("example", "grace", "nobody", ""):
        typed = await filled(http, NEW, do="typing", coordinators_q=looked)
        text = (await http.post(NEW, data=typed)).text
        said[looked] = re.findall(r'role="status" id="coordinators-said">([^<]*)</p>', text)
    assert said == {
        "example": ["2 people were found."],
        "grace": ["1 person was found."],
        "nobody": ["Nobody was found for “nobody”."],
        "": [""],
    }


async def test_rules_are_tried_in_the_form_and_nothing_is_saved(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    text = (await http.post(NEW, data=await filled(http, NEW, do="rules"))).text
    assert "Tried with the 2 people of the directory who would be asked." in text
    assert "1 of 2" in text
    strict = await filled(http, NEW, do="rules", min_level_gap="9")
    assert "0 of 2" in (await http.post(NEW, data=strict)).text
    unread = await http.post(NEW, data=strict | {"min_level_gap": "many"})
    assert "The rules can be tried once everything in the form can be read." in unread.text
    assert (await http.get("/v1/programs")).json()["items"] == []


async def test_rules_are_tried_as_they_stand_once_another_admin_s_changes_are_taken_over(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    edit = f"{await made(http)}/edit"
    second = await filled(http, edit, name="Second", do="rules")
    assert "1 of 2" in (await http.post(edit, data=second)).text
    first = await filled(http, edit, min_level_gap="9", do="save")
    assert (await http.post(edit, data=first)).status_code == 303
    answer = await http.post(edit, data=second)
    assert fields_in(answer, edit)["min_level_gap"] == ["9"]
    assert "0 of 2" in answer.text


async def test_a_cycle_starts_only_after_the_page_has_shown_what_will_happen(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord]
) -> None:
    page = await made(http)
    start = f"{page}/start"
    first = await http.get(start)
    assert "As the directory is now, 2 people are asked to take part." in first.text
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    typed = fields_in(first, start) | {"day": [day], "time": ["10:30"], "period": ["spring"], "do": ["start"]}
    unseen = await http.post(start, data=typed)
    assert (unseen.status_code, "Nothing was started yet" in unseen.text) == (200, True)
    typed = fields_in(unseen, start) | {"do": ["start"]}
    answers = [await http.post(start, data=typed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1, "a double click starts one cycle"
    [cycle] = (await http.get("/v1/cycles")).json()["items"]
    assert (cycle["period"], cycle["starts_at"]) == ("spring", _berlin(day))
    taken = await http.post(
        start, data=fields_in(await http.post(start, data=typed | {"do": "show"}), start) | {"do": "start"}
    )
    assert (taken.status_code, 'id="period-error"' in taken.text) == (422, True)


def _berlin(day: str) -> str:
    at = datetime.fromisoformat(f"{day}T10:30").replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    return at.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("field", "typed"),
    [("day", {"day": "2099-01-01"}), ("day", {"day": "x"}), ("period", {"when": "now", "period": "a b"})],
)
async def test_a_start_that_cannot_be_is_said_beside_its_field(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord], field: str, typed: dict[str, str]
) -> None:
    start = f"{await made(http)}/start"
    shown = await http.post(start, data=await filled(http, start, **typed, do="show"))
    answer = await http.post(start, data=fields_in(shown, start) | {"do": "start"})
    assert (answer.status_code, f'id="{field}-error"' in answer.text) == (422, True)


async def test_without_topics_or_people_no_cycle_starts_and_the_page_says_what_to_do(http: httpx.AsyncClient) -> None:
    page = await made(http, topics=[])
    assert f'href="{page}/start"' not in (await http.get(page)).text
    assert "Add topics" in (await http.get(f"{page}/start")).text
    other = await http.get(f"{await made(http)}/start")
    assert 'href="/console/people"' in other.text
    assert 'value="start"' not in other.text
    assert 'href="/console/people"' in (await http.get(NEW)).text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_whoever_may_only_read_has_no_button_and_their_form_is_refused(
    http: httpx.AsyncClient, access_key: KeyMaker, role: Role
) -> None:
    page = await made(http)
    token = fields_in(await http.get(NEW), NEW)["form_token"]
    http.headers.update(await access_key(role))
    seen = await http.get(page)
    assert seen.status_code == 200
    assert "/edit" not in seen.text
    assert "/start" not in seen.text
    for path in (NEW, f"{page}/edit", f"{page}/start"):
        assert (await http.get(path)).status_code == 403
        assert (await http.post(path, data={"form_token": token, "do": "save"})).status_code == 403


async def test_a_program_of_another_organization_is_not_there(
    http: httpx.AsyncClient, db: Database, access_key: KeyMaker
) -> None:
    page, other = await made(http), uuid4()
    await add_organization(db, other)
    http.headers.update(await access_key(Role.ADMIN, other))
    for path in (page, f"{page}/edit", f"{page}/start"):
        assert (await http.get(path)).status_code == 404
    token = fields_in(await http.get(NEW), NEW)
    assert (await http.post(f"{page}/edit", data=token | {"do": "save", "mark": '"1"'})).status_code == 404
    assert (await http.post(f"{page}/start", data=token | {"do": "start"})).status_code == 404


async def test_no_word_of_these_pages_is_hard_coded(
    http: httpx.AsyncClient, people: tuple[PersonRecord, PersonRecord], organization_id: UUID
) -> None:
    page = await made(http, recurs=True, coordinator_ids=[str(people[0].id)], topics=[{"code": "x", "label": "x"}])
    await http.post(f"/v1{page.removeprefix('/console')}/cycles", json={"period": "pilot"}, headers=once({}))
    edit, start, headers = f"{page}/edit", f"{page}/start", {"accept-language": PSEUDO}
    wrong = await filled(http, edit, name="", floor="x", topic_label_2="x", check_ins="x", sponsor_q="Ada", do="show")
    late = await filled(http, edit, mark='"0"', name="Digital Upward", check_ins="9", language="de", do="save")
    early = await filled(http, start, day="2099-01-01", do="show")
    rules = await filled(http, edit, do="rules")
    with pseudo_is_spoken():
        shown = [await http.get(path, headers=headers) for path in (LIST, page, NEW, edit, start)]
        shown += [await http.post(edit, data=typed, headers=headers) for typed in (wrong, late, rules)]
        shown += [
            await http.post(start, data=early, headers=headers),
            await http.get(f"{page}/archive", headers=headers),
        ]
        await http.post(f"/v1{page.removeprefix('/console')}/archive")
        shown += [await http.get(path, headers=headers) for path in (page, start)]
    assert [answer.status_code for answer in shown] == [200] * 5 + [422, 412, 200, 422] + [200] * 3
    values = (f"Company {organization_id}", "Digital Upward", "Upward", "test", "Europe/Berlin", "Ada Example", "pilot")
    for answer in shown:
        assert hard_coded_in_page(answer.text, *values, "Job", "IT", "x", " and ") == [], answer.url
