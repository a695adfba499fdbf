"""A kind of round that is declared is run like any other, without a word about it in `workflows/`."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.contracts.notifications import Audience
from shared.contracts.programs import RoundPlan
from shared.contracts.rounds import CloseReason, RoundKind
from tests.fakes import DAY
from tests.trial_round import DECLARATION, declared_trial
from tests.workflows.conftest import World
from workflows.round import RoundWorkflow
from workflows.states.round_state import RoundRequest


@pytest.fixture
def trial() -> Iterator[RoundKind]:
    with declared_trial() as kind:
        yield kind


async def test_a_round_of_a_new_kind_is_opened_announced_reminded_and_closed(trial: RoundKind, world: World) -> None:
    request = RoundRequest(
        organization_id=world.ledger.organization_id,
        cycle_id=world.ledger.cycle_id,
        kind=trial,
        number=1,
        plan=RoundPlan(length=5 * DAY, reminders=(2 * DAY,)),
    )
    await world.execute(RoundWorkflow.run, request, f"round-{uuid4()}")
    [opened], [closed] = world.ledger.opened, world.ledger.closed
    assert (opened.kind, closed.round_id, closed.reason) == (trial, opened.round_id, CloseReason.DEADLINE)
    assert world.ledger.templates() == [DECLARATION.invitation, DECLARATION.reminder]
    assert {(found.round_kind, found.audience) for found in world.ledger.announced} == {(trial, Audience.ROUND)}


async def test_everybody_answers_early_in_a_round_of_a_new_kind(trial: RoundKind, world: World) -> None:
    request = RoundRequest(
        organization_id=world.ledger.organization_id,
        cycle_id=world.ledger.cycle_id,
        kind=trial,
        number=1,
        plan=RoundPlan(length=5 * DAY),
    )
    round_ = world.client.get_workflow_handle(f"round-{uuid4()}")

    async def everyone_answers() -> None:
        await round_.signal("everyone_answered")

    world.ledger.at_open[trial, 1] = everyone_answers
    await world.execute(RoundWorkflow.run, request, round_.id)
    assert [closed.reason for closed in world.ledger.closed] == [CloseReason.ANSWERED]
