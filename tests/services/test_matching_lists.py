"""The pairs of a match run are found by who they are about, how good they are and how they came about."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.intake import main as intake
from services.matching import main
from services.matching.models import MatchRun, Pair
from shared.auth import Role
from shared.contracts.matching import MatchRunState, PairState
from shared.contracts.programs import Direction
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person

Key = Callable[..., Awaitable[dict[str, str]]]
PAIRS: tuple[Mapping[str, Any], ...] = (
    {"score": 100, "origin": "matched", "contributions": {"topics": 60, "wishes": 40}},
    {"score": 80, "origin": "pinned", "contributions": {"topics": 80, "wishes": 0}},
    {"score": 40, "origin": "by_hand", "contributions": {"topics": 40}},
)
"""The middle one has 80 points, so that the fit of the last one is low."""


@pytest.fixture
async def run_id(db: Database, organization_id: UUID) -> UUID:
    """A run in which the mentor of pair N is called Mentor N, has level N and is in department D N."""
    run_id, cycle_id = uuid4(), uuid4()
    people = [
        [person(f"{side}{number}@example.org", level=level)._replace(name=f"{side} {number}")
         for side, level in (("mentor", number), ("mentee", 5))]
        for number in range(len(PAIRS))
    ]  # fmt: skip
    await add_people(db, organization_id, *(one for pair in people for one in pair))
    inputs = [
        {"person_id": str(one.id), "level": one.level, "department": f"D {number}" if one is mentor else "Board"}
        for number, (mentor, mentee) in enumerate(people)
        for one in (mentor, mentee)
    ]
    async with db.transaction() as session:
        session.add(
            MatchRun(
                id=run_id, organization_id=organization_id, cycle_id=cycle_id, attempt=1, revision=1, policy={},
                state=MatchRunState.PROPOSED, direction=Direction.REVERSE, steering={}, inputs={"people": inputs},
                inputs_hash="", code_version="2", seed="", certified=True, supply=[], enrolled=6, mentors=3, mentees=3,
                pairs_count=3, unmatched_count=0,
            )
        )  # fmt: skip
        await session.flush()
        for (mentor, mentee), found in zip(people, PAIRS, strict=True):
            session.add(
                Pair(
                    **found, id=uuid4(), organization_id=organization_id, cycle_id=cycle_id, match_run_id=run_id,
                    mentor_id=mentor.id, mentee_id=mentee.id, state=PairState.PROPOSED, reasons=[], topics=[],
                    alternatives=[],
                )
            )  # fmt: skip
    return run_id


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main, intake)) as client:
        client.headers.update(await access_key(Role.VIEWER))
        yield client


@pytest.mark.parametrize(
    ("params", "scores"),
    [
        ({}, [100, 80, 40]),
        ({"sort": "score"}, [40, 80, 100]),
        ({"low_fit": True}, [40]),
        ({"low_fit": False}, [100, 80]),
        ({"wished": True}, [100]),
        ({"wished": False}, [80, 40]),
        ({"origin": ["pinned", "by_hand"]}, [80, 40]),
        ({"state": "active"}, []),
        ({"department": "d 1"}, [80]),
        ({"department": "Board"}, [100, 80, 40]),
        ({"level": 2}, [40]),
        ({"department": "D 1", "level": 2}, []),
        ({"q": "mentor 0"}, [100]),
        ({"q": "mentee1@"}, [80]),
        ({"q": "nobody"}, []),
        ({"q": " "}, [100, 80, 40]),
    ],
)
async def test_pairs_of_a_run_are_found(
    client: httpx.AsyncClient, run_id: UUID, params: dict[str, Any], scores: list[int]
) -> None:
    answer = await client.get(f"/v1/match-runs/{run_id}/pairs", params=params)
    assert answer.status_code == 200, answer.text
    assert [pair["score"] for pair in answer.json()["items"]] == scores
    assert answer.json()["total"] == len(scores)


async def test_pairs_of_a_run_and_of_a_cycle_are_paged_and_found_by_person(
    client: httpx.AsyncClient, run_id: UUID
) -> None:
    path = f"/v1/match-runs/{run_id}/pairs"
    first = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "cursor": first["next"]})).json()
    assert [pair["score"] for pair in (*first["items"], *rest["items"])] == [100, 80, 40]
    [last] = rest["items"]
    of_cycle = f"/v1/cycles/{last['cycle_id']}/pairs"
    for address in (path, of_cycle):
        found = (await client.get(address, params={"person_id": last["mentee_id"]})).json()["items"]
        assert [pair["id"] for pair in found] == [last["id"]]
    ordered = (await client.get(of_cycle, params={"sort": "-score"})).json()["items"]
    assert [pair["score"] for pair in ordered] == [100, 80, 40]


async def test_another_organization_s_run_is_unknown(client: httpx.AsyncClient, run_id: UUID, access_key: Key) -> None:
    answer = await client.get(f"/v1/match-runs/{run_id}/pairs", headers=await access_key(Role.OWNER, uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (404, "match_run_not_found")
