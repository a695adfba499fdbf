"""Lists are searched, sorted, filtered, paged, counted and exported in one way: the directory stands for all."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake import main
from services.intake.models import Person
from services.intake.person import Availability, PersonRecord
from services.intake.store import directory
from shared.auth import Role
from shared.database import Database
from shared.http import lists
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person

Key = Callable[..., Awaitable[dict[str, str]]]
NAMES = ("Zoë Łukasz", "ada Stone", "Ada Stone", "Émile 100%", "=cmd|' /C calc'!A0", "Bo_b Öz")


@pytest.fixture
async def people(db: Database, organization_id: UUID) -> list[PersonRecord]:
    """One for each name, on two levels, in two departments; the last one has left, and the first is on leave."""
    made = [
        person(f"p{number}@example.org", level=1 + number % 2)._replace(
            name=name, department="Sales" if number % 2 else "IT", active=number != len(NAMES) - 1
        )
        for number, name in enumerate(NAMES)
    ]
    made[0] = made[0]._replace(availability=Availability.ON_LEAVE)
    await add_people(db, organization_id, *made)
    await add_people(db, uuid4(), person("ada@example.org")._replace(name="Ada Elsewhere"))
    return made


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Key, people: list[PersonRecord]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.VIEWER))
        yield client


async def names(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/v1/people", params=params)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ADA", {"ada Stone", "Ada Stone"}),
        ("sto p2@", {"Ada Stone"}),
        ("zoe", {"Zoë Łukasz"}),
        ("ZOË", {"Zoë Łukasz"}),
        ("emile", {"Émile 100%"}),
        ("oz", {"Bo_b Öz"}),
        ("0%", {"Émile 100%"}),
        ("o_b", {"Bo_b Öz"}),
        ("a%e", set()),
        ("  ", set(NAMES)),
        ("nobody", set()),
    ],
)
async def test_each_word_is_looked_for_in_any_case_and_without_accents(
    client: httpx.AsyncClient, words: str, found: set[str]
) -> None:
    assert set(await names(client, q=words)) == found


@pytest.mark.parametrize("sort", ["name", "-name", "level", "-level", "department", "-email", "id", "-id"])
@pytest.mark.parametrize("limit", [1, 4])
async def test_pages_in_any_order_hold_everybody_once(client: httpx.AsyncClient, sort: str, limit: int) -> None:
    whole = (await client.get("/v1/people", params={"sort": sort})).json()
    assert (whole["total"], whole["next"]) == (len(NAMES), None)
    column = sort.removeprefix("-")
    values = [(str(one[column]).lower() if column != "level" else one[column], one["id"]) for one in whole["items"]]
    if column != "name":  # how letters are ordered is Postgres's matter
        assert values == sorted(values, reverse=sort.startswith("-"))
    found, cursor = [], None
    while True:
        params: dict[str, Any] = {"sort": sort, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/people", params=params)).json()
        assert page["total"] == (None if cursor else len(NAMES))
        found += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert found == whole["items"]


async def test_filters_are_combined_and_counted(client: httpx.AsyncClient) -> None:
    assert set(await names(client, department=" SALES ", level=2)) == {NAMES[1], NAMES[3], NAMES[5]}
    assert set(await names(client, department="sales", active=True)) == {NAMES[1], NAMES[3]}
    assert await names(client, availability="on_leave") == [NAMES[0]]
    assert (await client.get("/v1/people", params={"q": "stone", "limit": 1})).json()["total"] == 2


async def test_a_page_goes_on_after_a_row_that_no_longer_passes_the_filter(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    params: dict[str, Any] = {"sort": "level", "active": True, "limit": 1}
    first = (await client.get("/v1/people", params=params)).json()
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == UUID(first["items"][0]["id"])).values(active=False))
    rest = (await client.get("/v1/people", params=params | {"cursor": first["next"], "limit": 50})).json()
    assert len(rest["items"]) == len(NAMES) - 2


async def test_a_cursor_of_somebody_elses_list_is_refused(
    client: httpx.AsyncClient, access_key: Key, db: Database
) -> None:
    other = uuid4()
    await add_people(db, other, person("a@example.org"), person("b@example.org"))
    theirs = await client.get("/v1/people", params={"limit": 1}, headers=await access_key(Role.VIEWER, other))
    answer = await client.get("/v1/people", params={"sort": "name", "cursor": theirs.json()["next"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_long_list_is_not_counted(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_COUNTED", len(NAMES) - 1)
    answer = (await client.get("/v1/people", params={"limit": 1})).json()
    assert (answer["total"], answer["next"] is not None) == (None, True)


async def test_a_table_holds_the_whole_list_as_it_is_filtered_and_sorted(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_ONCE", 2)
    answer = await client.get(
        "/v1/people", params={"sort": "-email", "active": True, "limit": 1}, headers={"accept": "text/csv"}
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="people.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["email"] for row in rows] == [f"p{number}@example.org" for number in (4, 3, 2, 1, 0)]
    assert rows[0]["name"] == "'" + NAMES[4]
    assert rows[4]["name"] == NAMES[0]
    assert rows[0]["manager_id"] == ""


async def test_a_wrong_cursor_is_no_table(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/people", params={"sort": "nothing"}, headers={"accept": "text/csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


MANY = text("""
    insert into intake.person
        (id, organization_id, email, name, given_name, family_name, job_title, department, location, time_zone,
         language, level, active)
    select gen_random_uuid(), :organization_id, 'p' || n || '@example.org', 'Person ' || n, '', '', '', 'D' || n % 90,
           '', 'UTC', 'en', n % 5, true
    from generate_series(1, 5000) n
""")


@pytest.mark.parametrize(
    ("index", "wanted", "sort"),
    [
        ("ix_person_name", directory.Wanted(), "name"),
        ("ix_person_name", directory.Wanted(), "-name"),
        ("ix_person_department", directory.Wanted(department="d7"), "id"),
    ],
)
async def test_a_large_directory_is_read_by_an_index(
    session: AsyncSession, organization_id: UUID, index: str, wanted: directory.Wanted, sort: str
) -> None:
    await session.execute(MANY, {"organization_id": organization_id})
    await session.execute(text("analyze intake.person"))
    falling, name = sort.startswith("-"), sort.removeprefix("-")
    order = [directory.COLUMNS[name], Person.id] if name in directory.COLUMNS else [Person.id]
    query = (
        select(Person)
        .where(Person.organization_id == organization_id, *wanted.filters())
        .order_by(*(column.desc() if falling else column.asc() for column in order))
        .limit(51)
    )
    said = query.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    plan = "\n".join(await session.scalars(text(f"explain {str(said).replace(':', chr(92) + ':')}")))
    assert index in plan, plan
    assert "Seq Scan" not in plan
