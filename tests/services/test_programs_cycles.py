"""Cycles over HTTP: triggered once, read, paused, resumed, cancelled, advanced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update

from services.programs import main
from services.programs.models import CycleRow, ProgramRow
from services.programs.rules.calendar import period_of
from shared.auth import Role
from shared.config import Settings
from shared.contracts.programs import CycleBrief, Stage
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.events import StagedEvent
from shared.http.application import create_application
from shared.http.idempotency import IdempotencyRecord
from shared.keys import AccessKey, OrganizationRow, new_key
from shared.rounds.recipients import Recipient
from shared.rounds.store import close_round, lock_open_round, mark_answered, open_round
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once, staged

Headers = dict[str, str]
KeyMaker = Callable[..., Awaitable[Headers]]


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main)) as client:
        yield client


@pytest.fixture
async def admin(access_key: KeyMaker) -> Headers:
    return await access_key(Role.ADMIN)


@pytest.fixture
async def program(http: httpx.AsyncClient, admin: Headers) -> dict[str, Any]:
    answer = await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def cycle(http: httpx.AsyncClient, admin: Headers, program: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(admin))
    found: dict[str, Any] = answer.json()
    return found


async def set_stage(db: Database, cycle_id: str, stage: Stage) -> None:
    async with db.transaction() as session:
        await session.execute(update(CycleRow).where(CycleRow.id == UUID(cycle_id)).values(stage=stage))


async def start_round(db: Database, organization_id: UUID, cycle_id: str, number: int, people: list[UUID]) -> UUID:
    round_id = round_id_for(UUID(cycle_id), RoundKind.CHECK_IN, number)
    request = OpenRound(
        organization_id=organization_id,
        cycle_id=UUID(cycle_id),
        round_id=round_id,
        kind=RoundKind.CHECK_IN,
        number=number,
        closes_at=datetime.now(UTC) + timedelta(days=1),
    )
    async with db.transaction() as session:
        await open_round(session, request, [Recipient(person, UUID(cycle_id)) for person in people])
    return round_id


async def told(db: Database, organization_id: UUID) -> list[str]:
    return [kind for kind, _ in await staged(db, organization_id)]


async def test_a_trigger_writes_the_cycle_and_its_event_and_answers_202(
    http: httpx.AsyncClient, admin: Headers, program: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    answer = await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(admin))
    assert answer.status_code == 202, answer.text
    cycle = answer.json()
    assert answer.headers["location"] == f"/v1/cycles/{cycle['id']}"
    assert cycle["period"] == period_of(datetime.now(UTC), "Europe/Berlin")
    assert (cycle["stage"], cycle["paused"], cycle["outcome"], cycle["rounds"]) == ("scheduled", False, None, [])
    assert (await http.get(answer.headers["location"], headers=admin)).json() == cycle
    data = {"cycle_id": cycle["id"], "program_id": program["id"]}
    assert await staged(db, organization_id) == [("cycle.requested", data)]


async def test_the_same_trigger_makes_one_cycle_and_another_key_another(
    http: httpx.AsyncClient, admin: Headers, program: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    path, headers = f"/v1/programs/{program['id']}/cycles", once(admin)
    first, again = [await http.post(path, headers=headers) for _ in range(2)]
    assert (again.status_code, again.json()) == (202, first.json())
    second = (await http.post(path, headers=once(admin))).json()
    assert second["period"] == first.json()["period"] + "-2"
    assert await told(db, organization_id) == ["cycle.requested"] * 2
    listed = (await http.get(path, headers=admin)).json()["items"]
    assert {item["id"] for item in listed} == {first.json()["id"], second["id"]}
    page = (await http.get(path, params={"limit": 1}, headers=admin)).json()
    rest = (await http.get(path, params={"limit": 1, "cursor": page["next"]}, headers=admin)).json()
    assert [page["items"][0]["id"], rest["items"][0]["id"]] == [item["id"] for item in listed]
    assert rest["next"] is None


async def test_a_given_period_is_taken_once(http: httpx.AsyncClient, admin: Headers, program: dict[str, Any]) -> None:
    path, body = f"/v1/programs/{program['id']}/cycles", {"period": "pilot"}
    assert (await http.post(path, json=body, headers=once(admin))).json()["period"] == "pilot"
    again = await http.post(path, json=body, headers=once(admin))
    assert (again.status_code, again.json()["code"]) == (409, "period_exists")


async def test_a_cycle_keeps_the_plan_it_was_requested_with(
    http: httpx.AsyncClient,
    admin: Headers,
    program: dict[str, Any],
    internal_headers: Headers,
) -> None:
    body = {"calendar": {"check_ins": 7}, "starts_at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}
    answer = await http.post(f"/v1/programs/{program['id']}/cycles", json=body, headers=once(admin))
    cycle = answer.json()
    assert datetime.fromisoformat(cycle["starts_at"]) == datetime.fromisoformat(body["starts_at"])  # type: ignore[arg-type]
    assert (cycle["calendar"]["check_ins"], cycle["calendar"]["check_in_every"]) == (7, "PT5S")
    edited = dict(PROGRAM) | {"name": "Renamed", "direction": "mutual", "topics": [], "calendar": {"check_ins": 1}}
    edited |= {"language": "fr"}
    await http.put(f"/v1/programs/{program['id']}", json=edited, headers={**admin, "if-match": "*"})
    assert (await http.get(f"/v1/cycles/{cycle['id']}", headers=admin)).json() == cycle
    read = await http.get(f"/internal/programs/cycles/{cycle['id']}", headers=internal_headers)
    brief = CycleBrief.model_validate(read.json())
    assert (brief.program_name, brief.direction, brief.calendar.check_ins) == ("Renamed", "reverse", 7)
    assert [topic.code for topic in brief.topics] == ["ai"]
    assert brief.language == "fr"


async def test_the_internal_read_is_for_services_and_their_organization(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], internal_headers: Headers
) -> None:
    path = f"/internal/programs/cycles/{cycle['id']}"
    assert (await http.get(path, headers=admin)).status_code == 401
    other = {**internal_headers, "upward-organization": str(uuid4())}
    assert (await http.get(path, headers=other)).status_code == 404
    assert (await http.get(path, headers=internal_headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"calendar": {"survey": {"length": "14 days"}}}, "body.calendar.survey.length"),
        ({"calendar": {"check_in_every": 1209600}}, "body.calendar.check_in_every"),
        ({"starts_at": 1800000000}, "body.starts_at"),
        ({"period": "a b"}, "body.period"),
        ({"period": "a\x00"}, "body.period"),
        ({"starts_at": "2026-01-01T00:00:00"}, "body.starts_at"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "body.starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "body.starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-12:00"}, "body.starts_at"),
        ({"calendar": {"check_ins": 53}}, "body.calendar.check_ins"),
        ({"calendar": {"chek_ins": 5}}, "body.calendar.chek_ins"),
        ({"calendar": {"survey": {"length": "P9Y"}}}, "body.calendar.survey.length"),
        ({"calendar": []}, "body.calendar"),
        ({"stage": "active"}, "body.stage"),
    ],
)
async def test_a_wrong_trigger_names_the_field_and_makes_nothing(
    http: httpx.AsyncClient, admin: Headers, program: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    path = f"/v1/programs/{program['id']}/cycles"
    answer = await http.post(path, json=body, headers=once(admin))
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await http.get(path, headers=admin)).json()["items"] == []


async def test_a_trigger_needs_a_key_an_admin_and_a_program(
    http: httpx.AsyncClient, admin: Headers, program: dict[str, Any], access_key: KeyMaker
) -> None:
    path = f"/v1/programs/{program['id']}/cycles"
    missing = await http.post(path, headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_required")
    assert (await http.post(path, headers=once(await access_key(Role.COORDINATOR)))).status_code == 403
    nowhere = await http.post(f"/v1/programs/{uuid4()}/cycles", headers=once(admin))
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "program_not_found")
    assert (await http.get(f"/v1/cycles/{uuid4()}", headers=admin)).json()["code"] == "cycle_not_found"
    assert (await http.get("/v1/cycles/nonsense", headers=admin)).status_code == 422


async def test_a_cycle_shows_its_rounds_with_live_counts(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    people = [uuid4(), uuid4(), uuid4()]
    round_id = await start_round(db, organization_id, cycle["id"], 1, people)
    async with db.transaction() as session:
        row = await lock_open_round(session, organization_id, round_id)
        await mark_answered(session, row, people[0], [UUID(cycle["id"])])
    rounds = (await http.get(f"/v1/cycles/{cycle['id']}", headers=admin)).json()["rounds"]
    shown = [(one["id"], one["state"], one["recipients"], one["answered"], one["pending"]) for one in rounds]
    assert shown == [(str(round_id), "open", 3, 1, 2)]


async def test_pausing_and_resuming_are_told_once_each(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    path = f"/v1/cycles/{cycle['id']}"
    answers = [await http.post(f"{path}/{verb}", headers=admin) for verb in ("pause", "pause", "resume", "resume")]
    assert [answer.status_code for answer in answers] == [202] * 4
    assert [answer.json()["paused"] for answer in answers] == [True, True, False, False]
    assert await told(db, organization_id) == ["cycle.requested", "cycle.paused", "cycle.resumed"]


async def test_cancelling_is_told_once_and_stops_other_changes(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    path = f"/v1/cycles/{cycle['id']}"
    first, again = [await http.post(f"{path}/cancel", headers=admin) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["cancellation_requested_at"] == again.json()["cancellation_requested_at"] is not None
    for verb in ("pause", "resume", "advance"):
        refused = await http.post(f"{path}/{verb}", headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "cycle_is_being_cancelled")
    assert await told(db, organization_id) == ["cycle.requested", "cycle.cancellation_requested"]


@pytest.mark.parametrize(
    ("stage", "refused", "accepted"),
    [
        (Stage.COMPLETED, ["pause", "resume", "cancel", "advance"], []),
        (Stage.CANCELLED, ["pause", "resume", "advance"], ["cancel"]),
    ],
)
async def test_a_cycle_that_ended_does_not_change(
    http: httpx.AsyncClient,
    admin: Headers,
    cycle: dict[str, Any],
    db: Database,
    organization_id: UUID,
    stage: Stage,
    refused: list[str],
    accepted: list[str],
) -> None:
    await set_stage(db, cycle["id"], stage)
    for verb in refused:
        answer = await http.post(f"/v1/cycles/{cycle['id']}/{verb}", headers=admin)
        assert (answer.status_code, answer.json()["code"]) == (409, "cycle_ended")
    for verb in accepted:
        assert (await http.post(f"/v1/cycles/{cycle['id']}/{verb}", headers=admin)).status_code == 202
    assert await told(db, organization_id) == ["cycle.requested"]


async def test_advancing_a_scheduled_cycle_starts_it_once(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    answers = [await http.post(f"/v1/cycles/{cycle['id']}/advance", headers=admin) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    data = {"cycle_id": cycle["id"], "stage": "scheduled", "round_id": None}
    assert (await staged(db, organization_id))[1:] == [("cycle.advance_requested", data)]


async def test_advancing_closes_the_round_that_opened_last_once(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any], db: Database, organization_id: UUID
) -> None:
    path = f"/v1/cycles/{cycle['id']}/advance"
    await set_stage(db, cycle["id"], Stage.ACTIVE)
    nothing = await http.post(path, headers=admin)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_advance")
    first = await start_round(db, organization_id, cycle["id"], 1, [uuid4()])
    assert [(await http.post(path, headers=admin)).status_code for _ in range(2)] == [202, 202]
    second = await start_round(db, organization_id, cycle["id"], 2, [uuid4()])
    assert (await http.post(path, headers=admin)).status_code == 202
    found = [data["round_id"] for kind, data in await staged(db, organization_id) if kind == "cycle.advance_requested"]
    assert found == [str(first), str(second)]
    async with db.transaction() as session:
        for round_id in (first, second):
            close = CloseRound(organization_id=organization_id, round_id=round_id, reason=CloseReason.ADVANCED)
            await close_round(session, close)
    assert (await http.post(path, headers=admin)).status_code == 409


async def test_a_paused_cycle_is_resumed_before_it_is_advanced(
    http: httpx.AsyncClient, admin: Headers, cycle: dict[str, Any]
) -> None:
    await http.post(f"/v1/cycles/{cycle['id']}/pause", headers=admin)
    answer = await http.post(f"/v1/cycles/{cycle['id']}/advance", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "cycle_paused")


async def test_who_may_control_a_cycle(http: httpx.AsyncClient, cycle: dict[str, Any], access_key: KeyMaker) -> None:
    viewer, coordinator = await access_key(Role.VIEWER), await access_key(Role.COORDINATOR)
    stranger = await access_key(Role.OWNER, uuid4())
    for verb in ("pause", "resume", "cancel", "advance"):
        path = f"/v1/cycles/{cycle['id']}/{verb}"
        assert (await http.post(path)).status_code == 401
        assert (await http.post(path, headers=viewer)).status_code == 403
        assert (await http.post(path, headers=stranger)).status_code == 404
        expected = 403 if verb == "cancel" else 202
        assert (await http.post(path, headers=coordinator)).status_code == expected


@pytest.fixture
async def committed(database: Database) -> AsyncIterator[tuple[UUID, UUID, Headers]]:
    """An organization, its program and an admin's header that every connection sees; deleted afterwards."""
    organization_id, program_id, key = uuid4(), uuid4(), new_key()
    await add_organization(database, organization_id)
    async with database.transaction() as session:
        session.add(
            AccessKey(id=key.id, organization_id=organization_id, role="admin", label="test", key_hash=key.key_hash)
        )
        session.add(
            ProgramRow(
                id=program_id,
                organization_id=organization_id,
                name="Program",
                direction="reverse",
                time_zone="UTC",
                topics=[{"code": "ai", "label": "AI"}],
                calendar={},
                policy={},
                coordinator_ids=[],
                recurs=False,
            )
        )
    yield organization_id, program_id, {"authorization": f"Bearer {key.key}"}
    async with database.transaction() as session:
        for table in (StagedEvent, IdempotencyRecord, CycleRow, ProgramRow, AccessKey):
            await session.execute(delete(table).where(table.organization_id == organization_id))
        await session.execute(delete(OrganizationRow).where(OrganizationRow.id == organization_id))


