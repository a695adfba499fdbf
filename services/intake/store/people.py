"""SQL of the directory of people."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Date,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.expression import TableValuedAlias
from sqlalchemy.types import TypeEngine

from services.intake.models import Person
from services.intake.person import Availability, PersonRecord
from services.intake.resources import PersonNotFound, PersonView
from shared.contracts.base import PersonPage
from shared.contracts.intake import Contact

LANGUAGES = (
    select(Person.language)
    .where(Person.organization_id == bindparam("organization_id"), Person.active)
    .distinct()
    .order_by(Person.language)
)
AT_ONCE = 5000
"""The most people that one statement creates."""
READ_AT_ONCE = 1000
ENCODED_AT_ONCE = 500
TYPES: dict[str, TypeEngine[Any]] = {"id": Uuid(), "manager_id": Uuid(), "level": Integer(), "hired_on": Date(),
                                     "active": Boolean(), "available_from": Date(),
                                     "language_known": Boolean()}  # fmt: skip
FIELDS = PersonRecord._fields
COLUMNS = [getattr(Person, name) for name in FIELDS]


async def lock_directory(session: AsyncSession, organization_id: UUID) -> None:
    """Waits until no other import of the organization runs. The lock is held until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"import:{organization_id}", 0))))


async def read_state(session: AsyncSession, organization_id: UUID) -> int:
    """A number that is another one as soon as anybody of the directory was added, changed or taken away. Read it before
    the directory: what changes in between is then noticed."""
    version = func.hashtextextended(cast(Person.id, Text) + literal_column("person.xmin::text"), 0)
    query = select(func.coalesce(func.sum(version), 0)).where(Person.organization_id == organization_id)
    return int((await session.scalars(query)).one())


async def read_directory(session: AsyncSession, organization_id: UUID) -> list[PersonRecord]:
    """Everyone in the directory, in the order of their ids. It is read in parts, between which others are served."""
    query = select(*COLUMNS).where(Person.organization_id == organization_id).order_by(Person.id)
    rows = await session.stream(query.execution_options(yield_per=READ_AT_ONCE))
    return [PersonRecord(*row) async for part in rows.partitions() for row in part]


async def create_people(session: AsyncSession, organization_id: UUID, people: Sequence[PersonRecord]) -> None:
    """Creates people, thousands of them with one statement."""
    for start in range(0, len(people), AT_ONCE):
        given = await _as_table(people[start : start + AT_ONCE])
        values = [given.c[name] for name in FIELDS]
        await session.execute(
            insert(Person).from_select(
                ["organization_id", *FIELDS], select(literal(organization_id, Uuid()), *values).select_from(given)
            )
        )


async def change_people(session: AsyncSession, organization_id: UUID, people: Sequence[PersonRecord]) -> None:
    """Changes people with a single statement.

    The unique constraints are checked at its end, so that people may exchange addresses.
    """
    if not people:
        return
    given = await _as_table(people)
    values = {name: given.c[name] for name in FIELDS if name != "id"}
    await session.execute(
        update(Person)
        .where(Person.organization_id == organization_id, Person.id == given.c.id)
        .values(**values, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def _as_table(people: Sequence[PersonRecord]) -> TableValuedAlias:
    """The people as a table of a statement. They are encoded in a thread, so that others are served meanwhile."""
    columns = [column(name, TYPES.get(name, Text())) for name in FIELDS]
    rows = cast(literal(await asyncio.to_thread(_as_json, people), Text), JSONB)
    return func.jsonb_to_recordset(rows).table_valued(*columns).render_derived("given", with_types=True)


def _as_json(people: Sequence[PersonRecord]) -> str:
    """The people as one array, a few at a time: while one call of the encoder lasts, no other thread runs."""
    parts = (people[start : start + ENCODED_AT_ONCE] for start in range(0, len(people), ENCODED_AT_ONCE))
    texts = (json.dumps([person._asdict() for person in part], default=str)[1:-1] for part in parts)
    return f"[{','.join(texts)}]"  # ids and dates are told as texts


async def read_person(session: AsyncSession, organization_id: UUID, person_id: UUID) -> PersonView:
    """Raises PersonNotFound."""
    row = await session.scalar(select(Person).where(Person.organization_id == organization_id, Person.id == person_id))
    if row is None:
        raise PersonNotFound("The directory has no such person.")
    return view_of(row)


def asked_now(organization_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """The filters of the people who are asked to take part: the active ones without those on leave, unless they are
    back."""
    here = or_(Person.availability != Availability.ON_LEAVE, Person.available_from <= func.current_date())
    return Person.organization_id == organization_id, Person.active.is_(True), here


def everybody_asked(organization_id: UUID, cycle_id: UUID) -> Select[UUID, UUID]:
    """The people who are asked to take part, and the cycle, which is what they are asked about. In the order of their
    ids, as an index takes rows faster that come in its order."""
    subject = literal(cycle_id, Uuid())
    return select(Person.id, subject).where(*asked_now(organization_id)).order_by(Person.id)


async def is_active(session: AsyncSession, organization_id: UUID, person_id: UUID) -> bool:
    """Whether the person is in the directory and has not left."""
    query = select(Person.active).where(Person.organization_id == organization_id, Person.id == person_id)
    return bool(await session.scalar(query))


async def read_contacts(session: AsyncSession, organization_id: UUID, person_ids: Sequence[UUID]) -> list[Contact]:
    """The contacts of those people who exist."""
    found = await session.execute(
        select(
            Person.id.label("person_id"),
            *(Person.name, Person.given_name, Person.email, Person.time_zone),
            case((Person.language_known, Person.language), else_="").label("language"),
            *(Person.job_title, Person.department, Person.active),
        ).where(Person.organization_id == organization_id, Person.id == any_(literal(list(person_ids), ARRAY(Uuid()))))
    )
    return [Contact(**row) for row in found.mappings()]


async def find_by_email(session: AsyncSession, organization_id: UUID, emails: set[str]) -> dict[str, UUID]:
    """The ids of the people with these addresses, by address. `emails` are in lower case."""
    if not emails:
        return {}
    rows = await session.execute(
        select(Person.email, Person.id).where(Person.organization_id == organization_id, Person.email.in_(emails))
    )
    return dict(rows.all())


async def read_emails(session: AsyncSession, organization_id: UUID, person_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not person_ids:
        return {}
    rows = await session.execute(
        select(Person.id, Person.email).where(Person.organization_id == organization_id, Person.id.in_(person_ids))
    )
    return dict(rows.all())


async def read_languages(session: AsyncSession, organization_id: UUID) -> tuple[str, ...]:
    """The languages of the directory's active people, in alphabetical order."""
    return tuple(await session.scalars(LANGUAGES, {"organization_id": organization_id}))


def page_of(found: Sequence[UUID], limit: int) -> PersonPage:
    """A page made of the ids that a query found with a limit of `limit + 1`."""
    people = tuple(found[:limit])
    return PersonPage(person_ids=people, after=people[-1] if len(found) > limit else None)


def view_of(row: Person) -> PersonView:
    return PersonView.model_validate(row, from_attributes=True)
