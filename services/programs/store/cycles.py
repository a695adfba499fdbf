"""SQL of cycles. An admin or a schedule requests a cycle, and `CycleWorkflow` records each stage that it reaches."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import CycleRow, ProgramRow
from services.programs.resources import Cycle, CycleSummary
from services.programs.rules.calendar import free_period, period_of
from services.programs.rules.definition import CycleRequest, changed_calendar, check_start, without_endless_reminding
from services.programs.rules.reminders import notes_on_request
from services.programs.store.programs import lock_program
from services.programs.store.standing import read_pauses
from shared.attention.resources import Cycle as Seen
from shared.attention.waiting import stall_of, wait_of
from shared.contracts.events import CycleCancelled, CycleCompleted, CycleRequested, CycleStageChanged, EventData
from shared.contracts.programs import (
    Calendar,
    CreatePeriodCycle,
    CycleBrief,
    CyclePlan,
    CycleRef,
    LadderDates,
    Outcome,
    PeriodCycle,
    PlanLadder,
    RecordStage,
    Stage,
    StageRecorded,
)
from shared.contracts.working_days import WorkingDays, ladder_dates
from shared.errors import Conflict, Invalid, NotFound
from shared.events import emit
from shared.keys import OrganizationRow
from shared.rounds.store import read_rounds

log = structlog.get_logger(__name__)
FINAL = (Stage.COMPLETED, Stage.CANCELLED)
ORDER = tuple(Stage)
"""The stages in their order. A cycle only goes forward."""


class CycleNotFound(NotFound):
    code = "cycle_not_found"


class StageDisagrees(Exception):
    """A workflow wants to leave a stage that its cycle has not reached, as after a restore of Postgres. It must wait
    until the two agree, so that this is no failure that ends a workflow: Temporal tries again."""


class PeriodExists(Conflict):
    code = "period_exists"


class ProgramArchived(Conflict):
    code = "program_archived"


class NoTopics(Invalid):
    code = "no_topics"


async def request_cycle(session: AsyncSession, organization_id: UUID, program_id: UUID, request: CycleRequest) -> Cycle:
    """Creates a cycle and emits `cycle.requested`. Raises ProgramNotFound, ProgramArchived, NoTopics, PeriodExists,
    Invalid."""
    now = datetime.now(UTC)
    starts_at = request.starts_at or now
    check_start(starts_at, now)
    program = await lock_program(session, organization_id, program_id)
    if program.archived_at is not None:
        raise ProgramArchived("This program is archived; restore it first.")
    if not program.topics:
        raise NoTopics(
            "This program has no topics, so that nobody could say what they teach or want to learn. Add topics first.",
            errors=[{"field": "program.topics", "detail": "must not be empty"}],
        )
    before = Calendar.model_validate(program.calendar)
    calendar = changed_calendar(before, request.calendar or {})
    taken = await _periods(session, program)
    if request.period is not None and request.period in taken:
        raise PeriodExists("This program has a cycle of this period already; name another period.")
    period = request.period or free_period(period_of(starts_at, program.time_zone), taken)
    row = await _insert(session, program, period, starts_at, calendar)
    cycle = await read_cycle(session, organization_id, row.id)
    return cycle.model_copy(update={"notes": notes_on_request(calendar, before)})


async def create_period_cycle(session: AsyncSession, request: CreatePeriodCycle) -> PeriodCycle:
    """The cycle of a recurring program for the quarter, which is created if it does not exist.

    The answer names no cycle when the program does not recur any more, is archived, or has no topics.

    Raises ProgramNotFound.
    """
    program = await lock_program(session, request.organization_id, request.program_id)
    if not program.recurs or program.archived_at is not None:
        return PeriodCycle(cycle_id=None)
    if not program.topics:  # a program of a version that let it recur without any
        log.warning("recurrence.skipped", program_id=str(program.id), reason=NoTopics.code)
        return PeriodCycle(cycle_id=None)
    period = period_of(request.scheduled_at, program.time_zone)
    found = await session.scalar(
        select(CycleRow.id).where(
            CycleRow.organization_id == program.organization_id,
            CycleRow.program_id == program.id,
            CycleRow.period == period,
        )
    )
    if found is None:
        calendar = Calendar.model_validate(program.calendar)
        found = (await _insert(session, program, period, request.scheduled_at, calendar)).id
    return PeriodCycle(cycle_id=found)


async def read_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """The cycle with its rounds and their counts at this moment. Raises CycleNotFound."""
    row = await _find(session, organization_id, cycle_id)
    rounds = await read_rounds(session, organization_id, cycle_id)
    summary, now = summary_of(row), datetime.now(UTC)
    seen = Seen(**dict(summary), program_name="", paused_at=row.paused_at, last_round=rounds[-1] if rounds else None)
    return Cycle(**dict(summary) | {"stalled": stall_of(seen, now)}, rounds=tuple(rounds), waits_for=wait_of(seen, now))


async def read_plan(session: AsyncSession, ref: CycleRef) -> CyclePlan:
    """The direction, calendar and policy that were copied when the cycle was requested. Raises CycleNotFound."""
    row = await _find(session, ref.organization_id, ref.cycle_id)
    plan = CyclePlan.model_validate(
        {
            "organization_id": row.organization_id,
            "program_id": row.program_id,
            "cycle_id": row.id,
            "direction": row.direction,
            "starts_at": row.starts_at,
            "calendar": row.calendar,
            "policy": row.policy,
            "paused": row.paused,
            "paused_at": row.paused_at if row.paused else None,
            "pauses": await read_pauses(session, row),
        }
    )
    return plan.model_copy(update={"calendar": without_endless_reminding(plan.calendar)})


async def plan_ladder(session: AsyncSession, request: PlanLadder) -> LadderDates:
    """When the rungs come of a ladder that counts working days: in the time zone that the program has now, without the
    holidays of the cycle's calendar. Raises CycleNotFound."""
    row = await _find(session, request.organization_id, request.cycle_id)
    zone = await session.scalar(
        select(ProgramRow.time_zone).where(
            ProgramRow.organization_id == request.organization_id, ProgramRow.id == row.program_id
        )
    )
    days = WorkingDays(zone or "UTC", Calendar.model_validate(row.calendar).holidays)
    return ladder_dates(request.ladder, days, request.begun_at, request.pauses)


