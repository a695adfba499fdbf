"""SQL of the lists of programs and cycles."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import CycleRow, ProgramRow
from services.programs.resources import AllCyclesPage, CycleOfProgram, CyclePage, ProgramPage, RunningCycles
from services.programs.store.cycles import summary_of
from services.programs.store.programs import find_program, program_of
from shared.contracts.programs import Direction, PausedCycles, Stage
from shared.http.lists import Column, Page, containing, equal, read_page
from shared.keys import OrganizationRow
from shared.rounds.store import read_last_rounds

PROGRAMS: dict[str, Column] = {
    "created_at": ProgramRow.created_at,
    "updated_at": ProgramRow.updated_at,
    "name": func.lower(ProgramRow.name),
}
CYCLES: dict[str, Column] = {
    "requested_at": CycleRow.requested_at,
    "starts_at": CycleRow.starts_at,
    "stage_changed_at": CycleRow.stage_changed_at,
}
"""The columns by which each list is sorted."""


MOST = 1000
"""So many programs, and so many running cycles, are read at once for other services."""


class WantedPrograms(NamedTuple):
    """What somebody looks for. None stands for anything."""

    words: str | None = None
    direction: Direction | None = None
    recurs: bool | None = None
    archived: bool = False


class WantedCycles(NamedTuple):
    """What somebody looks for. None, and no stages, stand for anything."""

    words: str | None = None
    program_id: UUID | None = None
    stages: list[Stage] | None = None
    paused: bool | None = None
    ids: list[UUID] | None = None


async def list_programs(
    session: AsyncSession, organization_id: UUID, wanted: WantedPrograms, page: Page
) -> ProgramPage:
    """One page of the programs. Raises BadRequest for an unknown cursor."""
    found = await read_page(
        session,
        select(ProgramRow),
        page,
        key=ProgramRow.id,
        columns=PROGRAMS,
        scope=[ProgramRow.organization_id == organization_id],
        filters=[
            *containing(wanted.words, ProgramRow.name),
            *equal(ProgramRow.direction, wanted.direction),
            *equal(ProgramRow.recurs, wanted.recurs),
            ProgramRow.archived_at.is_not(None) if wanted.archived else ProgramRow.archived_at.is_(None),
        ],
    )
    return ProgramPage(items=tuple(program_of(row[0]) for row in found.rows), next=found.next, total=found.total)


async def list_cycles(
    session: AsyncSession, organization_id: UUID, program_id: UUID, stages: list[Stage] | None, page: Page
) -> CyclePage:
    """One page of a program's cycles. Raises ProgramNotFound, and BadRequest for an unknown cursor."""
    await find_program(session, organization_id, program_id)
    found = await read_page(
        session,
        select(CycleRow),
        page,
        key=CycleRow.id,
        columns=CYCLES,
        scope=[CycleRow.organization_id == organization_id, CycleRow.program_id == program_id],
        filters=equal(CycleRow.stage, stages),
    )
    return CyclePage(items=tuple(summary_of(row[0]) for row in found.rows), next=found.next, total=found.total)


async def list_all_cycles(
    session: AsyncSession, organization_id: UUID, wanted: WantedCycles, page: Page
) -> AllCyclesPage:
    """One page of the cycles of all programs. Raises BadRequest for an unknown cursor."""
    found = await read_page(
        session,
        select(CycleRow, ProgramRow.name, ProgramRow.time_zone).join(ProgramRow, ProgramRow.id == CycleRow.program_id),
        page,
        key=CycleRow.id,
        columns=CYCLES,
        scope=[CycleRow.organization_id == organization_id],
        filters=[
            *containing(wanted.words, ProgramRow.name, CycleRow.period),
            *equal(CycleRow.id, wanted.ids),
            *equal(CycleRow.program_id, wanted.program_id),
            *equal(CycleRow.stage, wanted.stages),
            *equal(CycleRow.paused, wanted.paused),
        ],
    )
    rounds = await read_last_rounds(session, organization_id, [row.id for row, *_ in found.rows])
    items = tuple(
        CycleOfProgram(**dict(summary_of(row)), program_name=name, time_zone=zone, last_round=rounds.get(row.id))
        for row, name, zone in found.rows
    )
    return AllCyclesPage(items=items, next=found.next, total=found.total)


async def read_running(session: AsyncSession, organization_id: UUID) -> RunningCycles:
    """The cycles that run, and the programs that are not archived. Few cycles run."""
    stages: list[Stage] = [stage for stage in Stage if stage not in (Stage.COMPLETED, Stage.CANCELLED)]
    cycles = await list_all_cycles(session, organization_id, WantedCycles(stages=stages), Page("starts_at", None, MOST))
    programs = await list_programs(session, organization_id, WantedPrograms(), Page("created_at", None, MOST))
    name = await session.scalar(select(OrganizationRow.name).where(OrganizationRow.id == organization_id))
    return RunningCycles(organization_name=name or "", cycles=cycles.items, programs=programs.items)


async def read_paused(session: AsyncSession, organization_id: UUID) -> PausedCycles:
    """The cycles that are paused. There are few, as few cycles run."""
    found = await session.scalars(
        select(CycleRow.id).where(CycleRow.organization_id == organization_id, CycleRow.paused).order_by(CycleRow.id)
    )
    return PausedCycles(cycle_ids=tuple(found))
