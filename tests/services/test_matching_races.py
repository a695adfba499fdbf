"""What happens at the same moment: real transactions that commit, so these tests clean up after themselves."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from services.matching.engine.steering import Steering
from services.matching.models import MatchRun, Pair, UnmatchedPerson
from services.matching.pairs import answers
from services.matching.pairs.store import pairs as pairs_store
from services.matching.resources import PairView
from services.matching.runs import revising
from services.matching.runs.proposing import PoolKeepsChanging
from services.matching.runs.store import decisions, reading
from shared.auth import Role
from shared.config import Settings
from shared.contracts.matching import (
    AcceptanceAnswer,
    AcceptanceDecision,
    ConcludeOffers,
    ConcludePairs,
    EndReason,
    PairState,
)
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.errors import DomainError
from shared.events import StagedEvent
from shared.keys import Caller
from shared.rounds.models import Round, RoundRecipient
from tests.services.matching_stand_ins import Matching, mentees, mentors

PAIRS = 6


@pytest.fixture
async def matching(database: Database, settings: Settings, organization_id: UUID) -> AsyncIterator[Matching]:
    yield Matching(database, settings, organization_id, [*mentors(PAIRS), *mentees(PAIRS)])
    async with database.transaction() as session:
        for table in (RoundRecipient, Round, UnmatchedPerson, Pair, MatchRun, StagedEvent):
            await session.execute(delete(table).where(table.organization_id == organization_id))


async def approve(matching: Matching, run_id: UUID) -> str:
    try:
        async with matching.db.transaction() as session:
            return (await decisions.approve_run(session, matching.organization_id, run_id, "key")).state
    except DomainError as error:
        return error.code


async def pairs(matching: Matching) -> tuple[PairView, ...]:
    async with matching.db.transaction() as session:
        found, _ = await pairs_store.read_pairs(session, matching.organization_id, matching.cycle_id, (), None, 100)
    return found


async def offered(matching: Matching) -> UUID:
    """Pairs that an open round asks about; the round."""
    await approve(matching, (await matching.propose()).match_run_id)
    round_id = round_id_for(matching.cycle_id, RoundKind.ACCEPTANCE, 1)
    request = OpenRound(
        organization_id=matching.organization_id,
        cycle_id=matching.cycle_id,
        round_id=round_id,
        kind=RoundKind.ACCEPTANCE,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=7),
    )
    opened = await asyncio.gather(*(matching.activities.open_round(request) for _ in range(3)))
    assert {found.recipients for found in opened} == {2 * PAIRS}
    return round_id


async def answer(matching: Matching, round_id: UUID, person_id: UUID, pair_id: UUID, accept: bool) -> str:
    given = AcceptanceAnswer(decisions=(AcceptanceDecision(pair_id=pair_id, accept=accept),))
    try:
        async with matching.db.transaction() as session:
            await answers.record_decisions(session, matching.organization_id, round_id, person_id, given)
    except DomainError as error:
        return error.code
    return "recorded"


async def test_an_attempt_made_twice_at_once_is_stored_once(matching: Matching) -> None:
    first, second = await asyncio.gather(matching.propose(), matching.propose())
    assert first == second
    assert await matching.told() == ["match_run.proposed"]


async def test_approving_at_the_end_of_the_time_for_offers_leaves_nothing_half_done(matching: Matching) -> None:
    conclude = ConcludeOffers(organization_id=matching.organization_id, cycle_id=matching.cycle_id)
    run_id = (await matching.propose()).match_run_id
    outcome, _ = await asyncio.gather(approve(matching, run_id), matching.activities.conclude_offers(conclude))
    left = await pairs(matching)
    if outcome == "approved":
        assert {pair.state for pair in left} == {PairState.DECLINED}
    else:
        assert (outcome, left) == ("match_run_expired", ())


async def test_approving_many_times_at_once_offers_once(matching: Matching) -> None:
    run_id = (await matching.propose()).match_run_id
    assert set(await asyncio.gather(*(approve(matching, run_id) for _ in range(5)))) == {"approved"}
    assert Counter(await matching.told()) == {
        "match_run.proposed": 1,
        "pair.offered": PAIRS,
        "match_run.approved": 1,
    }


async def test_answers_of_everyone_at_once_are_all_kept_and_told_once(matching: Matching) -> None:
    round_id = await offered(matching)
    told = await asyncio.gather(
        *(
            answer(matching, round_id, person_id, pair.id, True)
            for pair in await pairs(matching)
            for person_id in (pair.mentor_id, pair.mentee_id)
        )
    )
    assert set(told) == {"recorded"}
    assert {pair.state for pair in await pairs(matching)} == {PairState.ACTIVE}
    assert Counter(await matching.told("pair.activated", "round.answered")) == {
        "pair.activated": PAIRS,
        "round.answered": 1,
    }


async def test_answers_at_the_deadline_count_or_are_refused_and_every_pair_is_settled(matching: Matching) -> None:
    round_id = await offered(matching)
    close = CloseRound(organization_id=matching.organization_id, round_id=round_id, reason=CloseReason.DEADLINE)
    answers = [
        answer(matching, round_id, person_id, pair.id, True)
        for pair in await pairs(matching)
        for person_id in (pair.mentor_id, pair.mentee_id)
    ]
    *told, _ = await asyncio.gather(*answers, matching.activities.close_round(close))
    assert set(told) <= {"recorded", "round_closed"}
    settled = Counter(pair.state for pair in await pairs(matching))
    assert set(settled) <= {PairState.ACTIVE, PairState.DECLINED}
    events = Counter(await matching.told("pair.activated", "pair.declined"))
    assert events["pair.activated"] == settled[PairState.ACTIVE]
    assert events["pair.declined"] == settled[PairState.DECLINED]


async def test_ending_pairs_while_the_cycle_concludes_settles_each_pair_once(matching: Matching) -> None:
    round_id = await offered(matching)
    found = await pairs(matching)
    for pair in found:
        for person_id in (pair.mentor_id, pair.mentee_id):
            await answer(matching, round_id, person_id, pair.id, True)

    async def end(pair_id: UUID) -> str:
        try:
            async with matching.db.transaction() as session:
                return (await pairs_store.end_pair(session, matching.organization_id, pair_id, EndReason.NO_TIME)).state
        except DomainError as error:
            return error.code

    conclude = ConcludePairs(
        organization_id=matching.organization_id, cycle_id=matching.cycle_id, state=PairState.COMPLETED
    )
    concluding = asyncio.create_task(matching.activities.conclude_pairs(conclude))
    told = await asyncio.gather(*(end(pair.id) for pair in found))
    concluded = await concluding
    assert set(told) <= {"ended", "pair_not_active"}
    events = Counter(await matching.told("pair.ended", "pair.completed"))
    assert events["pair.ended"] + events["pair.completed"] == PAIRS
    assert concluded.pairs == events["pair.completed"]


async def steer(matching: Matching, run_id: UUID, if_match: str, **steering: Any) -> str:
    """The new revision's number, or the code of the refusal."""
    caller = Caller(organization_id=matching.organization_id, key_id="key", role=Role.COORDINATOR)
    try:
        run = await revising.steer(matching.db, caller, run_id, Steering(**steering), if_match)
        return str(run.revision)
    except DomainError as error:
        return error.code


