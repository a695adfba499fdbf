"""The inputs of a run that was stored long ago are recognised: unaltered though the code has grown, altered if so."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.matching import main
from services.matching.engine.inputs import Inputs
from services.matching.engine.steering import Steering
from services.matching.models import MatchRun
from services.matching.runs.rules import stored_inputs
from shared.auth import Role
from shared.config import Settings
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import MatchingPolicy
from shared.database import Database
from tests.architecture.sources import ROOT
from tests.services.conftest import client_of
from tests.services.matching_admin import AccessKey
from tests.services.matching_stand_ins import Matching, mentees, mentors

OLD: dict[str, Any] = json.loads(Path(__file__).with_name("match_run_before_0019.json").read_text("utf-8"))
"""The rows of a steered run, as the code before decision 0019 stored them."""
SALTED = ROOT / "migrations/versions/0021_salted_hashes.py"
UNALTERED = {"same": True, "inputs_hash_matches": True, "differences": []}


class GrownPolicy(MatchingPolicy):
    different_location: bool = False


class GrownPerson(PoolPerson):
    nickname: str = ""


class GrownSteering(Steering):
    policy: GrownPolicy | None = None
    note: str | None = None


class GrownInputs(Inputs):
    """The inputs of a later version, in which every part has one more field with a default."""

    policy: GrownPolicy
    people: tuple[GrownPerson, ...]
    steering: GrownSteering = GrownSteering()
    season: str = "any"


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: AccessKey) -> httpx.AsyncClient:
    found = client_of(application(main))
    found.headers.update(await access_key(Role.COORDINATOR))
    return found


@pytest.fixture
async def old_run(db: Database, organization_id: UUID) -> UUID:
    rows = [("match_run", OLD["match_run"])]
    rows += [("pair", row) for row in OLD["pairs"]] + [("unmatched", row) for row in OLD["unmatched"]]
    async with db.transaction() as session:
        for table, row in rows:
            record, columns = f"jsonb_populate_record(null::matching.{table}, :row)", ", ".join(row)
            own = {"row": json.dumps(row | {"organization_id": str(organization_id)})}
            await session.execute(text(f"insert into matching.{table} ({columns}) select {columns} from {record}"), own)
    return UUID(OLD["match_run"]["id"])


@pytest.fixture
async def new_run(db: Database, settings: Settings, organization_id: UUID) -> UUID:
    return (await Matching(db, settings, organization_id, [*mentors(2), *mentees(2)]).propose()).match_run_id


@pytest.fixture
async def salted_run(db: Database, old_run: UUID) -> UUID:
    """The old run, after a later migration has salted its hash."""
    async with db.transaction() as session:
        await session.execute(text(runpy.run_path(str(SALTED))["SALT"]))
    return old_run


@pytest.fixture(params=["old_run", "salted_run", "new_run"])
def run_id(request: pytest.FixtureRequest) -> UUID:
    found: UUID = request.getfixturevalue(request.param)
    return found


async def replay(client: httpx.AsyncClient, run_id: UUID) -> dict[str, Any]:
    answer = await client.post(f"/v1/match-runs/{run_id}/replay")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {name: found[name] for name in UNALTERED}


async def test_a_stored_run_is_unaltered(client: httpx.AsyncClient, run_id: UUID) -> None:
    assert await replay(client, run_id) == UNALTERED


async def test_fields_with_defaults_that_came_later_do_not_make_a_run_look_altered(
    client: httpx.AsyncClient, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_inputs, "Inputs", GrownInputs)
    assert await replay(client, run_id) == UNALTERED


@pytest.mark.parametrize(
    ("column", "path", "value"),
    [
        ("inputs", ("people", 0, "department"), "Another"),
        ("inputs", ("people", 1, "taught_levels"), {"ai": 2}),
        ("inputs", ("labels", "ai"), "Another label"),
        ("inputs", ("week",), "2025-07-07"),
        ("policy", ("weights", "topics"), 9),
        ("steering", ("policy",), {"min_level_gap": 5}),
    ],
)
async def test_a_changed_cell_is_noticed(
    client: httpx.AsyncClient, db: Database, run_id: UUID, column: str, path: tuple[Any, ...], value: Any
) -> None:
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, run_id)
        await session.refresh(run, ["inputs"])
        changed = json.loads(json.dumps(getattr(run, column)))
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        setattr(run, column, changed)
    assert (await replay(client, run_id))["inputs_hash_matches"] is False


async def test_the_hash_that_is_shown_confirms_no_guess(
    client: httpx.AsyncClient, salted_run: UUID, db: Database
) -> None:
    """The hash of an old run was made of its inputs alone, so that a guess of who avoids whom could be tried."""
    shown = (await client.get(f"/v1/match-runs/{salted_run}/inputs")).json()
    assert shown["inputs_hash"] != OLD["match_run"]["inputs_hash"]
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, salted_run)
        await session.refresh(run, ["inputs"])
        assert len(run.inputs["hash_salt"]) == 64
        assert run.inputs["hash_salt"] not in json.dumps(shown)
        await session.execute(text(runpy.run_path(str(SALTED))["SALT"]))
        await session.refresh(run, ["inputs_hash"])
        assert run.inputs_hash == shown["inputs_hash"], "it is done once"


async def test_the_inputs_of_a_stored_run_are_read_as_they_were_stored(
    client: httpx.AsyncClient, old_run: UUID
) -> None:
    found = (await client.get(f"/v1/match-runs/{old_run}/inputs")).json()
    assert found["inputs_hash"] == OLD["match_run"]["inputs_hash"]
    stored = OLD["match_run"]["inputs"] | {name: OLD["match_run"][name] for name in ("policy", "steering")}
    assert any(person["avoided"] for person in stored["people"])
    stored["people"] = [person | {"avoided": []} for person in stored["people"]]  # which nobody reads
    assert stored_part(found["inputs"], stored) == stored


def stored_part(found: Any, stored: Any) -> Any:
    """What is found, without fields that the code has got since."""
    if isinstance(stored, dict):
        return {name: stored_part(found[name], stored[name]) for name in stored}
    if isinstance(stored, list):
        return [stored_part(one, old) for one, old in zip(found, stored, strict=True)]
    return found
