"""Programs and cycles are found by name, period, stage and pause; a definition is tried before it is stored."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.programs import main
from services.programs.models import CycleRow, ProgramRow
from shared.attention.resources import Running
from shared.auth import Role
from shared.contracts.programs import Calendar, Stage
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, staged

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    """A viewer of an organization with two programs, of which each has a cycle in two stages, and of another one."""
    for organization in (organization_id, uuid4()):
        await add_organization(db, organization)
        await add_programs(db, organization)
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.VIEWER))
        yield client


async def add_programs(db: Database, organization_id: UUID) -> None:
    for number, (name, stages) in enumerate(
        {"Élan": (Stage.ACTIVE, Stage.COMPLETED), "digital": (Stage.REVIEW, Stage.INTAKE)}.items()
    ):
        plan: dict[str, Any] = {
            "organization_id": organization_id, "direction": "reverse" if number else "mutual", "topics": [],
            "calendar": Calendar().model_dump(mode="json"), "policy": {},
        }  # fmt: skip
        program = ProgramRow(
            **plan, id=uuid4(), name=name, time_zone="UTC", sponsor_id=None, coordinator_ids=[], recurs=bool(number)
        )
        async with db.transaction() as session:
            session.add(program)
            await session.flush()
            for period, stage in enumerate(stages):
                at = NOW + timedelta(days=10 * number + period)
                session.add(
                    CycleRow(
                        **plan, id=uuid4(), program_id=program.id, period=f"2026-Q{period + 1}", stage=stage,
                        starts_at=at, requested_at=at, stage_changed_at=NOW - timedelta(days=number),
                        paused=stage is Stage.REVIEW,
                    )
                )  # fmt: skip


async def items(http: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["items"])
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"sort": "name"}, ["digital", "Élan"]),
        ({"q": "elan"}, ["Élan"]),
        ({"direction": "reverse"}, ["digital"]),
        ({"recurs": False}, ["Élan"]),
        ({"recurs": True, "direction": "mutual"}, []),
    ],
)
async def test_programs_are_found_by_what_they_are(
    http: httpx.AsyncClient, params: dict[str, Any], names: list[str]
) -> None:
    found = [one["name"] for one in await items(http, "/v1/programs", **params)]
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["intake", "review", "completed", "active"]),
        ({"sort": "requested_at"}, ["active", "completed", "review", "intake"]),
        ({"q": "elan q1"}, ["active"]),
        ({"stage": ["review", "active"]}, ["review", "active"]),
        ({"paused": True}, ["review"]),
        ({"program_id": str(uuid4())}, []),
    ],
)
async def test_the_cycles_of_all_programs_are_found_with_the_names_of_these(
    http: httpx.AsyncClient, params: dict[str, Any], found: list[str]
) -> None:
    cycles = await items(http, "/v1/cycles", **params)
    assert [cycle["stage"] for cycle in cycles] == found
    assert {cycle["program_name"] for cycle in cycles} <= {"Élan", "digital"}


async def test_the_cycles_of_one_program_are_found_by_stage(http: httpx.AsyncClient) -> None:
    [program] = await items(http, "/v1/programs", q="digital")
    path = f"/v1/programs/{program['id']}/cycles"
    assert [cycle["stage"] for cycle in await items(http, path)] == ["intake", "review"]
    assert [cycle["stage"] for cycle in await items(http, path, stage="review")] == ["review"]


async def test_a_table_of_an_unknown_program_is_a_refusal(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/v1/programs/{uuid4()}/cycles", headers={"accept": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (404, "program_not_found")


async def test_other_services_read_which_cycles_are_paused(
    http: httpx.AsyncClient, internal_headers: dict[str, str]
) -> None:
    [paused] = await items(http, "/v1/cycles", paused=True)
    answer = await http.get("/internal/programs/cycles/paused", headers=internal_headers)
    assert answer.json() == {"cycle_ids": [paused["id"]]}


async def test_other_services_read_what_runs_and_who_coordinates_it(
    http: httpx.AsyncClient, internal_headers: dict[str, str]
) -> None:
    answer = await http.get("/internal/programs/cycles/running", headers=internal_headers)
    running = Running.model_validate(answer.json())
    wanted = {"stage": [one.value for one in Stage if one not in (Stage.COMPLETED, Stage.CANCELLED)]}
    assert {str(one.id) for one in running.cycles} == {one["id"] for one in await items(http, "/v1/cycles", **wanted)}
    programs = await items(http, "/v1/programs")
    assert {str(one.id) for one in running.programs} == {one["id"] for one in programs}
    assert {one.program_id for one in running.cycles} <= {one.id for one in running.programs}
    assert running.organization_name


async def test_a_preview_tells_the_next_four_starts_and_stores_nothing(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database, organization_id: UUID
) -> None:
    headers, before = await access_key(Role.ADMIN), await items(http, "/v1/programs")
    tried = await http.post("/v1/programs/preview", json=dict(PROGRAM) | {"recurs": True}, headers=headers)
    starts = [datetime.fromisoformat(start) for start in tried.json()["next_recurrences"]]
    assert len(starts) == 4
    assert [start.weekday() for start in starts] == [0] * 4
    once = await http.post("/v1/programs/preview", json=dict(PROGRAM), headers=headers)
    assert once.json()["next_recurrences"] == []
    assert (await items(http, "/v1/programs"), await staged(db, organization_id)) == (before, [])
    refused = await http.post("/v1/programs/preview", json=dict(PROGRAM) | {"name": ""}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.name")


async def test_a_preview_has_the_dates_of_a_cycle_for_a_start_within_two_years(
    http: httpx.AsyncClient, access_key: KeyMaker
) -> None:
    headers = await access_key(Role.VIEWER)
    definition = dict(PROGRAM) | {"recurs": True, "calendar": {"check_ins": 1}}
    usual = (await http.post("/v1/programs/preview", json=definition, headers=headers)).json()
    dates = [usual["starts_at"], usual["rounds"][0]["opens_at"], usual["next_recurrences"][0]]
    assert len({datetime.fromisoformat(date) for date in dates}) == 1
    wished = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0).isoformat()
    answer = await http.post("/v1/programs/preview", params={"starts_at": wished}, json=definition, headers=headers)
    assert datetime.fromisoformat(answer.json()["rounds"][0]["opens_at"]).isoformat() == wished
    late = await http.post(
        "/v1/programs/preview", params={"starts_at": "2099-01-01T00:00:00Z"}, json=definition, headers=headers
    )
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "query.starts_at")
