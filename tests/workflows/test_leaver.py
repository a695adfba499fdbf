"""Somebody has left: nobody waits for them, their partners are told, and the coordinators once for all of them."""

from collections import Counter
from uuid import UUID, uuid4

from shared.contracts.feedback import ResolveConcerns
from shared.contracts.intake import Leaver
from shared.contracts.matching import ReleasedPair
from shared.contracts.notifications import Audience, Template
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import RoundKind
from shared.temporal import WORKFLOWS_QUEUE
from tests.fakes import START
from tests.workflows.conftest import World
from workflows.people.leaver import LeaverWorkflow
from workflows.states.cycle_state import RunApproved


def leaver(world: World, *pairs: UUID) -> Leaver:
    """Somebody who leaves and whose leaving ends these pairs."""
    person_id = uuid4()
    world.ledger.pairs_of[person_id] = [ReleasedPair(pair_id=id, cycle_id=world.ledger.cycle_id) for id in pairs]
    return Leaver(organization_id=world.ledger.organization_id, person_id=person_id, left_at=START)


async def test_a_leaver_is_taken_out_twice_and_the_partner_is_told_once(world: World) -> None:
    pair_id = uuid4()
    gone = leaver(world, pair_id)
    await world.execute(LeaverWorkflow.run, gone, "leaver-1")
    await world.quiet()
    assert world.ledger.excused == world.ledger.released == [gone, gone]
    assert world.ledger.resolved == [pair_id]
    told = {(found.template, found.audience, found.scope_id) for found in world.ledger.announced}
    assert told == {
        (Template.PARTNER_LEFT, Audience.PAIR, pair_id),
        (Template.PEOPLE_LEFT, Audience.COORDINATORS, world.ledger.cycle_id),
    }
    assert len(world.ledger.announced) == 2


def test_somebody_who_leaves_a_hundred_cycles_is_taken_out_of_all_of_them() -> None:
    """Mentor of five and mentee of five in each. A request that is refused would stop the workflow for ever."""
    pair_ids = tuple(uuid4() for _ in range(1000))
    assert ResolveConcerns(organization_id=uuid4(), pair_ids=pair_ids).pair_ids == pair_ids


async def test_a_leaver_without_pairs_is_told_to_nobody(world: World) -> None:
    await world.execute(LeaverWorkflow.run, leaver(world), "leaver-1")
    assert world.ledger.announced == []


async def test_nothing_is_taken_from_somebody_who_has_returned_meanwhile(world: World) -> None:
    back = leaver(world, uuid4())
    world.ledger.returned.add(back.person_id)
    await world.execute(LeaverWorkflow.run, back, "leaver-1")
    assert (world.ledger.released, world.ledger.announced) == ([], [])


async def test_many_leavers_of_one_import_make_one_message_to_the_coordinators(world: World) -> None:
    leavers = [leaver(world, uuid4()) for _ in range(12)]
    handles = [
        await world.client.start_workflow(LeaverWorkflow.run, one, id=f"leaver-{number}", task_queue=WORKFLOWS_QUEUE)
        for number, one in enumerate(leavers)
    ]
    for handle in handles:
        await world.patiently(handle.result())
    await world.quiet()
    told = Counter(found.template for found in {found.id: found for found in world.ledger.announced}.values())
    assert told[Template.PARTNER_LEFT] == 12
    assert told[Template.PEOPLE_LEFT] <= 2  # a span may end while they leave


async def test_partners_of_people_who_left_before_the_approval_are_matched_again(world: World) -> None:
    """The approval says that it offered fewer pairs than were proposed."""
    world.ledger.proposals = [2, 1]

    async def approve_without_leavers() -> None:
        run_id = world.ledger.run_ids[0]
        await world.signal("approve", RunApproved(sequence=world._next(), match_run_id=run_id, attempt=1, dropped=1))

    world.ledger.at_stage[Stage.REVIEW] = approve_without_leavers
    world.ledger.at_proposal[2] = world.approve
    assert (await (await world.start()).result()).outcome is Outcome.COMPLETED
    assert [request.attempt for request in world.ledger.proposed] == [1, 2]
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE] == [1, 2]
