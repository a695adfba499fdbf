"""Workflows can be found by organization, cycle and stage, and asked how far they are."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput
from temporalio.common import TypedSearchAttributes

from services.events.log.searchable import KEYWORD
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import OrganizationRef, Stage
from shared.contracts.rounds import RoundKind, round_id_for
from tests.workflows.conftest import World
from workflows.ids import round_workflow_id
from workflows.searching import CYCLE, KEYS, ORGANIZATION, STAGE, attributes_of, summary_of
from workflows.states.cycle_state import CycleState, CycleStatus
from workflows.states.round_state import RoundStatus


class Attributed(Interceptor):
    """Starts each workflow with the attributes that the dispatcher gives it."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Attributing(next)


class _Attributing(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        [state] = input.args
        input.search_attributes = attributes_of(state.organization_id, state)
        return await super().start_workflow(input)


async def attributes(world: World, workflow_id: str) -> TypedSearchAttributes:
    return (await world.client.get_workflow_handle(workflow_id).describe()).typed_search_attributes


async def test_a_cycle_is_found_by_its_stage_and_its_rounds_by_their_cycle(world: World) -> None:
    ledger = world.ledger
    wanted = AddSearchAttributesRequest(namespace="default", search_attributes={key.name: KEYWORD for key in KEYS})
    await world.client.operator_service.add_search_attributes(wanted)
    config = world.client.config()
    config["interceptors"] = [*config["interceptors"], Attributed()]
    world.client = Client(**config)
    seen: dict[str, TypedSearchAttributes] = {}
    round_id = round_id_for(ledger.cycle_id, RoundKind.ENROLMENT, 1)

    async def look() -> None:
        seen["cycle"] = await attributes(world, f"cycle-{ledger.cycle_id}")
        seen["round"] = await attributes(world, round_workflow_id(round_id))

    ledger.at_open[RoundKind.ENROLMENT, 1] = look
    running = await world.start()
    await running.result()
    ids = (str(ledger.organization_id), str(ledger.cycle_id))
    for found, stage in ((seen["cycle"], Stage.INTAKE), (seen["round"], None)):
        assert (found.get(ORGANIZATION), found.get(CYCLE)) == ids
        assert found.get(STAGE) == stage
    assert (await attributes(world, f"cycle-{ledger.cycle_id}")).get(STAGE) == Stage.COMPLETED


async def test_a_cycle_that_was_started_without_attributes_never_sets_one(world: World) -> None:
    """The namespace may not know them, and would refuse every step of the cycle."""
    await (await world.start()).result()
    found = await attributes(world, f"cycle-{world.ledger.cycle_id}")
    assert not {pair.key.name for pair in found} & {key.name for key in KEYS}


async def test_a_cycle_and_its_round_answer_how_far_they_are(world: World) -> None:
    ledger, answers = world.ledger, dict[str, Any]()
    round_id = round_id_for(ledger.cycle_id, RoundKind.ENROLMENT, 1)

    async def ask() -> None:
        cycle = world.client.get_workflow_handle(f"cycle-{ledger.cycle_id}", result_type=CycleStatus)
        answers["cycle"] = await cycle.query("status", result_type=CycleStatus)
        round_ = world.client.get_workflow_handle(round_workflow_id(round_id))
        answers["round"] = await round_.query("status", result_type=RoundStatus)
        await world.cancel()

    ledger.at_open[RoundKind.ENROLMENT, 1] = ask
    await (await world.start()).result()
    cycle, round_ = answers["cycle"], answers["round"]
    assert (cycle.stage, cycle.rounds, cycle.paused, cycle.being_cancelled) == (Stage.INTAKE, (round_id,), False, False)
    assert (round_.open, round_.closing, round_.paused) == (False, None, False)
    assert isinstance(round_.closes_at, datetime)


def test_a_summary_holds_codes_alone() -> None:
    organization_id = uuid4()
    announcement = Announcement(
        organization_id=organization_id,
        scope_id=uuid4(),
        template=Template.KICKOFF,
        audience=Audience.PARTICIPANTS,
    )
    assert summary_of(announcement) == "kickoff to participants, 1"
    assert summary_of(OrganizationRef(organization_id=organization_id)) is None


def test_the_attributes_of_a_workflow_follow_from_its_argument() -> None:
    state = CycleState(organization_id=uuid4(), cycle_id=uuid4())
    found = attributes_of(state.organization_id, state)
    assert {pair.key.name: pair.value for pair in found} == {
        "UpwardOrganization": str(state.organization_id),
        "UpwardCycle": str(state.cycle_id),
        "UpwardStage": "scheduled",
    }
    organization = OrganizationRef(organization_id=state.organization_id)
    assert [pair.key for pair in attributes_of(state.organization_id, organization)] == [ORGANIZATION]
