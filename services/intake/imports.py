"""Carrying out an import: the directory is read, the plan is made outside of any transaction, and written if it still
fits.

A large file is planned for many seconds. Meanwhile no connection to the database is held, and another import may change
the directory. The plan is written only if the directory is still what it was made for. Otherwise it is made again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import ImportPlan, plan_import
from services.intake.importing.problems import LISTED
from services.intake.person import PersonRecord
from services.intake.resources import ImportReport
from services.intake.store import people as store
from shared.contracts.events import EventData, PeopleImported, PersonLeft, PersonReturned
from shared.database import Database
from shared.errors import Conflict
from shared.events import emit

log = structlog.get_logger(__name__)
TRIES = 5
EVENTS_AT_ONCE = 500
Result = TypeVar("Result")
_threads = ThreadPoolExecutor(2, thread_name_prefix="imports")
"""Files are read and planned in threads of their own, so that other work does not wait for large ones."""


class Upload(NamedTuple):
    file: bytes
    column_map: ColumnMap


class DirectoryKeepsChanging(Conflict):
    code = "directory_keeps_changing"


class Planned(NamedTuple):
    """What an import does, tells and answers."""

    plan: ImportPlan
    events: list[EventData]
    """One for everybody who left or returned, in the order of the file, and then that of the import."""
    report: ImportReport


Check = Callable[[Planned, list[PersonRecord]], None]
"""Looks at a plan before it is carried out, and may raise a refusal."""
Finish = Callable[[AsyncSession, Planned], Awaitable[None]]
"""What is written in the same transaction."""


async def import_export(
    database: Database,
    organization_id: UUID,
    upload: Upload,
    *,
    skip_invalid: bool,
    check: Check | None = None,
    finish: Finish | None = None,
) -> ImportReport:
    """Imports the export and says what that did. Raises ImportInvalid, DirectoryKeepsChanging, and what `check` and
    `finish` raise."""
    today = datetime.now(UTC).date()
    for _ in range(TRIES):
        async with database.transaction() as session:
            state = await store.read_state(session, organization_id)
            directory = await store.read_directory(session, organization_id)
        planned = await in_thread(partial(_plan, upload, directory, today, skip_invalid=skip_invalid))
        if check is not None:
            check(planned, directory)
        async with database.transaction() as session:
            await store.lock_directory(session, organization_id)
            if await store.read_state(session, organization_id) != state:
                continue
            await _write(session, organization_id, planned)
            if finish is not None:
                await finish(session, planned)
        imported = planned.report
        counts = {"created": imported.created, "changed": imported.changed, "skipped": _skipped(planned.plan)}
        log.info("people.imported", import_id=str(imported.import_id), **counts)
        return imported
    raise DirectoryKeepsChanging(
        "Other imports change the directory all the time; send the file again when they are done."
    )


async def try_import(database: Database, organization_id: UUID, upload: Upload) -> tuple[Planned, list[PersonRecord]]:
    """What an import would do now with the rows that can be used, and the directory that it was compared with. Nothing
    is written. Raises ImportInvalid if the whole file cannot be used."""
    async with database.transaction() as session:
        directory = await store.read_directory(session, organization_id)
    today = datetime.now(UTC).date()
    return await in_thread(partial(_plan, upload, directory, today, skip_invalid=True)), directory


async def in_thread(work: Callable[[], Result]) -> Result:
    """What the work gives, when one of the threads for files is free."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _plan(upload: Upload, directory: list[PersonRecord], today: date, *, skip_invalid: bool) -> Planned:
    parsed = parse_people(upload.file, upload.column_map, today)
    plan = plan_import(parsed, directory, skip_invalid=skip_invalid)
    report = ImportReport(
        import_id=uuid4(),
        created=len(plan.created),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        deactivated=len(plan.left),
        skipped_leavers=plan.skipped_leavers,
        left_out=tuple(plan.left_out[:LISTED]),
        left_out_total=len(plan.left_out),
        notes=tuple(plan.notes[:LISTED]),
        notes_total=len(plan.notes),
    )
    return Planned(plan, list(_events_of(plan, report)), report)


def _events_of(plan: ImportPlan, report: ImportReport) -> Iterable[EventData]:
    yield from (PersonLeft(person_id=person_id) for person_id in plan.left)
    yield from (PersonReturned(person_id=person_id) for person_id in plan.returned)
    yield PeopleImported(
        import_id=report.import_id, created=report.created, changed=report.changed, skipped=_skipped(plan)
    )


def _skipped(plan: ImportPlan) -> int:
    return plan.skipped_leavers + len({problem.line for problem in plan.left_out})


async def _write(session: AsyncSession, organization_id: UUID, planned: Planned) -> None:
    await store.change_people(session, organization_id, planned.plan.changed)
    await store.create_people(session, organization_id, planned.plan.created)
    for start in range(0, len(planned.events), EVENTS_AT_ONCE):
        await emit(session, organization_id, *planned.events[start : start + EVENTS_AT_ONCE])
