"""The request that a workflow follows from is known to its activities, its children, and after each signal."""

from temporalio.client import Client

from shared.contracts.base import Origin
from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundKind
from shared.tracing import CarryingClient, current_origin, following
from tests.workflows.conftest import World

FIRST, SECOND = Origin(request_id="request-1"), Origin(request_id="request-2")


async def test_activities_know_the_request_that_started_their_workflow_and_then_the_one_that_signalled_it(
    world: World,
) -> None:
    seen: dict[str, Origin | None] = {}
    config = world.client.config()
    config["interceptors"] = [*config["interceptors"], CarryingClient()]
    world.client = Client(**config)

    async def in_the_cycle() -> None:
        seen["cycle"] = current_origin()

    async def in_the_round() -> None:
        seen["round"] = current_origin()
        with following(SECOND):
            await world.cancel()

    async def at_the_end() -> None:
        seen["end"] = current_origin()

    world.ledger.at_stage[Stage.INTAKE] = in_the_cycle
    world.ledger.at_open[RoundKind.ENROLMENT, 1] = in_the_round
    world.ledger.at_stage[Stage.CANCELLED] = at_the_end
    with following(FIRST):
        running = await world.start()
    await running.result()
    assert seen == {"cycle": FIRST, "round": FIRST, "end": SECOND}