async def read_brief(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> CycleBrief:
    """What other services need to know of a cycle. Raises CycleNotFound.

    Names, people and the time zone are those that the program has now. Everything else is the cycle's own copy.
    """
    found = await session.execute(
        select(CycleRow, ProgramRow, OrganizationRow.name)
        .join(ProgramRow, ProgramRow.id == CycleRow.program_id)
        .join(OrganizationRow, OrganizationRow.id == CycleRow.organization_id)
        .where(CycleRow.organization_id == organization_id, CycleRow.id == cycle_id)
    )
    one = found.one_or_none()
    if one is None:
        raise CycleNotFound("There is no such cycle.")
    cycle, program, organization_name = one
    return CycleBrief.model_validate(
        {
            "organization_id": organization_id,
            "organization_name": organization_name,
            "program_id": program.id,
            "program_name": program.name,
            "cycle_id": cycle.id,
            "period": cycle.period,
            "stage": cycle.stage,
            "paused": cycle.paused,
            "outcome": cycle.outcome,
            "direction": cycle.direction,
            "time_zone": program.time_zone,
            "language": program.language,
            "topics": cycle.topics,
            "sponsor_id": program.sponsor_id,
            "coordinator_ids": program.coordinator_ids,
            "calendar": cycle.calendar,
            "policy": cycle.policy,
        }
    )


async def record_stage(session: AsyncSession, request: RecordStage) -> StageRecorded:
    """Sets the stage and emits the event for it. Raises CycleNotFound, and StageDisagrees if the workflow leaves a
    stage in which the row is not.

    Nothing changes when the cycle has ended or is at a later stage already: an earlier attempt of the activity, which
    Temporal had given up, may arrive late.
    """
    row = await lock_cycle(session, request.organization_id, request.cycle_id)
    if row.stage in FINAL or ORDER.index(request.stage) <= ORDER.index(Stage(row.stage)):
        return StageRecorded(stage=Stage(row.stage))
    if request.was not in (None, row.stage):
        raise StageDisagrees(row.stage)
    now = datetime.now(UTC)
    row.stage = request.stage.value
    row.stage_changed_at = now
    row.concluding = request.outcome.value if request.outcome is not None else None
    event: EventData = CycleStageChanged(cycle_id=row.id, stage=request.stage)
    if request.stage in FINAL:
        event = _end(row, request, now)
    await session.flush()
    await emit(session, row.organization_id, event)
    log.info("cycle.stage_recorded", cycle_id=str(row.id), stage=row.stage, outcome=row.outcome)
    return StageRecorded(stage=request.stage)


async def lock_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> CycleRow:
    """The cycle's row, locked until the transaction ends. Raises CycleNotFound."""
    row = await session.scalar(
        select(CycleRow)
        .where(CycleRow.organization_id == organization_id, CycleRow.id == cycle_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise CycleNotFound("There is no such cycle.")
    return row


def _end(row: CycleRow, request: RecordStage, now: datetime) -> EventData:
    row.ended_at = now
    row.paused, row.paused_at = False, None
    row.stall_reason, row.stalled_at = None, None
    if request.stage is Stage.CANCELLED:
        row.outcome = Outcome.CANCELLED.value
        return CycleCancelled(cycle_id=row.id)
    outcome = request.outcome or Outcome.COMPLETED
    row.outcome = outcome.value
    return CycleCompleted(cycle_id=row.id, outcome=outcome)


async def _insert(
    session: AsyncSession, program: ProgramRow, period: str, starts_at: datetime, calendar: Calendar
) -> CycleRow:
    """Writes the row and emits `cycle.requested`.

    The caller has locked `program`, so that no other transaction can take the same period at the same time.
    """
    row = CycleRow(
        id=uuid4(),
        organization_id=program.organization_id,
        program_id=program.id,
        period=period,
        stage=Stage.SCHEDULED.value,
        direction=program.direction,
        topics=program.topics,
        calendar=calendar.model_dump(mode="json"),
        policy=program.policy,
        starts_at=starts_at.astimezone(UTC),
    )
    session.add(row)
    await session.flush()
    await emit(session, program.organization_id, CycleRequested(cycle_id=row.id, program_id=program.id))
    await session.refresh(row)
    log.info("cycle.requested", cycle_id=str(row.id), program_id=str(program.id))
    return row


async def _periods(session: AsyncSession, program: ProgramRow) -> set[str]:
    found = await session.scalars(
        select(CycleRow.period).where(
            CycleRow.organization_id == program.organization_id, CycleRow.program_id == program.id
        )
    )
    return set(found)


async def _find(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> CycleRow:
    row = await session.scalar(
        select(CycleRow).where(CycleRow.organization_id == organization_id, CycleRow.id == cycle_id)
    )
    if row is None:
        raise CycleNotFound("There is no such cycle.")
    return row


def summary_of(row: CycleRow) -> CycleSummary:
    return CycleSummary.model_validate(row, from_attributes=True)
