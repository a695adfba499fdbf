"""The company of the bench of the console: a directory, a program, and a cycle whose match run waits for approval."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from bench.pools import make_inputs
from services.accounts.store.keys import create_access_key, find_or_create_organization
from services.intake.person import PersonRecord
from services.intake.store.people import create_people
from services.matching.engine.computation import compute
from services.matching.engine.inputs import Inputs
from services.matching.runs.store.runs import lock_runs, store_run
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.programs import Calendar
from shared.database import Database

PEOPLE_AT_ONCE = 1000


class Company(NamedTuple):
    cycle_id: UUID
    key: str
    """An access key of a coordinator."""


async def make_company(database: Database, people: int, pairs: int) -> Company:
    """A directory of so many people, and a run of so many pairs among them."""
    inputs = make_inputs(pairs)
    result = compute(inputs)
    records = _directory(inputs, people)
    async with database.transaction() as session:
        organization_id = await find_or_create_organization(session, "Bench")
        key = await create_access_key(session, organization_id, Role.COORDINATOR, "bench")
    for first in range(0, len(records), PEOPLE_AT_ONCE):
        async with database.transaction() as session:
            await create_people(session, organization_id, records[first : first + PEOPLE_AT_ONCE])
    async with database.transaction() as session:
        program_id = await _add_cycle(session, organization_id, inputs)
        await lock_runs(session, organization_id, inputs.cycle_id)
        await store_run(session, organization_id, program_id, 1, inputs, result)
    return Company(inputs.cycle_id, key)


def _directory(inputs: Inputs, people: int) -> list[PersonRecord]:
    enrolled = [_person(number, one.person_id, one.department, one.level) for number, one in enumerate(inputs.people)]
    others = range(len(enrolled), max(people, len(enrolled)))
    return [*enrolled, *(_person(number, uuid4(), f"department {number % 14}", number % 9) for number in others)]


def _person(number: int, person_id: UUID, department: str, level: int) -> PersonRecord:
    return PersonRecord(
        person_id, None, f"person.{number}@example.com", f"Person {number} Example", "Person", "Example",
        "Senior specialist", department, "Berlin", "Europe/Berlin", "en", level, None, None, True,
    )  # fmt: skip


async def _add_cycle(session: AsyncSession, organization_id: UUID, inputs: Inputs) -> UUID:
    """A program with the cycle that the inputs are of, in its review."""
    program_id, now = uuid4(), datetime.now(UTC)
    same = {
        "organization_id": organization_id,
        "direction": inputs.direction,
        "topics": [],
        "calendar": Calendar().model_dump(mode="json"),
        "policy": inputs.policy.model_dump(mode="json"),
    }
    program = ProgramRow(
        **same, id=program_id, name="Bench", time_zone="Europe/Berlin", coordinator_ids=[], recurs=False
    )
    session.add(program)
    await session.flush()
    session.add(
        CycleRow(**same, id=inputs.cycle_id, program_id=program_id, period="2027-Q1", stage="review", starts_at=now)
    )
    await session.flush()
    return program_id
