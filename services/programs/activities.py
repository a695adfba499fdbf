"""The activities of programs, which Temporal runs."""

from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client

from services.programs.schedules import ensure_overview, ensure_schedule, remove_schedule
from services.programs.store import cycles, programs, standing
from shared.contracts.programs import (
    CreatePeriodCycle,
    CyclePlan,
    CycleRef,
    LadderDates,
    OrganizationRef,
    PeriodCycle,
    PlanLadder,
    ProgramRef,
    ProgramsActivities,
    RecordStage,
    ScheduleApplied,
    StageRecorded,
)
from shared.contracts.recovery.facts import CycleStanding, ProgramsRecovery
from shared.database import Database


class Activities(ProgramsActivities, ProgramsRecovery):
    def __init__(self, database: Database, temporal: Client) -> None:
        self._database = database
        self._temporal = temporal

    @activity.defn
    async def read_plan(self, request: CycleRef) -> CyclePlan:
        async with self._database.transaction() as session:
            return await cycles.read_plan(session, request)

    @activity.defn
    async def read_standing(self, request: CycleRef) -> CycleStanding:
        async with self._database.transaction() as session:
            return await standing.read_standing(session, request, datetime.now(UTC))

    @activity.defn
    async def plan_ladder(self, request: PlanLadder) -> LadderDates:
        async with self._database.transaction() as session:
            return await cycles.plan_ladder(session, request)

    @activity.defn
    async def record_stage(self, request: RecordStage) -> StageRecorded:
        async with self._database.transaction() as session:
            return await cycles.record_stage(session, request)

    @activity.defn
    async def create_period_cycle(self, request: CreatePeriodCycle) -> PeriodCycle:
        async with self._database.transaction() as session:
            return await cycles.create_period_cycle(session, request)

    @activity.defn
    async def apply_schedule(self, request: ProgramRef) -> ScheduleApplied:
        """Makes the program's Temporal Schedule follow its row.

        It reads the row again after it has written the schedule, and writes again when the row has changed. So when
        two of these activities run at once, the one that writes last has seen the latest row.
        """
        wanted = await self._read_recurrence(request)
        while True:
            if wanted.recurs:
                await ensure_schedule(self._temporal, request, wanted.time_zone)
            else:
                await remove_schedule(self._temporal, request.program_id)
            applied, wanted = wanted, await self._read_recurrence(request)
            if applied == wanted:
                return ScheduleApplied(active=applied.recurs)

    @activity.defn
    async def ensure_overview(self, request: OrganizationRef) -> ScheduleApplied:
        await ensure_overview(self._temporal, request)
        return ScheduleApplied(active=True)

    async def _read_recurrence(self, request: ProgramRef) -> programs.Recurrence:
        async with self._database.transaction() as session:
            return await programs.read_recurrence(session, request)
