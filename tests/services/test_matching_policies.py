"""Rules are tried over HTTP: on the people of a program's last run, or on the directory if it has none."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.intake import main as intake
from services.intake.person import Availability
from services.matching import main
from services.matching.models import MatchRun
from services.matching.runs import trying
from services.matching.runs.places import TooManyWait
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.matching_admin import AccessKey
from tests.services.matching_stand_ins import Matching, mentees, mentors

PREVIEW = "/v1/policies/preview"


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    return Matching(db, settings, organization_id, [*mentors(3), *mentees(3)])


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: AccessKey) -> httpx.AsyncClient:
    """As an admin."""
    made = client_of(application(main, intake))
    made.headers.update(await access_key(Role.ADMIN))
    return made


async def tried(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(PREVIEW, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_last_run_is_computed_by_other_rules_and_nothing_is_stored(
    client: httpx.AsyncClient, matching: Matching
) -> None:
    proposal = await matching.propose()
    program = str(matching.program_id)
    found = await tried(client, program_id=program, policy={"max_level_gap": 2})
    assert (found["based_on"], found["people"], found["directory"]) == ("match_run", 6, None)
    run = found["match_run"]
    assert (run["match_run_id"], run["cycle_id"]) == (str(proposal.match_run_id), str(matching.cycle_id))
    assert run["before"] == {"people": 6, "pairs": 3, "unmatched": 0, "unmatched_by": {}}
    assert run["after"] == {"people": 0, "pairs": 0, "unmatched": 6, "unmatched_by": {"level_gap": 6}}
    assert (run["pairs_removed"], run["no_longer_matched"]) == (3, 6)
    assert (await tried(client, program_id=program))["match_run"]["pairs_kept"] == 3
    told = str(found)
    assert not any(str(person.person_id) in told for person in matching.pool)
    async with matching.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(MatchRun)) == 1


async def test_a_run_whose_pairs_are_gone_is_computed_as_it_was(client: httpx.AsyncClient, matching: Matching) -> None:
    await matching.propose()
    async with matching.db.transaction() as session:
        await session.execute(update(MatchRun).values(code_version="1"))
    run = (await tried(client, program_id=str(matching.program_id)))["match_run"]
    assert run["before"] == run["after"] == {"people": 6, "pairs": 3, "unmatched": 0, "unmatched_by": {}}


async def test_a_run_that_only_replaced_pairs_or_of_fewer_than_five_people_is_passed_over(
    client: httpx.AsyncClient, matching: Matching, db: Database, settings: Settings, organization_id: UUID
) -> None:
    first = await matching.propose()
    await matching.propose(2)
    found = await tried(client, program_id=str(matching.program_id))
    assert found["match_run"]["match_run_id"] == str(first.match_run_id)
    small = Matching(db, settings, organization_id, [*mentors(2), *mentees(2)])
    await small.propose()
    assert (await tried(client, program_id=str(small.program_id)))["based_on"] == "directory"


async def test_without_a_run_the_directory_is_looked_at_as_far_as_it_would_be_asked(
    client: httpx.AsyncClient, matching: Matching, db: Database, organization_id: UUID, access_key: AccessKey
) -> None:
    people = [person(f"{level}@example.org", level=level)._replace(id=uuid4()) for level in (1, 2, 3)]
    away = person("away@example.org", level=4)._replace(id=uuid4(), availability=Availability.ON_LEAVE)
    gone = person("gone@example.org", level=5)._replace(id=uuid4(), active=False)
    below = people[0]._replace(manager_id=people[2].id)
    await add_people(db, organization_id, people[2], people[1], below, away, gone)
    found = await tried(client, program_id=str(matching.program_id), policy={"min_level_gap": 1})
    assert (found["based_on"], found["people"], found["sampled"], found["match_run"]) == ("directory", 3, False, None)
    assert found["directory"] == {
        "mentors": 2,
        "mentees": 2,
        "nobody": 0,
        "possible": 6,
        "couples": 2,
        "ruled_out": {"level_gap": 3, "reporting_line": 2},
    }
    elsewhere = await client.post(PREVIEW, json={}, headers=await access_key(Role.ADMIN, uuid4()))
    assert elsewhere.json()["people"] == 0


async def test_a_run_of_another_organization_is_not_there(
    client: httpx.AsyncClient, matching: Matching, access_key: AccessKey
) -> None:
    await matching.propose()
    body, headers = {"program_id": str(matching.program_id)}, await access_key(Role.ADMIN, uuid4())
    assert (await client.post(PREVIEW, json=body, headers=headers)).json()["based_on"] == "directory"


async def test_a_large_directory_is_looked_at_in_part_and_says_so(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_people(db, organization_id, *(person(f"{one}@example.org")._replace(id=uuid4()) for one in range(5)))
    monkeypatch.setattr(trying, "PAGE", 2)
    monkeypatch.setattr(trying, "MOST_PEOPLE", 3)
    found = await tried(client)
    assert (found["people"], found["sampled"]) == (4, True)


async def test_a_trial_that_takes_too_long_or_finds_too_many_before_it_says_so(
    client: httpx.AsyncClient, matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await matching.propose()
    body = {"program_id": str(matching.program_id)}

    async def busy(*_: object, **__: object) -> None:
        raise TooManyWait

    async def long(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(trying, "solve", busy)
    answer = await client.post(PREVIEW, json=body)
    assert (answer.status_code, answer.json()["code"], "retry-after" in answer.headers) == (429, "matching_busy", True)
    monkeypatch.setattr(trying, "MOST_SECONDS", 0.01)
    monkeypatch.setattr(trying, "solve", long)
    answer = await client.post(PREVIEW, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "trial_too_large")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_only_admins_who_define_rules_try_them(
    client: httpx.AsyncClient, access_key: AccessKey, role: Role
) -> None:
    assert (await client.post(PREVIEW, json={}, headers=await access_key(role))).status_code == 403
