"""What a cycle costs in Temporal's billable actions: hardly more with more people."""

from collections import Counter

from bench.actions import count_actions
from shared.contracts.rounds import RoundKind
from tests.workflows.conftest import World
from workflows.ids import announcement_workflow_id, round_workflow_id

PAIRS = 10_000
MOST = 200
"""Actions of a cycle with five check-ins, in whose rounds nobody answers, so that everybody is reminded."""


async def test_the_actions_of_a_cycle_do_not_grow_with_its_people(world: World) -> None:
    """How long messages are sent matters too, and is measured by `bench/cycle.py`."""
    ledger = world.ledger
    ledger.enrolled, ledger.proposals, ledger.active = 2 * PAIRS, [PAIRS], PAIRS
    ledger.recipients |= dict.fromkeys(RoundKind, 2 * PAIRS)
    await (await world.start()).result()
    await world.quiet()
    children = [
        *(round_workflow_id(opened.round_id) for opened in ledger.opened),
        *(announcement_workflow_id(announced.id) for announced in ledger.announced),
    ]
    histories = [world.client.get_workflow_handle(workflow_id).fetch_history() for workflow_id in children]
    actions = Counter[str]()
    for history in (*await world.runs(), *[await found for found in histories]):
        actions += count_actions(history.events)
    assert actions.total() <= MOST, actions
