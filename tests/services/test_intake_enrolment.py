"""The enrolment round: asking, answering, and what matching and notifications read of it."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, update

from services.intake import main
from services.intake.models import Person
from shared.contracts.rounds import CloseReason, CloseRound, ExtendRound, OpenRound
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, programs, set_round_state, staged

TOP = person("top@x.example", level=3)
MID = person("mid@x.example", level=2, manager_id=TOP.id)
LOW = person("low@x.example", manager_id=MID.id)
GONE = person("gone@x.example", active=False)
MENTOR = {"role": "mentor", "topics_taught": ["KI"]}


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], internal_headers: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main, programs())) as client:
        client.headers.update(internal_headers)
        yield client


@pytest.fixture
async def asked(db: Database, organization_id: UUID) -> OpenRound:
    await add_people(db, organization_id, TOP, MID, LOW, GONE)
    return await open_enrolment(db, organization_id)


async def answer(client: httpx.AsyncClient, asked: OpenRound, person_id: UUID, body: Any) -> httpx.Response:
    return await client.post(f"/internal/intake/rounds/{asked.round_id}/answers/{person_id}", json=body)


async def read(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    response = await client.get(f"/internal/intake{path}", params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_every_active_person_is_asked_once(db: Database, asked: OpenRound, client: httpx.AsyncClient) -> None:
    again = await main.create_activities(database=db).open_round(asked)
    page = await read(client, f"/rounds/{asked.round_id}/recipients")

    assert again.recipients == 3
    assert page["person_ids"] == sorted(str(one.id) for one in (TOP, MID, LOW))


async def test_a_round_is_opened_by_as_many_statements_whether_it_asks_three_people_or_hundreds(
    database: Database, db: Database, organization_id: UUID
) -> None:
    """None of their rows leaves Postgres, so that no process grows with the company."""
    counts: list[int] = []

    def note(_connection: object, _cursor: object, _statement: str, parameters: object, *_: object) -> None:
        counts.append(len(str(parameters)))

    taken: list[tuple[int, bool]] = []
    for people in (3, 300):
        await add_people(db, organization_id, *(person(f"{people}-{one}@x.example") for one in range(people)))
        counts.clear()
        event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        try:
            opened = await open_enrolment(db, organization_id)
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        taken.append((len(counts), max(counts) < 2000))
        again = await main.create_activities(database=db).open_round(opened)
        assert again.recipients == {3: 3, 300: 303}[people]
    assert taken == [taken[0], (taken[0][0], True)]
    assert [event_ for event_, _ in await staged(db, organization_id)].count("round.opened") == 2


async def test_a_round_is_extended_and_closed_once(db: Database, organization_id: UUID, asked: OpenRound) -> None:
    intake = main.create_activities(database=db)
    later = asked.closes_at.replace(year=asked.closes_at.year + 1)
    extended = await intake.extend_round(
        ExtendRound(organization_id=organization_id, round_id=asked.round_id, closes_at=later)
    )
    close = CloseRound(organization_id=organization_id, round_id=asked.round_id, reason=CloseReason.DEADLINE)
    closed = await intake.close_round(close)

    assert extended.closes_at == later
    assert (closed.recipients, closed.answered) == (3, 0)
    assert await intake.close_round(close) == closed
    assert [kind for kind, _ in await staged(db, organization_id)] == ["round.opened", "round.closed"]


async def test_an_answer_is_stored_in_the_programs_terms_and_told(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, asked: OpenRound
) -> None:
    body = MENTOR | {
        "taught_levels": {"Artificial Intelligence": 2},
        "languages": ["de-CH", "EN"],
        "mentor_capacity": 2,
        "meeting_windows": ["tue-am"],
        "preferred_emails": ["TOP@x.example"],
        "avoided_emails": ["mid@x.example"],
    }
    response = await answer(client, asked, LOW.id, body)
    pool = await read(client, f"/cycles/{asked.cycle_id}/pool")

    assert response.status_code == 200, response.text
    assert response.json()["round_id"] == str(asked.round_id)
    assert pool["people"] == [
        {
            "person_id": str(LOW.id),
            "role": "mentor",
            "level": 1,
            "department": "IT",
            "location": "Rome",
            "time_zone": "Europe/Rome",
            "managers": [str(MID.id), str(TOP.id)],
            "languages": ["de", "en"],
            "topics_taught": ["ai"],
            "taught_levels": {"ai": 2},
            "topics_wanted": [],
            "mentor_capacity": 2,
            "mentee_capacity": 1,
            "meeting_windows": ["tue-am"],
            "preferred": [str(TOP.id)],
            "avoided": [str(MID.id)],
        }
    ]
    events = await staged(db, organization_id)
    assert [kind for kind, _ in events] == ["round.opened", "enrolment.submitted"]
    assert events[1][1]["person_id"] == str(LOW.id)


async def test_a_later_answer_replaces_the_earlier_one(client: httpx.AsyncClient, asked: OpenRound) -> None:
    await answer(client, asked, LOW.id, MENTOR)
    await answer(client, asked, LOW.id, {"role": "mentee", "topics_wanted": ["social"]})
    form = await read(client, f"/rounds/{asked.round_id}/forms/{LOW.id}")
    (enrolled,) = (await read(client, f"/cycles/{asked.cycle_id}/pool"))["people"]

    assert (form["answer"]["role"], form["answer"]["topics_taught"]) == ("mentee", [])
    assert (enrolled["role"], enrolled["languages"]) == ("mentee", ["it"])


async def test_not_this_time_is_an_answer_and_no_enrolment(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, asked: OpenRound
) -> None:
    await answer(client, asked, LOW.id, {"role": None})

    assert (await read(client, f"/cycles/{asked.cycle_id}/pool"))["people"] == []
    assert str(LOW.id) not in (await read(client, f"/rounds/{asked.round_id}/recipients"))["person_ids"]
    assert [kind for kind, _ in await staged(db, organization_id)] == ["round.opened"]


async def test_the_last_answer_tells_that_all_have_answered(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, asked: OpenRound
) -> None:
    for one in (TOP, MID, LOW):
        await answer(client, asked, one.id, {"role": None})

    assert [kind for kind, _ in await staged(db, organization_id)] == ["round.opened", "round.answered"]


async def test_the_form_shows_the_program_and_what_was_answered_before(
    client: httpx.AsyncClient, asked: OpenRound
) -> None:
    empty = await read(client, f"/rounds/{asked.round_id}/forms/{LOW.id}")
    await answer(client, asked, LOW.id, MENTOR | {"preferred_emails": ["top@x.example"]})
    filled = await read(client, f"/rounds/{asked.round_id}/forms/{LOW.id}")

    assert (empty["languages"], empty["answer"]) == (["it"], None)
    assert [topic["code"] for topic in empty["topics"]] == ["ai", "social"]
    assert filled["answer"]["preferred_emails"] == ["top@x.example"]
    assert filled["answer"]["topics_taught"] == ["ai"]


async def test_ranked_wishes_and_levels_come_back_as_they_were_given(
    client: httpx.AsyncClient, asked: OpenRound
) -> None:
    wishes = ["top@x.example", "gone@x.example", "mid@x.example"]
    for emails in (wishes, wishes[::-1]):
        levels = {"ai": 1} if emails is wishes else {}
        await answer(client, asked, LOW.id, MENTOR | {"preferred_emails": emails, "taught_levels": levels})
        form = await read(client, f"/rounds/{asked.round_id}/forms/{LOW.id}")
        (enrolled,) = (await read(client, f"/cycles/{asked.cycle_id}/pool"))["people"]
        ids = {one.email: str(one.id) for one in (TOP, MID, GONE)}

        assert form["answer"]["preferred_emails"] == emails
        assert enrolled["preferred"] == [ids[email] for email in emails]
        assert form["answer"]["taught_levels"] == enrolled["taught_levels"] == levels


async def test_wrong_answers_name_the_field_and_change_nothing(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, asked: OpenRound
) -> None:
    body = {"role": "both", "topics_taught": ["golf"], "topics_wanted": ["ai"], "avoided_emails": ["who@x.example"]}
    refused = await answer(client, asked, LOW.id, body)

    assert refused.status_code == 422
    assert refused.json()["code"] == "enrolment_invalid"
    assert [error["field"] for error in refused.json()["errors"]] == ["topics_taught.0", "avoided_emails.0"]
    assert "who@x.example" not in refused.text
    assert (await answer(client, asked, LOW.id, MENTOR | {"preferred_emails": ["a\0@x.example"]})).status_code == 422
    refused = await answer(client, asked, LOW.id, MENTOR | {"taught_levels": {"social": 2}})
    assert [error["field"] for error in refused.json()["errors"]] == ["taught_levels.0"]
    wrong_bodies: tuple[Any, ...] = (
        {}, {"role": "guru"}, {"role": "mentor", "mentor_capacity": 9}, MENTOR | {"taught_levels": {"ai": 4}}, [],
    )  # fmt: skip
    for wrong in wrong_bodies:
        assert (await answer(client, asked, LOW.id, wrong)).status_code == 422
    assert len((await read(client, f"/rounds/{asked.round_id}/recipients"))["person_ids"]) == 3
    assert [kind for kind, _ in await staged(db, organization_id)] == ["round.opened"]


async def test_a_wish_cannot_name_someone_of_another_organization(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    await add_people(db, uuid4(), person("other@x.example"))

    refused = await answer(client, asked, LOW.id, MENTOR | {"preferred_emails": ["other@x.example"]})
    assert refused.json()["errors"][0]["field"] == "preferred_emails.0"


async def test_closed_unknown_and_foreign_rounds_take_no_answers(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    assert (await answer(client, asked, GONE.id, MENTOR)).json()["code"] == "not_asked"
    foreign = {"upward-organization": str(uuid4())}
    for path in (f"/rounds/{asked.round_id}/answers/{LOW.id}", f"/rounds/{uuid4()}/answers/{LOW.id}"):
        headers = foreign if str(asked.round_id) in path else {}
        refused = await client.post(f"/internal/intake{path}", json=MENTOR, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "round_not_found")
    await set_round_state(db, asked.round_id, "closed", "deadline")

    refused = await answer(client, asked, LOW.id, MENTOR)
    assert (refused.status_code, refused.json()["code"]) == (410, "round_closed")
    form = await client.get(f"/internal/intake/rounds/{asked.round_id}/forms/{LOW.id}")
    assert form.status_code == 410


async def test_the_form_is_for_those_who_are_asked(client: httpx.AsyncClient, asked: OpenRound) -> None:
    refused = await client.get(f"/internal/intake/rounds/{asked.round_id}/forms/{GONE.id}")

    assert (refused.status_code, refused.json()["code"]) == (403, "not_asked")


async def test_the_pool_comes_by_page_without_those_who_left(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    for one in (TOP, MID, LOW):
        await answer(client, asked, one.id, MENTOR)
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == MID.id).values(active=False))
    first = await read(client, f"/cycles/{asked.cycle_id}/pool", limit=1)
    second = await read(client, f"/cycles/{asked.cycle_id}/pool", limit=1, after=first["after"])

    assert [one["person_id"] for page in (first, second) for one in page["people"]] == sorted(
        str(one.id) for one in (TOP, LOW)
    )
    assert second["after"] is None


async def test_a_circle_in_the_directory_does_not_catch_the_pool(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    await answer(client, asked, LOW.id, MENTOR)
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == TOP.id).values(manager_id=MID.id))

    (enrolled,) = (await read(client, f"/cycles/{asked.cycle_id}/pool"))["people"]
    assert enrolled["managers"] == [str(MID.id), str(TOP.id)]


@pytest.mark.parametrize(
    ("state", "reason", "waiting"),
    [("open", None, True), ("closed", "cancelled", True), ("closed", "deadline", False)],
)
async def test_enrolled_are_those_with_a_role_and_those_still_asked(
    client: httpx.AsyncClient, db: Database, asked: OpenRound, state: str, reason: str, waiting: bool
) -> None:
    await answer(client, asked, LOW.id, MENTOR)
    await answer(client, asked, MID.id, {"role": None})
    await set_round_state(db, asked.round_id, state, reason)
    expected = sorted(str(one.id) for one in ((LOW, TOP) if waiting else (LOW,)))
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await read(client, f"/cycles/{asked.cycle_id}/enrolled", limit=1, **after)
        found += page["person_ids"]
        if page["after"] is None:
            break
        after = {"after": page["after"]}

    assert found == expected


async def test_internal_reads_are_for_services(application: Callable[..., FastAPI], asked: OpenRound) -> None:
    async with client_of(application(main)) as client:
        for path in (f"/cycles/{asked.cycle_id}/pool", f"/rounds/{asked.round_id}/recipients"):
            assert (await client.get(f"/internal/intake{path}")).status_code == 401


async def test_wrong_internal_reads_are_refused(client: httpx.AsyncClient) -> None:
    for path in ("/cycles/x/pool", f"/cycles/{uuid4()}/pool?limit=0", f"/cycles/{uuid4()}/enrolled?after=x"):
        assert (await client.get(f"/internal/intake{path}")).status_code == 422
