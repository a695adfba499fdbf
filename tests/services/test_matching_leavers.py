"""Somebody leaves: after the match, after the approval, while accepting, and while the pair is active."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from services.intake import main as intake
from services.intake.models import Enrolment
from services.matching import main
from services.matching.pairs.store import pairs as pairs_store
from services.matching.resources import PairView
from services.matching.runs.store import decisions
from shared.attention.resources import MatchRuns
from shared.auth import Role
from shared.config import Settings
from shared.contracts.intake import Leaver
from shared.contracts.matching import EndReason, LeaverReleased, PairState
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.rounds import store as rounds
from shared.rounds.recipients import Recipient
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.matching_stand_ins import Matching, mentees, mentors

Headers = dict[str, str]
AccessKey = Callable[..., Awaitable[Headers]]


@pytest.fixture
def client(application: Callable[..., FastAPI]) -> httpx.AsyncClient:
    return client_of(application(main, intake))


@pytest.fixture
def matching(db: Database, settings: Settings, organization_id: UUID) -> Matching:
    """Two pairs can be made, and one mentor is left over."""
    return Matching(db, settings, organization_id, [*mentors(3), *mentees(2)])


async def leave(matching: Matching, person_id: UUID) -> Leaver:
    """Writes into the directory that somebody who enrolled has left, and takes them out of the pool."""
    gone = person(f"{person_id.hex}@x.example", active=False)._replace(id=person_id)
    await add_people(matching.db, matching.organization_id, gone)
    async with matching.db.transaction() as session:
        session.add(
            Enrolment(
                id=uuid4(),
                organization_id=matching.organization_id,
                cycle_id=matching.cycle_id,
                person_id=person_id,
                role="both",
                topics_taught=[],
                topics_wanted=[],
                mentor_capacity=1,
                mentee_capacity=1,
                languages=[],
                meeting_windows=[],
                preferred=[],
                avoided=[],
            )
        )
        left_at = (await session.execute(select(func.now()))).scalar_one()
    matching.pool = [one for one in matching.pool if one.person_id != person_id]
    return Leaver(organization_id=matching.organization_id, person_id=person_id, left_at=left_at)


async def release(matching: Matching, leaver: Leaver) -> LeaverReleased:
    return await matching.activities.release_leaver(leaver)


async def read_pairs(matching: Matching) -> dict[UUID, PairView]:
    """The pairs by their mentees."""
    async with matching.db.transaction() as session:
        found, _ = await pairs_store.read_pairs(session, matching.organization_id, matching.cycle_id, (), None, 100)
    return {pair.mentee_id: pair for pair in found}


async def approve(matching: Matching, attempt: int = 1) -> None:
    made = await matching.propose(attempt)
    async with matching.db.transaction() as session:
        await decisions.approve_run(session, matching.organization_id, made.match_run_id, "key")


async def ask(matching: Matching, kind: RoundKind = RoundKind.ACCEPTANCE) -> UUID:
    """An open acceptance round, or a check-in about the pair of each mentee."""
    request = OpenRound(
        organization_id=matching.organization_id,
        cycle_id=matching.cycle_id,
        round_id=round_id_for(matching.cycle_id, kind, 1),
        kind=kind,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=7),
    )
    if kind is RoundKind.ACCEPTANCE:
        await matching.activities.open_round(request)
    else:
        pairs = (await read_pairs(matching)).values()
        sides = [Recipient(side, pair.id) for pair in pairs for side in (pair.mentor_id, pair.mentee_id)]
        async with matching.db.transaction() as session:
            await rounds.open_round(session, request, sides)
    return request.round_id


async def answer(
    matching: Matching, client: httpx.AsyncClient, headers: Headers, person_id: UUID, pair_id: UUID
) -> None:
    round_id = round_id_for(matching.cycle_id, RoundKind.ACCEPTANCE, 1)
    path = f"/internal/matching/rounds/{round_id}/answers/{person_id}"
    body = {"decisions": [{"pair_id": str(pair_id), "accept": True}]}
    assert (await client.post(path, json=body, headers=headers)).status_code == 200


async def pending(matching: Matching, round_id: UUID) -> int:
    async with matching.db.transaction() as session:
        return (await rounds.read_round(session, matching.organization_id, round_id)).pending


async def test_a_proposal_with_somebody_who_left_is_dropped_at_the_approval(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    made = await matching.propose()
    gone, kept = (await read_pairs(matching)).values()
    leaver = await leave(matching, gone.mentee_id)
    assert (await release(matching, leaver)).pairs == ()
    headers = await access_key(Role.COORDINATOR)
    for _ in range(2):
        approved = await client.post(f"/v1/match-runs/{made.match_run_id}/approve", headers=headers)
        assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    pairs = await read_pairs(matching)
    assert pairs[kept.mentee_id].state is PairState.OFFERED
    dropped = pairs[gone.mentee_id]
    assert (dropped.state, dropped.end_reason, dropped.offered_at) == ("declined", "left_company", None)
    [(_, told)] = await matching.events("match_run.approved")
    assert (told["pairs"], told["dropped"]) == (1, 1)
    assert await matching.told("pair.declined") == []
    assert (await release(matching, leaver)).pairs == ()
    matching.pool += mentees(1)
    assert (await matching.propose(2)).pairs == 1


async def test_a_revision_of_a_run_from_before_somebody_left_offers_them_to_nobody(
    matching: Matching, client: httpx.AsyncClient, access_key: AccessKey
) -> None:
    made = await matching.propose()
    gone, _ = (await read_pairs(matching)).values()
    await leave(matching, gone.mentor_id)
    headers = await access_key(Role.COORDINATOR)
    run = await client.get(f"/v1/match-runs/{made.match_run_id}", headers=headers)
    steered = await client.put(
        f"/v1/match-runs/{made.match_run_id}/steering", json={}, headers=headers | {"if-match": run.headers["etag"]}
    )
    assert steered.status_code == 201
    approved = await client.post(f"/v1/match-runs/{steered.json()['id']}/approve", headers=headers)
    assert approved.status_code == 200
    offered = [pair for pair in (await read_pairs(matching)).values() if pair.state is PairState.OFFERED]
    assert gone.mentor_id not in {pair.mentor_id for pair in offered}


async def test_an_offer_to_somebody_who_left_is_declined_and_the_other_side_is_free(
    matching: Matching, client: httpx.AsyncClient, internal_headers: Headers
) -> None:
    await approve(matching)
    round_id = await ask(matching)
    gone, kept = (await read_pairs(matching)).values()
    await answer(matching, client, internal_headers, gone.mentee_id, gone.id)
    leaver = await leave(matching, gone.mentor_id)
    for _ in range(2):
        assert [pair.pair_id for pair in (await release(matching, leaver)).pairs] == [gone.id]
    pairs = await read_pairs(matching)
    assert (pairs[gone.mentee_id].state, pairs[gone.mentee_id].end_reason) == ("declined", "left_company")
    assert pairs[kept.mentee_id].state is PairState.OFFERED
    assert await matching.events("pair.declined") == [
        (
            "pair.declined",
            {
                "pair_id": str(gone.id),
                "cycle_id": str(matching.cycle_id),
                "reason": "left_company",
                "leaver_id": str(gone.mentor_id),
            },
        )
    ]
    assert await pending(matching, round_id) == 2  # both sides of the other pair
    assert (await matching.propose(2)).pairs == 1  # with the mentor who was left over


async def test_nobody_waits_for_the_answer_of_somebody_who_left(
    matching: Matching, client: httpx.AsyncClient, internal_headers: Headers
) -> None:
    await approve(matching)
    await ask(matching)
    gone, kept = (await read_pairs(matching)).values()
    for side in (kept.mentor_id, kept.mentee_id):
        await answer(matching, client, internal_headers, side, kept.id)
    assert await matching.told("round.answered") == []
    await release(matching, await leave(matching, gone.mentee_id))
    assert await matching.told("round.answered") == ["round.answered"]


async def test_an_active_pair_with_somebody_who_left_ends_and_no_round_asks_about_it(
    matching: Matching, client: httpx.AsyncClient, internal_headers: Headers
) -> None:
    await approve(matching)
    await ask(matching)
    for pair in (await read_pairs(matching)).values():
        for side in (pair.mentor_id, pair.mentee_id):
            await answer(matching, client, internal_headers, side, pair.id)
    round_id = await ask(matching, RoundKind.CHECK_IN)
    gone, kept = (await read_pairs(matching)).values()
    leaver = await leave(matching, gone.mentee_id)
    for _ in range(2):
        assert [pair.pair_id for pair in (await release(matching, leaver)).pairs] == [gone.id]
    pairs = await read_pairs(matching)
    assert (pairs[gone.mentee_id].state, pairs[gone.mentee_id].end_reason) == ("ended", "left_company")
    assert pairs[kept.mentee_id].state is PairState.ACTIVE
    [(_, told)] = await matching.events("pair.ended")
    assert (told["reason"], told["leaver_id"]) == ("left_company", str(gone.mentee_id))
    assert await pending(matching, round_id) == 2
    counted = [
        (await client.get("/internal/matching/left", params={"since": since}, headers=internal_headers)).json()["pairs"]
        for since in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    ]
    assert counted == [{str(matching.cycle_id): 1}, {}]
    runs = await client.get(f"/internal/matching/cycles/{matching.cycle_id}/match-runs", headers=internal_headers)
    assert [one.state for one in MatchRuns.model_validate(runs.json()).items] == ["approved"]


async def test_pairs_that_ended_before_are_none_that_ended_now(
    matching: Matching, client: httpx.AsyncClient, internal_headers: Headers
) -> None:
    await approve(matching)
    await ask(matching)
    ended, _ = (await read_pairs(matching)).values()
    for side in (ended.mentor_id, ended.mentee_id):
        await answer(matching, client, internal_headers, side, ended.id)
    async with matching.db.transaction() as session:
        await pairs_store.end_pair(session, matching.organization_id, ended.id, EndReason.LEFT_COMPANY)
    leaver = await leave(matching, ended.mentor_id)
    later = leaver.model_copy(update={"left_at": datetime.now(UTC) + timedelta(seconds=1)})
    assert (await release(matching, later)).pairs == ()
    [(_, told)] = await matching.events("pair.ended")
    assert told["leaver_id"] is None


async def test_people_of_other_organizations_are_not_touched(matching: Matching) -> None:
    await approve(matching)
    mine, _ = (await read_pairs(matching)).values()
    leaver = Leaver(organization_id=uuid4(), person_id=mine.mentor_id, left_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (await release(matching, leaver)).pairs == ()
    assert (await read_pairs(matching))[mine.mentee_id].state is PairState.OFFERED
