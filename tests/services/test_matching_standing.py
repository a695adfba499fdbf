"""What earlier cycles mean for a run: how many cycles ago two people met, and who has waited for a partner."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from services.matching.engine.steering import Steering
from services.matching.models import MatchRun, Pair
from services.matching.resources import MatchRunDetail
from services.matching.runs import revising
from services.matching.runs.store import decisions
from services.matching.runs.store.reading import read_stored_run
from shared.auth import Role
from shared.config import Settings
from shared.contracts.intake import PoolPerson
from shared.contracts.matching import ConcludeOffers
from shared.database import Database
from shared.keys import Caller
from tests.services.matching_stand_ins import Matching, mentees, mentors

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


class Program(Matching):
    """One cycle after another. The clock of a test's transaction stands still, so that each cycle is given its time."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.cycles = 0

    async def cycle(self, *pool: PoolPerson, approve: bool = True, **policy: Any) -> Any:
        """The next cycle with this pool; its run, as stored."""
        self.cycle_id, self.pool, self.cycles = uuid4(), list(pool), self.cycles + 1
        made = await self.propose(**policy)
        at = LONG_AGO + timedelta(days=90 * self.cycles)
        async with self.db.transaction() as session:
            await session.execute(update(MatchRun).where(MatchRun.id == made.match_run_id).values(created_at=at))
            if approve and made.pairs:
                await decisions.approve_run(session, self.organization_id, made.match_run_id, "key")
                await session.execute(update(MatchRun).where(MatchRun.id == made.match_run_id).values(approved_at=at))
        return made

    async def inputs(self, *pool: PoolPerson) -> Any:
        """What the next cycle's run with this pool is computed from."""
        made = await self.cycle(*pool, approve=False)
        async with self.db.transaction() as session:
            return (await read_stored_run(session, self.organization_id, made.match_run_id)).inputs()

    async def pair(self, **changes: Any) -> Pair:
        """The cycle's only pair, changed."""
        async with self.db.transaction() as session:
            pair = (await session.scalars(select(Pair).where(Pair.cycle_id == self.cycle_id))).one()
            for name, value in changes.items():
                setattr(pair, name, value)
        return pair

    async def steer(self, match_run_id: UUID, **steering: Any) -> MatchRunDetail:
        caller = Caller(organization_id=self.organization_id, key_id="key", role=Role.COORDINATOR)
        return await revising.steer(self.db, caller, match_run_id, Steering(**steering), "*")

    async def conclude_offers(self) -> None:
        request = ConcludeOffers(organization_id=self.organization_id, cycle_id=self.cycle_id)
        await self.activities.conclude_offers(request)


@pytest.fixture
def program(db: Database, settings: Settings, organization_id: UUID) -> Program:
    return Program(db, settings, organization_id, [])


async def test_a_past_pair_counts_the_cycles_of_its_program_since(program: Program) -> None:
    one, other = *mentors(1), *mentees(1)
    await program.cycle(one, other)
    await program.pair(state="completed")
    for ago in (1, 2, 3):
        assert [couple[2] for couple in (await program.inputs(one, other)).past] == [ago]
        await program.cycle(*mentors(1), *mentees(1))


async def test_cycles_that_nobody_approved_do_not_count(program: Program) -> None:
    one, other = *mentors(1), *mentees(1)
    await program.cycle(one, other)
    await program.pair(state="ended")
    await program.cycle(*mentors(1), *mentees(1), approve=False)
    assert [couple[2] for couple in (await program.inputs(one, other)).past] == [1]


async def test_pairs_of_another_program_are_placed_among_the_cycles_by_time(program: Program) -> None:
    one, other, this = *mentors(1), *mentees(1), program.program_id
    program.program_id = uuid4()
    await program.cycle(one, other)
    await program.pair(state="completed")
    program.program_id = this
    assert [couple[2] for couple in (await program.inputs(one, other)).past] == [1]
    await program.cycle(*mentors(1), *mentees(1))
    assert [couple[2] for couple in (await program.inputs(one, other)).past] == [2]
    program.program_id = uuid4()
    assert [couple[2] for couple in (await program.inputs(one, other)).past] == [1]


