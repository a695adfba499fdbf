"""A cycle whose history grows long goes on in new runs, which a test makes it do early."""

from uuid import uuid4

from temporalio.client import WorkflowHistory

from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import RoundKind, round_id_for
from tests.workflows.conftest import World
from workflows.states.cycle_state import LONGEST_HISTORY, CycleState, Heard

LIMIT = 110
"""Events after which the cycle goes on in a new run. A real one has fewer runs."""


def test_a_real_state_does_not_hold_the_switch_and_an_older_one_has_the_real_limit() -> None:
    """What a cycle is started with stays as it was before there was a switch."""
    ref = {"organization_id": str(uuid4()), "cycle_id": str(uuid4())}
    state = CycleState.model_validate(ref)
    assert state.longest_history == LONGEST_HISTORY
    assert "longest_history" not in state.model_dump(mode="json")
    early = state.model_copy(update={"longest_history": 300})
    assert CycleState.model_validate_json(early.model_dump_json()) == early


def lengths_at_boundaries(history: WorkflowHistory) -> list[int]:
    """How long the history was, in events, whenever the cycle had heard that a round was over and might go on in a new
    run: the first workflow task after that."""
    lengths, over = list[int](), False
    for event in history.events:
        if event.HasField("child_workflow_execution_completed_event_attributes"):
            child = event.child_workflow_execution_completed_event_attributes.workflow_execution.workflow_id
            over = over or child.startswith("round-")
        elif over and event.HasField("workflow_task_started_event_attributes"):
            lengths.append(event.event_id)
            over = False
    return lengths


async def test_a_cycle_of_a_year_goes_on_in_new_runs_asks_as_in_one_and_is_paused_and_resumed_in_each(
    world: World,
) -> None:
    """Nothing is lost or done twice where one run ends and the next begins: no round, no pause, no signal heard.

    The first run is long enough to pass the kickoff: time stands still on the test server once a workflow has gone on
    in a new run while a child of it, such as an announcement, still ran (temporalio/sdk-java, issue 1540)."""
    world.ledger.calendar = world.ledger.calendar.model_copy(update={"check_ins": 52})
    paused = (2, 25, 50)
    told: list[Heard] = []

    async def pause_for_a_moment() -> None:
        await world.quiet()
        for heard in told:  # by an earlier run, so that it is a repeat for this one
            await world.signal("pause", heard)
        for name in ("pause", "resume"):
            told.append(await world.signal(name))
            await world.heard(f"cycle-{world.ledger.cycle_id}")
            await world.heard(f"round-{world.ledger.opened[-1].round_id}")

    world.ledger.at_open |= {(RoundKind.CHECK_IN, number): pause_for_a_moment for number in paused}
    state = await (await world.start(longest_history=LIMIT)).result()
    assert (state.check_ins, state.outcome, state.stage) == (52, Outcome.COMPLETED, Stage.COMPLETED)
    assert [(opened.kind, opened.number) for opened in world.ledger.opened] == [
        (RoundKind.ENROLMENT, 1),
        (RoundKind.ACCEPTANCE, 1),
        *((RoundKind.CHECK_IN, number) for number in range(1, 53)),
        (RoundKind.SURVEY, 1),
    ]
    assert world.ledger.stages == [stage for stage in Stage if stage not in (Stage.SCHEDULED, Stage.CANCELLED)], (
        "no stage is told twice"
    )
    assert [extended.round_id for extended in world.ledger.extended] == [
        round_id_for(world.ledger.cycle_id, RoundKind.CHECK_IN, number) for number in paused
    ]
    *earlier, last = [lengths_at_boundaries(history) for history in await world.runs()]
    assert len(earlier) >= 5
    for lengths in earlier:
        assert lengths[-1] > LIMIT, "a run does not end before the limit"
        assert all(length <= LIMIT for length in lengths[:-1]), "a run ends at the next boundary above the limit"
    assert all(length <= LIMIT for length in last)