async def test_200_concurrent_identical_triggers_make_one_cycle(
    database: Database, settings: Settings, committed: tuple[UUID, UUID, Headers]
) -> None:
    organization_id, program_id, headers = committed
    async with client_of(create_application([main.router], database, settings)) as http:
        sent = [http.post(f"/v1/programs/{program_id}/cycles", headers=once(headers, "the same")) for _ in range(200)]
        answers = await asyncio.gather(*sent)
    codes = {answer.json().get("code") for answer in answers if answer.status_code != 202}
    assert codes <= {"idempotency_key_in_flight"}
    assert len({answer.headers["location"] for answer in answers if answer.status_code == 202}) == 1
    async with database.transaction() as session:
        cycles = (await session.scalars(select(CycleRow.id).where(CycleRow.organization_id == organization_id))).all()
    assert len(cycles) == 1
    assert await told(database, organization_id) == ["cycle.requested"]


async def test_concurrent_triggers_with_different_keys_get_different_periods(
    database: Database, settings: Settings, committed: tuple[UUID, UUID, Headers]
) -> None:
    _, program_id, headers = committed
    async with client_of(create_application([main.router], database, settings)) as http:
        answers = await asyncio.gather(
            *[http.post(f"/v1/programs/{program_id}/cycles", headers=once(headers)) for _ in range(12)]
        )
    assert [answer.status_code for answer in answers] == [202] * 12
    assert len({answer.json()["period"] for answer in answers}) == 12


async def test_concurrent_pauses_are_told_once(
    database: Database, settings: Settings, committed: tuple[UUID, UUID, Headers]
) -> None:
    organization_id, program_id, headers = committed
    async with client_of(create_application([main.router], database, settings)) as http:
        cycle = (await http.post(f"/v1/programs/{program_id}/cycles", headers=once(headers))).json()
        answers = await asyncio.gather(
            *[http.post(f"/v1/cycles/{cycle['id']}/pause", headers=headers) for _ in range(10)]
        )
    assert [answer.status_code for answer in answers] == [202] * 10
    assert await told(database, organization_id) == ["cycle.requested", "cycle.paused"]
