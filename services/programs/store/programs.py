"""SQL of programs."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import ProgramRow
from services.programs.resources import Program
from services.programs.rules.calendar import next_recurrence
from services.programs.rules.definition import ProgramDefinition
from services.programs.rules.reminders import notes_on_definition
from shared.contracts.events import ProgramScheduleChanged
from shared.contracts.programs import ProgramRef
from shared.errors import NotFound
from shared.events import emit
from shared.http.etags import change, check_match

log = structlog.get_logger(__name__)


class ProgramNotFound(NotFound):
    code = "program_not_found"


class Recurrence(NamedTuple):
    """The part of a program that its Temporal Schedule depends on."""

    recurs: bool
    time_zone: str


async def create_program(session: AsyncSession, organization_id: UUID, definition: ProgramDefinition) -> Program:
    """Emits `program.schedule_changed` when the program recurs."""
    row = ProgramRow(id=uuid4(), organization_id=organization_id, **_columns(definition))
    session.add(row)
    await session.flush()
    if row.recurs:
        await emit(session, organization_id, ProgramScheduleChanged(program_id=row.id))
    await session.refresh(row)
    return program_of(row)


async def replace_program(
    session: AsyncSession, organization_id: UUID, program_id: UUID, definition: ProgramDefinition, if_match: str
) -> Program:
    """Replaces the definition. A definition that is the same as before keeps its version. Emits
    `program.schedule_changed` when the Temporal Schedule has to change. Raises ProgramNotFound, StaleVersion."""
    row = await lock_program(session, organization_id, program_id)
    check_match(if_match, row.version, row.field_versions)
    before = _recurrence(row)
    if not change(row, _columns(definition)):
        return program_of(row)
    await session.flush()
    after = _recurrence(row)
    if before != after and (before.recurs or after.recurs):
        await emit(session, organization_id, ProgramScheduleChanged(program_id=row.id))
    return program_of(row)


async def archive_program(session: AsyncSession, organization_id: UUID, program_id: UUID) -> Program:
    """From now on the program starts no cycle. Cycles that run go on. Doing it again changes nothing. Raises
    ProgramNotFound."""
    row = await lock_program(session, organization_id, program_id)
    return await _archive(session, row, row.archived_at or datetime.now(UTC))


async def restore_program(session: AsyncSession, organization_id: UUID, program_id: UUID) -> Program:
    """The program can start cycles again, also by itself if it recurs. Raises ProgramNotFound."""
    return await _archive(session, await lock_program(session, organization_id, program_id), None)


async def _archive(session: AsyncSession, row: ProgramRow, archived_at: datetime | None) -> Program:
    """Emits `program.schedule_changed` when the Temporal Schedule has to change."""
    if not change(row, {"archived_at": archived_at}):
        return program_of(row)
    await session.flush()
    if row.recurs:
        await emit(session, row.organization_id, ProgramScheduleChanged(program_id=row.id))
    log.info("program.archived" if archived_at else "program.restored", program_id=str(row.id))
    return program_of(row)


async def read_program(session: AsyncSession, organization_id: UUID, program_id: UUID) -> Program:
    """Raises ProgramNotFound."""
    return program_of(await find_program(session, organization_id, program_id))


async def read_recurrence(session: AsyncSession, ref: ProgramRef) -> Recurrence:
    """Raises ProgramNotFound."""
    return _recurrence(await find_program(session, ref.organization_id, ref.program_id))


async def find_program(session: AsyncSession, organization_id: UUID, program_id: UUID) -> ProgramRow:
    """Raises ProgramNotFound."""
    row = await session.scalar(
        select(ProgramRow).where(ProgramRow.organization_id == organization_id, ProgramRow.id == program_id)
    )
    if row is None:
        raise ProgramNotFound("There is no such program.")
    return row


async def lock_program(session: AsyncSession, organization_id: UUID, program_id: UUID) -> ProgramRow:
    """The program's row, locked until the transaction ends. Raises ProgramNotFound."""
    row = await session.scalar(
        select(ProgramRow)
        .where(ProgramRow.organization_id == organization_id, ProgramRow.id == program_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise ProgramNotFound("There is no such program.")
    return row


def _recurrence(row: ProgramRow) -> Recurrence:
    return Recurrence(recurs=row.recurs and row.archived_at is None, time_zone=row.time_zone)


def _columns(definition: ProgramDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "direction": definition.direction.value,
        "time_zone": definition.time_zone,
        "language": definition.language,
        "topics": [topic.model_dump(mode="json") for topic in definition.topics],
        "calendar": definition.calendar.model_dump(mode="json"),
        "policy": definition.policy.model_dump(mode="json"),
        "sponsor_id": definition.sponsor_id,
        "coordinator_ids": list(definition.coordinator_ids),
        "recurs": definition.recurs,
    }


def program_of(row: ProgramRow) -> Program:
    program = Program.model_validate(row, from_attributes=True)
    update: dict[str, Any] = {"notes": notes_on_definition(program.calendar)}
    if row.recurs and row.archived_at is None:
        update["next_recurrence_at"] = next_recurrence(datetime.now(UTC), row.time_zone)
    return program.model_copy(update=update)
