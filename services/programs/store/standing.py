"""SQL of what a workflow must know that begins again: how far a cycle has come, and when it was paused."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import CycleRow, PauseRow, ProgramRow
from shared.contracts.programs import CycleRef, Outcome, Pause, ProgramRef, Stage
from shared.contracts.recovery.facts import CycleStanding, RoundStanding
from shared.contracts.rounds import RoundState
from shared.errors import NotFound
from shared.rounds.models import Round
from shared.rounds.store import read_rounds

OVER = (Stage.COMPLETED, Stage.CANCELLED)


class Recurring(NamedTuple):
    """A program that has a Temporal Schedule, and the time zone of that."""

    program: ProgramRef
    time_zone: str


async def note_pause(session: AsyncSession, row: CycleRow, ends_at: datetime) -> None:
    """Ends the pause of a cycle, whose row the caller has locked. The deadlines of its open rounds move by that
    time, so that none looks overdue until the workflows of the rounds hear of it, and move them too."""
    if row.paused_at is not None:  # a process of the version before notes no beginning
        await session.execute(
            update(Round)
            .where(
                Round.organization_id == row.organization_id, Round.cycle_id == row.id, Round.state == RoundState.OPEN
            )
            .values(closes_at=Round.closes_at + (ends_at - func.greatest(Round.opened_at, row.paused_at)))
            .execution_options(synchronize_session=False)
        )
        values = {"cycle_id": row.id, "begins_at": row.paused_at, "ends_at": ends_at}
        await session.execute(
            insert(PauseRow).values(organization_id=row.organization_id, **values).on_conflict_do_nothing()
        )
    row.paused, row.paused_at = False, None


async def note_ended_pauses(session: AsyncSession) -> None:
    """During an upgrade, a process of the version before may end a pause that one of this version began, and notes
    nothing but the end. So that a later pause does not seem to have begun then, it is noted as over now. The rounds of
    the cycle have moved their deadlines themselves."""
    found = await session.scalars(
        select(CycleRow)
        .where(CycleRow.paused.is_(False), CycleRow.paused_at.is_not(None))
        .with_for_update(skip_locked=True)
    )
    for row in found.all():
        values = {"cycle_id": row.id, "begins_at": row.paused_at, "ends_at": datetime.now(UTC)}
        await session.execute(
            insert(PauseRow).values(organization_id=row.organization_id, **values).on_conflict_do_nothing()
        )
        row.paused_at = None


async def read_pauses(session: AsyncSession, row: CycleRow) -> tuple[Pause, ...]:
    """The pauses of the cycle that are over, in their order."""
    found = await session.scalars(
        select(PauseRow)
        .where(PauseRow.organization_id == row.organization_id, PauseRow.cycle_id == row.id)
        .order_by(PauseRow.begins_at)
    )
    return tuple(Pause(begins_at=one.begins_at, ends_at=one.ends_at) for one in found)


async def read_standing(session: AsyncSession, ref: CycleRef, now: datetime) -> CycleStanding:
    """How far the cycle has come, and what was asked of it. Raises NotFound."""
    row = await session.scalar(
        select(CycleRow)
        .where(CycleRow.organization_id == ref.organization_id, CycleRow.id == ref.cycle_id)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("There is no such cycle.", code="cycle_not_found")
    rounds = await read_rounds(session, ref.organization_id, ref.cycle_id)
    started = row.advanced == Stage.SCHEDULED
    return CycleStanding(
        stage=Stage(row.stage),
        since=row.stage_changed_at,
        outcome=Outcome(row.concluding) if row.concluding else None,
        pauses=await read_pauses(session, row),
        paused_at=(row.paused_at or now) if row.paused else None,
        cancelling=row.cancellation_requested_at is not None,
        started=started,
        advanced=UUID(row.advanced) if row.advanced and not started else None,
        rounds=tuple(
            RoundStanding(
                id=one.id,
                kind=one.kind,
                number=one.number,
                open=one.state is RoundState.OPEN,
                opened_at=one.opened_at,
                closes_at=one.closes_at,
                told_at=one.told_at,
            )
            for one in rounds
        ),
    )


async def read_running_cycles(session: AsyncSession) -> Sequence[tuple[CycleRef, Stage]]:
    """The cycles of all organizations that are not over, with their stages."""
    found = await session.execute(
        select(CycleRow.organization_id, CycleRow.id, CycleRow.stage)
        .where(CycleRow.stage.not_in(OVER))
        .order_by(CycleRow.requested_at, CycleRow.id)
    )
    return [(CycleRef(organization_id=organization, cycle_id=id), Stage(stage)) for organization, id, stage in found]


async def read_recurring(session: AsyncSession) -> Sequence[Recurring]:
    """The programs of all organizations that start cycles by themselves."""
    found = await session.execute(
        select(ProgramRow.organization_id, ProgramRow.id, ProgramRow.time_zone)
        .where(ProgramRow.recurs, ProgramRow.archived_at.is_(None))
        .order_by(ProgramRow.created_at, ProgramRow.id)
    )
    return [
        Recurring(ProgramRef(organization_id=organization, program_id=id), zone) for organization, id, zone in found
    ]