async def test_past_pairs_meet_again_once_enough_cycles_lie_between(program: Program) -> None:
    one, other = *mentors(1), *mentees(1)
    await program.cycle(one, other)
    await program.pair(state="completed")
    assert (await program.cycle(one, other, repeat_after_cycles=1, approve=False)).pairs == 0
    await program.cycle(*mentors(1), *mentees(1))
    assert (await program.cycle(one, other, repeat_after_cycles=2, approve=False)).pairs == 0
    assert (await program.cycle(one, other, repeat_after_cycles=1, approve=False)).pairs == 1


async def test_pairs_that_never_met_are_no_past_pairs(program: Program) -> None:
    one, other = *mentors(1), *mentees(1)
    await program.cycle(one, other)
    await program.pair(state="declined", declined_by="mentee")
    assert (await program.inputs(one, other)).past == ()


async def test_who_found_no_partner_in_their_last_cycle_has_waited(program: Program) -> None:
    lonely = mentors(1)[0]
    people = [*mentors(1), *mentees(1)]
    await program.cycle(lonely, *mentees(1, languages=("fr",)))
    await program.cycle(*people)
    await program.pair(state="completed")
    assert (await program.inputs(lonely, *people)).waited == (lonely.person_id,)
    await program.cycle(lonely, *mentees(1))
    await program.pair(state="completed")
    assert (await program.inputs(lonely, *people)).waited == ()


async def test_a_pair_in_an_earlier_cycle_does_not_make_up_for_the_last_one(program: Program) -> None:
    lonely = mentors(1)[0]
    await program.cycle(lonely, *mentees(1))
    await program.pair(state="completed")
    await program.cycle(lonely, *mentees(1, languages=("fr",)))
    assert lonely.person_id in (await program.inputs(lonely)).waited


async def test_other_programs_and_this_cycle_make_nobody_wait(program: Program) -> None:
    lonely, this = mentors(1)[0], program.program_id
    program.program_id = uuid4()
    await program.cycle(lonely)
    program.program_id = this
    await program.cycle(lonely)
    again = await program.propose(2)
    async with program.db.transaction() as session:
        stored_run = await read_stored_run(session, program.organization_id, again.match_run_id)
    assert stored_run.inputs().waited == ()


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        ({"state": "declined", "declined_by": "mentor", "end_reason": "declined"}, {"mentee"}),
        ({"state": "declined", "declined_by": "mentee", "end_reason": "declined"}, {"mentor"}),
        ({"state": "declined", "end_reason": "no_answer"}, set()),
        ({"state": "declined", "end_reason": "no_answer", "mentor_accepted_at": LONG_AGO}, {"mentor"}),
        ({"state": "declined", "end_reason": "cycle_cancelled"}, {"mentor", "mentee"}),
        ({"state": "ended"}, set()),
    ],
)
async def test_who_declined_or_was_silent_has_not_waited_but_their_partner_has(
    program: Program, answers: dict[str, Any], waits: set[str]
) -> None:
    people = {"mentor": mentors(1)[0], "mentee": mentees(1)[0]}
    await program.cycle(*people.values())
    await program.pair(**answers)
    waited = (await program.inputs(*people.values())).waited
    assert {side for side, person in people.items() if person.person_id in waited} == waits


async def test_a_proposal_that_nobody_approved_was_no_fault_of_its_people(program: Program) -> None:
    people = [*mentors(1), *mentees(1)]
    await program.cycle(*people, approve=False)
    await program.conclude_offers()
    assert set((await program.inputs(*people)).waited) == {person.person_id for person in people}


async def test_who_was_dropped_from_the_run_has_not_waited(program: Program) -> None:
    people = [*mentors(1), *mentees(1)]
    made = await program.cycle(*people, approve=False)
    await program.steer(made.match_run_id, dropped=(people[0].person_id,))
    await program.conclude_offers()
    assert (await program.inputs(*people)).waited == (people[1].person_id,)


async def test_who_was_dropped_and_taken_back_has_waited_like_everybody(program: Program) -> None:
    people = [*mentors(1), *mentees(1)]
    made = await program.cycle(*people, approve=False)
    steered = await program.steer(made.match_run_id, dropped=(people[0].person_id,))
    await program.steer(steered.id)
    await program.conclude_offers()
    assert set((await program.inputs(*people)).waited) == {person.person_id for person in people}


async def test_a_cycle_that_still_waits_for_its_approval_has_made_nobody_wait(program: Program) -> None:
    people = [*mentors(2), *mentees(1)]
    await program.cycle(*people, approve=False)
    assert (await program.inputs(*people)).waited == ()
