"""A recurring program's schedule on a real Temporal server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleDescription, ScheduleOverlapPolicy
from temporalio.service import RPCError

from services.programs import main
from services.programs.rules.calendar import next_recurrence
from services.programs.rules.definition import ProgramDefinition
from services.programs.schedules import overview_id, schedule_id
from services.programs.store import programs
from shared.contracts.programs import OrganizationRef, ProgramRef
from shared.database import Database
from shared.temporal import WORKFLOWS_QUEUE, connect
from tests.services.programs_examples import PROGRAM, add_organization
from tests.temporal_server import temporal_server


@pytest.fixture(scope="module")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A development server of this module's own."""
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield await connect(server.address, lazy=False)


@pytest.fixture
async def program(db: Database, organization_id: UUID) -> ProgramRef:
    await add_organization(db, organization_id)
    async with db.transaction() as session:
        definition = ProgramDefinition.model_validate(dict(PROGRAM) | {"recurs": True})
        created = await programs.create_program(session, organization_id, definition)
    return ProgramRef(organization_id=organization_id, program_id=created.id)


async def test_an_organization_s_overviews_have_one_schedule_on_sundays(temporal: Client, db: Database) -> None:
    activities, organization = main.create_activities(database=db, temporal=temporal), uuid4()
    for _ in range(2):
        assert (await activities.ensure_overview(OrganizationRef(organization_id=organization))).active
    found = await temporal.get_schedule_handle(overview_id(organization)).describe()
    first, second = found.info.next_action_times[:2]
    assert (first.weekday(), first.hour, first.minute, second - first) == (6, 10, 0, timedelta(days=7))
    action = found.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert action.workflow == "OverviewWorkflow"


async def change(db: Database, program: ProgramRef, **fields: object) -> None:
    async with db.transaction() as session:
        definition = ProgramDefinition.model_validate(dict(PROGRAM) | fields)
        await programs.replace_program(session, program.organization_id, program.program_id, definition, "*")


async def described(client: Client, program: ProgramRef) -> ScheduleDescription:
    return await client.get_schedule_handle(schedule_id(program.program_id)).describe()


async def test_a_recurring_program_has_a_schedule_on_first_mondays(
    temporal: Client, db: Database, program: ProgramRef
) -> None:
    activities = main.create_activities(database=db, temporal=temporal)
    assert [(await activities.apply_schedule(program)).active for _ in range(2)] == [True, True]
    found = await described(temporal, program)
    expected = next_recurrence(datetime.now(UTC), "Europe/Berlin")
    times = [moment.astimezone(UTC) for moment in found.info.next_action_times[:3]]
    following = next_recurrence(expected, "Europe/Berlin")
    assert times == [one.astimezone(UTC) for one in (expected, following, next_recurrence(following, "Europe/Berlin"))]
    assert found.schedule.policy.catchup_window == timedelta(hours=24)
    assert found.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    action = found.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.task_queue) == ("RecurrenceWorkflow", WORKFLOWS_QUEUE)
    assert action.id == f"recurrence-{program.program_id}"
    [argument] = await temporal.data_converter.decode(action.args, [ProgramRef])
    assert argument == program


async def test_the_schedule_follows_the_programs_time_zone(temporal: Client, db: Database, program: ProgramRef) -> None:
    activities = main.create_activities(database=db, temporal=temporal)
    await activities.apply_schedule(program)
    await change(db, program, recurs=True, time_zone="Asia/Tokyo")
    assert (await activities.apply_schedule(program)).active
    found = await described(temporal, program)
    expected = next_recurrence(datetime.now(UTC), "Asia/Tokyo").astimezone(UTC)
    assert found.info.next_action_times[0].astimezone(UTC) == expected


async def test_a_program_that_stops_recurring_loses_its_schedule(
    temporal: Client, db: Database, program: ProgramRef
) -> None:
    activities = main.create_activities(database=db, temporal=temporal)
    await activities.apply_schedule(program)
    await change(db, program, recurs=False)
    assert [(await activities.apply_schedule(program)).active for _ in range(2)] == [False, False]
    with pytest.raises(RPCError, match="not found"):
        await described(temporal, program)
