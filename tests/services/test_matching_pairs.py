"""Live pairs: read by page, ended by an admin, completed with the cycle, counted for the report."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.matching import main
from services.matching.models import Pair
from services.matching.runs.store import decisions, reading
from shared.auth import Role
from shared.config import Settings
from shared.contracts.matching import ConcludePairs, PairState
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.errors import DomainError
from shared.rounds import store as rounds
from shared.rounds.recipients import Recipient
from tests.services.conftest import client_of
from tests.services.matching_stand_ins import Matching, mentees, mentors

Headers = dict[str, str]
AccessKey = Callable[..., Awaitable[Headers]]


@pytest.fixture
def client(application: Callable[..., FastAPI]) -> httpx.AsyncClient:
    return client_of(application(main))


@pytest.fixture
async def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    """Three active pairs, and a mentor who is left over."""
    found = Matching(db, settings, organization_id, [*mentors(4), *mentees(3)])
    made = await found.propose()
    async with db.transaction() as session:
        await decisions.approve_run(session, organization_id, made.match_run_id, "key")
        run = await reading.read_run(session, organization_id, made.match_run_id)
        for view in run.pairs:
            pair = await session.get_one(Pair, view.id)
            pair.state, pair.activated_at = "active", datetime.now(UTC)
    return found


async def pair_ids(matching: Matching, client: httpx.AsyncClient, headers: Headers) -> list[str]:
    answer = await client.get(f"/v1/cycles/{matching.cycle_id}/pairs", headers=headers)
    return [pair["id"] for pair in answer.json()["items"]]


async def ask_about(matching: Matching, pair_id: str) -> UUID:
    """An open check-in round that asks about one pair."""
    round_id = round_id_for(matching.cycle_id, RoundKind.CHECK_IN, 1)
    request = OpenRound(
        organization_id=matching.organization_id,
        cycle_id=matching.cycle_id,
        round_id=round_id,
        kind=RoundKind.CHECK_IN,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=5),
    )
    async with matching.db.transaction() as session:
        await rounds.open_round(
            session, request, [Recipient(uuid4(), UUID(pair_id)), Recipient(uuid4(), UUID(pair_id))]
        )
    return round_id


async def pending(matching: Matching, round_id: UUID) -> int:
    async with matching.db.transaction() as session:
        return (await rounds.read_round(session, matching.organization_id, round_id)).pending


async def test_pairs_are_read_by_page_and_state(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    headers = await access_key(Role.VIEWER)
    address = f"/v1/cycles/{matching.cycle_id}/pairs"
    everything = await pair_ids(matching, client, headers)
    first = (await client.get(address, params={"limit": 2}, headers=headers)).json()
    second = (await client.get(address, params={"limit": 2, "cursor": first["next"]}, headers=headers)).json()
    assert [pair["id"] for pair in first["items"] + second["items"]] == everything == sorted(everything)
    assert second["next"] is None
    assert len((await client.get(address, params={"state": "active"}, headers=headers)).json()["items"]) == 3
    assert (await client.get(address, params={"state": "ended"}, headers=headers)).json()["items"] == []
    one = await client.get(f"/v1/pairs/{everything[0]}", headers=headers)
    assert one.json()["id"] == everything[0]


@pytest.mark.parametrize(
    ("params", "status"),
    [({"state": "happy"}, 422), ({"limit": 0}, 422), ({"limit": 999}, 422), ({"cursor": "nonsense!"}, 400)],
)
async def test_wrong_parameters_of_the_list_are_clear_4xxs(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, params: dict[str, Any], status: int
) -> None:
    address = f"/v1/cycles/{matching.cycle_id}/pairs"
    answer = await client.get(address, params=params, headers=await access_key())
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_ending_a_pair_tells_it_once_and_stops_asking_about_it(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    headers = await access_key(Role.COORDINATOR)
    pair_id = (await pair_ids(matching, client, headers))[0]
    round_id = await ask_about(matching, pair_id)
    ended = await client.post(f"/v1/pairs/{pair_id}/end", json={"reason": "not_a_fit"}, headers=headers)
    assert (ended.status_code, ended.json()["state"], ended.json()["end_reason"]) == (200, "ended", "not_a_fit")
    again = await client.post(f"/v1/pairs/{pair_id}/end", json={"reason": "no_time"}, headers=headers)
    assert (again.status_code, again.json()) == (200, ended.json())
    assert await matching.told("pair.ended") == ["pair.ended"]
    assert await pending(matching, round_id) == 0


async def test_only_a_live_pair_can_be_ended(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, db: Database
) -> None:
    headers = await access_key()
    pair_id = (await pair_ids(matching, client, headers))[0]
    async with db.transaction() as session:
        (await session.get_one(Pair, UUID(pair_id))).state = "offered"
    answer = await client.post(f"/v1/pairs/{pair_id}/end", json={"reason": "no_time"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "pair_not_active")


@pytest.mark.parametrize("body", [{}, {"reason": "boredom"}, {"reason": "cycle_cancelled"}, {"reason": "no_answer"}])
async def test_a_pair_is_ended_only_for_a_reason_that_people_give(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, body: dict[str, str]
) -> None:
    headers = await access_key()
    pair_id = (await pair_ids(matching, client, headers))[0]
    answer = await client.post(f"/v1/pairs/{pair_id}/end", json=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.reason")


async def test_ending_a_pair_takes_a_coordinator_of_its_organization(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    viewer = await access_key(Role.VIEWER)
    pair_id = (await pair_ids(matching, client, viewer))[0]
    for headers, status in ((viewer, 403), (await access_key(Role.OWNER, uuid4()), 404), ({}, 401)):
        answer = await client.post(f"/v1/pairs/{pair_id}/end", json={"reason": "no_time"}, headers=headers)
        assert answer.status_code == status


async def test_completing_takes_every_live_pair_once_and_stops_asking(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    headers = await access_key()
    first, second, _ = await pair_ids(matching, client, headers)
    await client.post(f"/v1/pairs/{first}/end", json={"reason": "left_company"}, headers=headers)
    round_id = await ask_about(matching, second)
    request = ConcludePairs(
        organization_id=matching.organization_id, cycle_id=matching.cycle_id, state=PairState.COMPLETED
    )
    for _ in range(2):
        assert (await matching.activities.conclude_pairs(request)).pairs == 2
    assert len(await matching.told("pair.completed")) == 2
    assert await pending(matching, round_id) == 0


async def test_pairs_are_concluded_as_completed_or_ended_only(matching: Matching) -> None:
    request = ConcludePairs(
        organization_id=matching.organization_id, cycle_id=matching.cycle_id, state=PairState.ACTIVE
    )
    with pytest.raises(DomainError) as raised:
        await matching.activities.conclude_pairs(request)
    assert raised.value.code == "cannot_conclude"


async def test_other_services_read_pairs_people_and_counts(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey, internal_headers: Headers
) -> None:
    async def read(path: str, **params: Any) -> Any:
        address = f"/internal/matching/cycles/{matching.cycle_id}/{path}"
        answer = await client.get(address, params=params, headers=internal_headers)
        assert answer.status_code == 200
        return answer.json()

    headers = await access_key()
    ended = (await pair_ids(matching, client, headers))[0]
    lost = (await client.post(f"/v1/pairs/{ended}/end", json={"reason": "no_time"}, headers=headers)).json()
    page = await read("pairs", state=["active", "ended"], limit=2)
    rest = await read("pairs", state=["active", "ended"], after=page["after"])
    assert (len(page["pairs"]), len(rest["pairs"]), rest["after"]) == (2, 1, None)
    public = (await client.get(f"/v1/pairs/{page['pairs'][0]['id']}", headers=headers)).json()
    assert page["pairs"][0].items() <= public.items()
    assert len((await read("pairs", state="active"))["pairs"]) == 2
    without = {"reasons": [], "reason_codes": [], "score": 0}
    shorter = [pair | without for pair in page["pairs"]]
    assert await read("pairs", state=["active", "ended"], limit=2, reasons=False) == page | {"pairs": shorter}
    everyone = {str(person.person_id) for person in matching.pool}
    taking_part = (await read("participants"))["person_ids"]
    assert (len(taking_part), taking_part) == (4, sorted(taking_part))
    assert set((await read("unmatched"))["person_ids"]) == everyone - set(taking_part)
    assert {lost["mentor_id"], lost["mentee_id"]}.isdisjoint(taking_part)
    first = await read("participants", limit=3)
    assert (await read("participants", after=first["after"]))["person_ids"] == taking_part[3:]
    assert await read("summary") == {
        "enrolled": 7,
        "mentors": 4,
        "mentees": 3,
        "matched": 6,
        "active": 6,
        "completed": 0,
        "pairs_offered": 3,
        "pairs_active": 3,
        "pairs_completed": 0,
        "pairs_ended": 1,
        "awaiting_approval": None,
    }


async def test_participants_stay_readable_after_the_cycle_completed(
    matching: Matching, client: httpx.AsyncClient, internal_headers: Headers
) -> None:
    request = ConcludePairs(
        organization_id=matching.organization_id, cycle_id=matching.cycle_id, state=PairState.COMPLETED
    )
    await matching.activities.conclude_pairs(request)
    address = f"/internal/matching/cycles/{matching.cycle_id}"
    people = (await client.get(f"{address}/participants", headers=internal_headers)).json()["person_ids"]
    assert len(people) == 6
    summary = (await client.get(f"{address}/summary", headers=internal_headers)).json()
    assert (summary["completed"], summary["pairs_completed"], summary["pairs_ended"]) == (6, 3, 0)


async def test_a_cycle_without_runs_has_empty_reads(client: httpx.AsyncClient, internal_headers: Headers) -> None:
    address = f"/internal/matching/cycles/{uuid4()}"
    summary = (await client.get(f"{address}/summary", headers=internal_headers)).json()
    assert set(summary.values()) == {0, None}
    for path in ("participants", "unmatched"):
        page = (await client.get(f"{address}/{path}", headers=internal_headers)).json()
        assert page == {"person_ids": [], "after": None}
