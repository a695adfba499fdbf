"""The activities of programs: each may run again and changes nothing the second time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from temporalio.client import Client

from services.programs import main
from services.programs.models import CycleRow, ProgramRow
from services.programs.rules.definition import CycleRequest, ProgramDefinition
from services.programs.store import control, programs
from services.programs.store.cycles import StageDisagrees, read_cycle, request_cycle
from shared.contracts.programs import (
    CreatePeriodCycle,
    CycleRef,
    LadderPlan,
    Outcome,
    Pause,
    PlanLadder,
    ProgramsActivities,
    RecordStage,
    Stage,
)
from shared.contracts.recovery.facts import ProgramsRecovery
from shared.database import Database
from shared.errors import NotFound
from shared.temporal import activity_methods
from tests.services.programs_examples import PROGRAM, add_organization, staged


@pytest.fixture
async def program_id(db: Database, organization_id: UUID) -> UUID:
    await add_organization(db, organization_id)
    async with db.transaction() as session:
        definition = ProgramDefinition.model_validate(dict(PROGRAM))
        return (await programs.create_program(session, organization_id, definition)).id


@pytest.fixture
async def cycle_id(db: Database, organization_id: UUID, program_id: UUID) -> UUID:
    async with db.transaction() as session:
        return (await request_cycle(session, organization_id, program_id, CycleRequest())).id


@pytest.fixture
async def activities(db: Database) -> ProgramsActivities:
    client = await Client.connect("127.0.0.1:1", lazy=True)
    return main.create_activities(database=db, temporal=client)


async def test_all_activities_of_the_contract_can_be_registered(activities: ProgramsActivities) -> None:
    names = {method.__name__ for method in activity_methods(activities)}
    assert names == {
        "read_plan",
        "read_standing",
        "plan_ladder",
        "record_stage",
        "create_period_cycle",
        "apply_schedule",
        "ensure_overview",
    }


async def test_the_plan_is_the_cycles_own(
    activities: ProgramsActivities, organization_id: UUID, program_id: UUID, cycle_id: UUID
) -> None:
    plan = await activities.read_plan(CycleRef(organization_id=organization_id, cycle_id=cycle_id))
    assert (plan.program_id, plan.calendar.check_ins, plan.calendar.sending_hours) == (program_id, 2, None)
    with pytest.raises(NotFound):
        await activities.read_plan(CycleRef(organization_id=uuid4(), cycle_id=cycle_id))


async def test_a_calendar_of_an_earlier_version_is_read_without_endless_reminding(
    activities: ProgramsActivities, db: Database, organization_id: UUID, cycle_id: UUID
) -> None:
    async with db.transaction() as session:
        row = await session.get_one(CycleRow, cycle_id)
        row.calendar = {**row.calendar, "approval": {"remind_every": "PT1S", "escalate_after": "P700D"}}
    ladder = (
        await activities.read_plan(CycleRef(organization_id=organization_id, cycle_id=cycle_id))
    ).calendar.approval
    assert ladder.escalate_after == timedelta(days=700)
    assert ladder.escalate_after / ladder.remind_every <= 101


async def test_a_ladder_is_dated_in_the_program_s_time_zone_and_without_the_cycle_s_holidays(
    activities: ProgramsActivities, db: Database, organization_id: UUID, program_id: UUID
) -> None:
    wanted = CycleRequest(calendar={"working_days": True, "holidays": ["2026-03-10"]})
    async with db.transaction() as session:
        cycle = await request_cycle(session, organization_id, program_id, wanted)
        await session.execute(update(ProgramRow).values(time_zone="Asia/Tokyo"))
    request = PlanLadder(
        organization_id=organization_id,
        cycle_id=cycle.id,
        ladder=LadderPlan(remind_every=timedelta(days=1), escalate_after=timedelta(days=2)),
        begun_at=datetime(2026, 3, 6, 15, 30, tzinfo=UTC),  # half an hour of Saturday has passed in Tokyo
    )
    dates = await activities.plan_ladder(request)
    monday, tuesday = datetime(2026, 3, 8, 15, tzinfo=UTC), datetime(2026, 3, 9, 15, tzinfo=UTC)
    assert dates.reminds_at == (tuesday + timedelta(days=1),), "Monday is counted, and Tuesday is a holiday"
    assert dates.escalates_at == tuesday + timedelta(days=2)
    paused = request.model_copy(update={"pauses": (Pause(begins_at=monday, ends_at=tuesday),)})
    assert (await activities.plan_ladder(paused)).reminds_at == (tuesday + timedelta(days=2),)
    with pytest.raises(NotFound):
        await activities.plan_ladder(request.model_copy(update={"organization_id": uuid4()}))


async def test_a_stage_is_recorded_and_told_once(
    activities: ProgramsActivities, db: Database, organization_id: UUID, cycle_id: UUID
) -> None:
    request = RecordStage(organization_id=organization_id, cycle_id=cycle_id, stage=Stage.INTAKE)
    assert [(await activities.record_stage(request)).stage for _ in range(2)] == [Stage.INTAKE] * 2
    told = (await staged(db, organization_id))[1:]
    assert told == [("cycle.stage_changed", {"cycle_id": str(cycle_id), "stage": "intake"})]


async def test_an_attempt_that_comes_late_does_not_set_the_stage_back(
    activities: ProgramsActivities, db: Database, organization_id: UUID, cycle_id: UUID
) -> None:
    for stage in (Stage.INTAKE, Stage.MATCHING):
        await activities.record_stage(RecordStage(organization_id=organization_id, cycle_id=cycle_id, stage=stage))
    late = RecordStage(organization_id=organization_id, cycle_id=cycle_id, stage=Stage.INTAKE)
    assert (await activities.record_stage(late)).stage is Stage.MATCHING
    assert [data["stage"] for _, data in (await staged(db, organization_id))[1:]] == ["intake", "matching"]


async def test_no_stage_is_entered_from_one_in_which_the_row_is_not(
    activities: ProgramsActivities, db: Database, organization_id: UUID, cycle_id: UUID
) -> None:
    """As when Postgres was restored to an earlier moment. Temporal tries again, and the workflow waits."""
    ref = {"organization_id": organization_id, "cycle_id": cycle_id}
    with pytest.raises(StageDisagrees):
        await activities.record_stage(RecordStage(**ref, was=Stage.REVIEW, stage=Stage.KICKOFF))
    assert [kind for kind, _ in await staged(db, organization_id)] == ["cycle.requested"]
    for was, stage in ((Stage.SCHEDULED, Stage.INTAKE), (Stage.INTAKE, Stage.MATCHING), (Stage.INTAKE, Stage.MATCHING)):
        assert (await activities.record_stage(RecordStage(**ref, was=was, stage=stage))).stage is stage
    late = RecordStage(**ref, was=Stage.SCHEDULED, stage=Stage.INTAKE)
    assert (await activities.record_stage(late)).stage is Stage.MATCHING


@pytest.mark.parametrize(
    ("stage", "outcome", "event", "recorded"),
    [
        (Stage.COMPLETED, None, "cycle.completed", Outcome.COMPLETED),
        (Stage.COMPLETED, Outcome.NOBODY_ENROLLED, "cycle.completed", Outcome.NOBODY_ENROLLED),
        (Stage.CANCELLED, Outcome.CANCELLED, "cycle.cancelled", Outcome.CANCELLED),
    ],
)
async def test_a_final_stage_is_told_with_its_outcome_and_never_left(
    activities: ProgramsActivities,
    db: Database,
    organization_id: UUID,
    cycle_id: UUID,
    stage: Stage,
    outcome: Outcome | None,
    event: str,
    recorded: Outcome,
) -> None:
    ref: dict[str, Any] = {"organization_id": organization_id, "cycle_id": cycle_id}
    assert (await activities.record_stage(RecordStage(**ref, stage=stage, outcome=outcome))).stage == stage
    for late in (Stage.ACTIVE, Stage.COMPLETED, Stage.CANCELLED):
        assert (await activities.record_stage(RecordStage(**ref, stage=late))).stage == stage
    assert [kind for kind, _ in await staged(db, organization_id)] == ["cycle.requested", event]
    async with db.transaction() as session:
        cycle = await read_cycle(session, organization_id, cycle_id)
    assert (cycle.stage, cycle.outcome) == (stage, recorded)
    assert cycle.ended_at is not None


async def test_a_period_gets_one_cycle_in_the_programs_zone(
    activities: ProgramsActivities, db: Database, organization_id: UUID, program_id: UUID
) -> None:
    async with db.transaction() as session:
        recurring = ProgramDefinition.model_validate(dict(PROGRAM) | {"recurs": True})
        await programs.replace_program(session, organization_id, program_id, recurring, "*")
    request = CreatePeriodCycle(
        organization_id=organization_id,
        program_id=program_id,
        scheduled_at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    )
    first, again = [await activities.create_period_cycle(request) for _ in range(2)]
    assert first == again
    assert first.cycle_id is not None
    async with db.transaction() as session:
        cycle = await read_cycle(session, organization_id, first.cycle_id)
    assert (cycle.period, cycle.starts_at) == ("2027-Q1", request.scheduled_at)
    assert [kind for kind, _ in await staged(db, organization_id)] == ["program.schedule_changed", "cycle.requested"]


async def test_a_program_that_no_longer_recurs_gets_no_cycle(
    activities: ProgramsActivities, db: Database, organization_id: UUID, program_id: UUID
) -> None:
    request = CreatePeriodCycle(
        organization_id=organization_id, program_id=program_id, scheduled_at=datetime(2026, 10, 5, 7, tzinfo=UTC)
    )
    assert (await activities.create_period_cycle(request)).cycle_id is None
    assert await staged(db, organization_id) == []


async def test_a_program_that_recurs_without_topics_asks_nobody(
    activities: ProgramsActivities, db: Database, organization_id: UUID, program_id: UUID
) -> None:
    """A version before this one stored such programs."""
    async with db.transaction() as session:
        await session.execute(update(ProgramRow).where(ProgramRow.id == program_id).values(recurs=True, topics=[]))
    request = CreatePeriodCycle(
        organization_id=organization_id, program_id=program_id, scheduled_at=datetime(2026, 10, 5, 7, tzinfo=UTC)
    )
    assert (await activities.create_period_cycle(request)).cycle_id is None
    assert await staged(db, organization_id) == []


async def test_what_a_workflow_that_begins_again_reads_is_what_was_written(
    activities: ProgramsActivities, db: Database, organization_id: UUID, cycle_id: UUID
) -> None:
    ref = {"organization_id": organization_id, "cycle_id": cycle_id}
    assert isinstance(activities, ProgramsRecovery)
    before = await activities.read_standing(CycleRef(**ref))
    assert (before.stage, before.paused_at, before.pauses, before.cancelling) == (Stage.SCHEDULED, None, (), False)
    async with db.transaction() as session:
        await control.advance_cycle(session, organization_id, cycle_id)
        await control.pause_cycle(session, organization_id, cycle_id)
    paused = await activities.read_standing(CycleRef(**ref))
    assert paused.started
    assert paused.paused_at is not None
    async with db.transaction() as session:
        await control.resume_cycle(session, organization_id, cycle_id)
        await control.resume_cycle(session, organization_id, cycle_id)
    plan = await activities.read_plan(CycleRef(**ref))
    resumed = await activities.read_standing(CycleRef(**ref))
    assert (resumed.paused_at, plan.paused_at, plan.pauses) == (None, None, resumed.pauses)
    assert [pause.begins_at for pause in resumed.pauses] == [paused.paused_at]
    nobody = RecordStage(**ref, was=Stage.SCHEDULED, stage=Stage.CLOSING, outcome=Outcome.NOBODY_ENROLLED)
    await activities.record_stage(nobody)
    async with db.transaction() as session:
        await control.cancel_cycle(session, organization_id, cycle_id)
    closing = await activities.read_standing(CycleRef(**ref))
    assert (closing.stage, closing.outcome, closing.cancelling) == (Stage.CLOSING, Outcome.NOBODY_ENROLLED, True)
    assert closing.since > before.since
    with pytest.raises(NotFound):
        await activities.read_standing(CycleRef(organization_id=uuid4(), cycle_id=cycle_id))
