"""Match runs: made once, stored whole, approved by a person."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.intake import main as intake
from services.matching import main
from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.engine.steering import Steering
from services.matching.models import Pair
from services.matching.runs import proposing, solving
from services.matching.runs.store import decisions, reading
from shared.auth import Role
from shared.config import Settings
from shared.contracts.matching import ConcludeOffers
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.matching_stand_ins import Matching, mentees, mentors

Headers = dict[str, str]
AccessKey = Callable[..., Awaitable[Headers]]
Application = Callable[..., FastAPI]
NO_STEERING = Steering().model_dump(mode="json")


@pytest.fixture
async def client(application: Application) -> httpx.AsyncClient:
    return client_of(application(main, intake))


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: Any) -> Matching:
    return Matching(db, settings, organization_id, [*mentors(3), *mentees(2)])


async def test_a_run_is_stored_with_pairs_reasons_and_unmatched_people(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    made = await matching.propose()
    assert (made.enrolled, made.pairs, made.unmatched) == (5, 2, 1)
    answer = await client.get(f"/v1/match-runs/{made.match_run_id}", headers=await access_key(Role.VIEWER))
    run = answer.json()
    assert (run["state"], run["attempt"], run["mentors"], run["mentees"]) == ("proposed", 1, 3, 2)
    assert (run["revision"], run["steering"], run["program_id"]) == (1, NO_STEERING, str(matching.program_id))
    assert run["certified"] is True
    assert run["total"] == run["bound"] == {"people": 4, "points": sum(pair["score"] for pair in run["pairs"])}
    [first, _] = run["pairs"]
    assert (first["state"], first["origin"], first["override_reason"]) == ("proposed", "matched", None)
    assert first["score"] == sum(first["contributions"].values())
    assert "The mentor teaches Generative AI (expert), the mentee's first choice." in first["reasons"]
    [left] = run["unmatched"]
    assert left["reason"] == "candidates_taken"
    assert {found["person_id"] for found in first["alternatives"] if found["side"] == "mentee"} >= {left["person_id"]}
    assert [(topic["topic"], topic["teachers"], topic["suppressed"]) for topic in run["supply"]] == [("ai", None, True)]
    assert await matching.told() == ["match_run.proposed"]


async def test_a_repeated_attempt_answers_the_stored_proposal_and_reads_no_pool(matching: Matching) -> None:
    made = await matching.propose()
    reads = matching.pool_reads
    matching.pool += mentees(1)
    assert await matching.propose() == made
    assert matching.pool_reads == reads
    assert await matching.told() == ["match_run.proposed"]


@pytest.mark.parametrize("pool", [[], mentors(2)])
async def test_a_run_without_pairs_is_stored_and_cannot_be_approved(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, pool: list[Any]
) -> None:
    matching.pool = pool
    made = await matching.propose()
    assert (made.enrolled, made.pairs, made.unmatched) == (len(pool), 0, len(pool))
    answer = await client.post(f"/v1/match-runs/{made.match_run_id}/approve", headers=await access_key(Role.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_approve")


async def test_approving_offers_the_pairs_and_records_who_did_it(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    made = await matching.propose()
    headers = await access_key(Role.COORDINATOR)
    answer = await client.post(f"/v1/match-runs/{made.match_run_id}/approve", headers=headers)
    assert answer.status_code == 200
    run = answer.json()
    assert run["state"] == "approved"
    assert run["approved_by"] == headers["authorization"].split("_")[1]
    assert run["approved_at"] is not None
    assert await matching.told() == ["match_run.proposed", "pair.offered", "pair.offered", "match_run.approved"]
    pairs = (await client.get(f"/v1/cycles/{matching.cycle_id}/pairs", headers=headers)).json()["items"]
    assert [pair["state"] for pair in pairs] == ["offered", "offered"]


async def test_approving_twice_answers_the_same_and_offers_once(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    address = f"/v1/match-runs/{(await matching.propose()).match_run_id}/approve"
    first = await client.post(address, headers=await access_key(Role.ADMIN))
    second = await client.post(address, headers=await access_key(Role.ADMIN))
    assert (second.status_code, second.json()) == (200, first.json())
    assert len(await matching.told("pair.offered")) == 2


async def test_a_newer_run_supersedes_one_that_waits_for_approval(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    old, new = await matching.propose(1), await matching.propose(2)
    headers = await access_key()
    answer = await client.post(f"/v1/match-runs/{old.match_run_id}/approve", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "match_run_superseded")
    runs = (await client.get(f"/v1/cycles/{matching.cycle_id}/match-runs", headers=headers)).json()["items"]
    assert [(run["attempt"], run["state"]) for run in runs] == [(1, "superseded"), (2, "proposed")]
    detail = (await client.get(f"/v1/match-runs/{old.match_run_id}", headers=headers)).json()
    assert detail["pairs"] == []
    assert (await client.post(f"/v1/match-runs/{new.match_run_id}/approve", headers=headers)).status_code == 200


async def test_an_expired_run_can_no_longer_be_approved(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, internal_headers: Headers
) -> None:
    made = await matching.propose()
    request = ConcludeOffers(organization_id=matching.organization_id, cycle_id=matching.cycle_id)
    assert (await matching.activities.conclude_offers(request)).active == 0
    headers = await access_key()
    answer = await client.post(f"/v1/match-runs/{made.match_run_id}/approve", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "match_run_expired")
    run = (await client.get(f"/v1/match-runs/{made.match_run_id}", headers=headers)).json()
    assert sorted(left["reason"] for left in run["unmatched"]) == ["candidates_taken", *["not_approved"] * 4]
    unmatched = await client.get(f"/internal/matching/cycles/{matching.cycle_id}/unmatched", headers=internal_headers)
    assert set(unmatched.json()["person_ids"]) == {str(person.person_id) for person in matching.pool}


async def test_pairs_of_earlier_cycles_do_not_meet_again(matching: Matching, db: Database) -> None:
    matching.pool = [*mentors(1), *mentees(1)]
    made = await matching.propose()
    async with db.transaction() as session:
        run = await reading.read_run(session, matching.organization_id, made.match_run_id)
        await decisions.approve_run(session, matching.organization_id, run.id, "key")
        pair = await session.get_one(Pair, run.pairs[0].id)
        pair.state = "completed"
    matching.cycle_id = uuid4()
    again = await matching.propose()
    assert (again.pairs, again.unmatched) == (0, 2)
    assert (await matching.propose(2, repeat_past_pairs=True)).pairs == 1


async def test_an_approval_during_the_computation_is_not_overlooked(
    matching: Matching, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await matching.propose(1)
    real = solving.solve
    calls = 0

    async def approve_meanwhile(inputs: Inputs, heartbeat: Callable[[], None], **_: object) -> Result:
        nonlocal calls
        calls += 1
        if calls == 1:
            async with db.transaction() as session:
                await decisions.approve_run(session, matching.organization_id, first.match_run_id, "key")
        return await real(inputs, heartbeat)

    monkeypatch.setattr(proposing, "solve", approve_meanwhile)
    second = await matching.propose(2)
    assert calls == 2
    assert (second.pairs, second.unmatched) == (0, 1)


async def test_the_summary_names_the_run_that_waits_for_approval(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, internal_headers: Headers
) -> None:
    async def awaited() -> Any:
        address = f"/internal/matching/cycles/{matching.cycle_id}/summary"
        return (await client.get(address, headers=internal_headers)).json()["awaiting_approval"]

    made = await matching.propose()
    assert await awaited() == str(made.match_run_id)
    await client.post(f"/v1/match-runs/{made.match_run_id}/approve", headers=await access_key())
    assert await awaited() is None
    await matching.propose(2)
    assert await awaited() is None, "a run without pairs waits for nobody"


async def test_another_organization_sees_and_approves_nothing(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    made = await matching.propose()
    stranger = await access_key(Role.OWNER, uuid4())
    for method, address in (
        ("GET", f"/v1/match-runs/{made.match_run_id}"),
        ("POST", f"/v1/match-runs/{made.match_run_id}/approve"),
    ):
        answer = await client.request(method, address, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "match_run_not_found")
    listed = await client.get(f"/v1/cycles/{matching.cycle_id}/match-runs", headers=stranger)
    assert listed.json() == {"items": [], "next": None}


async def test_a_viewer_may_read_but_not_approve(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    address = f"/v1/match-runs/{(await matching.propose()).match_run_id}"
    viewer = await access_key(Role.VIEWER)
    assert (await client.get(address, headers=viewer)).status_code == 200
    refused = await client.post(f"{address}/approve", headers=viewer)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")
    assert (await client.get(address)).status_code == 401


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/v1/cycles/not-an-id/match-runs"),
        ("GET", "/v1/match-runs/not-an-id"),
        ("POST", "/v1/match-runs/not-an-id/approve"),
        ("GET", "/v1/cycles/not-an-id/pairs"),
        ("GET", "/v1/pairs/not-an-id"),
        ("POST", "/v1/pairs/not-an-id/end"),
    ],
)
async def test_an_id_that_is_none_is_a_clear_422(
    client: httpx.AsyncClient, access_key: AccessKey, method: str, address: str
) -> None:
    answer = await client.request(method, address, headers=await access_key())
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "address", "code"),
    [
        ("GET", "/v1/match-runs/{id}", "match_run_not_found"),
        ("POST", "/v1/match-runs/{id}/approve", "match_run_not_found"),
        ("GET", "/v1/pairs/{id}", "pair_not_found"),
        ("POST", "/v1/pairs/{id}/end", "pair_not_found"),
    ],
)
async def test_what_does_not_exist_is_a_clear_404(
    client: httpx.AsyncClient, access_key: AccessKey, method: str, address: str, code: str
) -> None:
    body = {"reason": "no_time"} if address.endswith("end") else None
    answer = await client.request(method, address.format(id=uuid4()), headers=await access_key(), json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, code)