async def test_of_admins_who_steer_at_once_exactly_one_wins(matching: Matching) -> None:
    run_id = (await matching.propose()).match_run_id
    dropped = [person.person_id for person in matching.pool[:5]]
    told = await asyncio.gather(*(steer(matching, run_id, '"1.1-proposed"', dropped=(one,)) for one in dropped))
    assert Counter(told) == {"2": 1, "stale_version": 4}
    async with matching.db.transaction() as session:
        runs = await reading.read_runs(session, matching.organization_id, matching.cycle_id)
    assert [(run.revision, run.state) for run in runs] == [(1, "superseded"), (2, "proposed")]
    async with matching.db.transaction() as session:
        won = await reading.read_run(session, matching.organization_id, runs[1].id)
    assert won.steering.dropped == (dropped[told.index("2")],)


async def test_steering_and_approving_at_once_leave_one_run_that_counts(matching: Matching) -> None:
    run_id = (await matching.propose()).match_run_id
    steered, approved = await asyncio.gather(
        steer(matching, run_id, '"1.1-proposed"'), asyncio.create_task(_later(approve(matching, run_id)))
    )
    assert (steered, approved) in {("2", "match_run_superseded"), ("stale_version", "approved")}
    left = Counter(pair.state for pair in await pairs(matching))
    assert left == {PairState.PROPOSED if steered == "2" else PairState.OFFERED: PAIRS}


async def _later(work: Awaitable[str]) -> str:
    await asyncio.sleep(0.02)
    return await work


async def test_no_place_is_taken_twice_by_answers_steering_and_approvals_at_once(matching: Matching) -> None:
    """People answer their offers, and declined ones are matched again, while two admins steer and approve."""
    matching.pool = [
        person.model_copy(update={"mentor_capacity": 2}) if place < 2 else person
        for place, person in enumerate(matching.pool)
    ]
    round_id = await offered(matching)
    matching.pool += mentees(2)
    waiting = (await matching.propose(2)).match_run_id
    answers = [
        answer(matching, round_id, person_id, pair.id, place % 3 > 0)
        for place, pair in enumerate(await pairs(matching))
        if pair.state is PairState.OFFERED
        for person_id in (pair.mentor_id, pair.mentee_id)
    ]

    async def admin() -> None:
        for _ in range(3):
            async with matching.db.transaction() as session:
                runs = await reading.read_runs(session, matching.organization_id, matching.cycle_id)
            await steer(matching, runs[-1].id, "*")
            async with matching.db.transaction() as session:
                runs = await reading.read_runs(session, matching.organization_id, matching.cycle_id)
            await approve(matching, runs[-1].id)

    async def match_again() -> None:
        """As Temporal does: again, when people answered during every try."""
        try:
            await matching.propose(3)
        except PoolKeepsChanging:
            await match_again()

    await asyncio.gather(*answers, admin(), admin(), match_again(), approve(matching, waiting))
    live = (PairState.OFFERED, PairState.ACTIVE, PairState.ON_HOLD)
    found = [pair for pair in await pairs(matching) if pair.state in live]
    mentoring, learning = Counter(pair.mentor_id for pair in found), Counter(pair.mentee_id for pair in found)
    for person in matching.pool:
        assert mentoring[person.person_id] <= person.mentor_capacity
        assert learning[person.person_id] <= person.mentee_capacity
    assert len(found) >= PAIRS - 2
