"""SQL of the lists of people that the public API gives: the directory, searched, filtered and sorted."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from services.intake.person import Availability
from services.intake.resources import (
    DirectoryValue,
    DirectoryValues,
    PendingPage,
    PendingPerson,
    PeoplePage,
    PersonView,
)
from shared.contracts.base import PersonPage
from shared.contracts.intake import NamedPeople, NamedPerson
from shared.contracts.round_kinds import declaration_of
from shared.errors import Forbidden
from shared.http.lists import Column, Page, containing, equal, read_page
from shared.rounds.models import RoundRecipient
from shared.rounds.store import read_round

COLUMNS: dict[str, Column] = {
    "name": func.lower(Person.name),
    "email": Person.email,
    "department": func.lower(Person.department),
    "level": Person.level,
    "location": func.lower(Person.location),
}
"""Those by which people are sorted, besides the id. Indexes serve the names and the departments."""
FIELDS = tuple(PersonView.model_fields)
"""The columns that a list reads, as columns take half the time of whole objects. The first one is the id."""
PEOPLE = select(*(getattr(Person, name) for name in FIELDS))
NAMED = tuple(NamedPerson.model_fields)
NAMES = select(*(getattr(Person, name) for name in NAMED)).where(
    Person.organization_id == bindparam("organization_id"), Person.id == any_(bindparam("ids", type_=ARRAY(Uuid())))
)
"""Made once (decision 0015)."""


MOST_FOUND = 1000
MOST_VALUES = 500


class NotNamed(Forbidden):
    code = "pending_not_named"


class Wanted(NamedTuple):
    """What somebody looks for in the directory. None stands for anything."""

    words: str | None = None
    department: str | None = None
    level: int | None = None
    active: bool | None = None
    availability: Availability | None = None
    location: str | None = None
    ids: list[UUID] | None = None

    def filters(self) -> list[ColumnElement[bool]]:
        department = None if self.department is None else self.department.strip().lower()
        location = None if self.location is None else self.location.strip().lower()
        return [
            *containing(self.words, Person.name, Person.email, Person.job_title),
            *equal(func.lower(Person.department), department),
            *equal(func.lower(Person.location), location),
            *equal(Person.level, self.level),
            *equal(Person.active, self.active),
            *equal(Person.availability, self.availability),
            *equal(Person.id, self.ids),
        ]


async def list_people(session: AsyncSession, organization_id: UUID, wanted: Wanted, page: Page) -> PeoplePage:
    """One page of the people who are wanted. Raises BadRequest for an unknown cursor."""
    found = await read_page(
        session,
        PEOPLE,
        page,
        key=Person.id,
        columns=COLUMNS,
        scope=[Person.organization_id == organization_id],
        filters=wanted.filters(),
    )
    items = [dict(zip(FIELDS, row, strict=True)) for row in found.rows]
    return PeoplePage.model_validate({"items": items, "next": found.next, "total": found.total})


async def read_names(session: AsyncSession, organization_id: UUID, ids: list[UUID]) -> NamedPeople:
    """Those of these people who are in the directory."""
    found = await session.execute(NAMES, {"organization_id": organization_id, "ids": ids})
    return NamedPeople.model_validate({"items": [dict(zip(NAMED, row, strict=True)) for row in found]})


async def read_values(session: AsyncSession, organization_id: UUID) -> DirectoryValues:
    """What people of the directory have in common, in alphabetical order and up to a bound."""

    async def values(column: Column) -> tuple[DirectoryValue, ...]:
        here = func.count().filter(Person.active)
        rows = await session.execute(
            select(func.min(column), here, func.count())
            .where(Person.organization_id == organization_id, column != "")
            .group_by(func.lower(column))
            .order_by(func.lower(column))
            .limit(MOST_VALUES)
        )
        return tuple(DirectoryValue(value=value, active=active, people=people) for value, active, people in rows)

    people, active = (
        await session.execute(
            select(func.count(), func.count().filter(Person.active)).where(Person.organization_id == organization_id)
        )
    ).one()
    return DirectoryValues(
        departments=await values(Person.department),
        locations=await values(Person.location),
        people=people,
        active=active,
    )


async def find_people(session: AsyncSession, organization_id: UUID, words: str) -> PersonPage:
    """The first of the people whose name or address contains each of these words, in the order of their ids."""
    found = await session.scalars(
        select(Person.id)
        .where(Person.organization_id == organization_id, *containing(words, Person.name, Person.email))
        .order_by(Person.id)
        .limit(MOST_FOUND)
    )
    return PersonPage(person_ids=tuple(found))


async def list_pending(
    session: AsyncSession, organization_id: UUID, round_id: UUID, wanted: Wanted, page: Page
) -> PendingPage:
    """One page of the people whom the round asks and who have not answered everything. Raises NotFound for an unknown
    round, NotNamed, and BadRequest for an unknown cursor."""
    if not declaration_of((await read_round(session, organization_id, round_id)).kind).tells_who_answered:
        raise NotNamed("Who has not answered a check-in or a survey is not told; the cycle's rounds have the counts.")
    found = await read_page(
        session,
        select(Person, func.count()).join(RoundRecipient, RoundRecipient.person_id == Person.id).group_by(Person.id),
        page,
        key=Person.id,
        columns=COLUMNS,
        scope=[
            Person.organization_id == organization_id,
            RoundRecipient.organization_id == organization_id,
            RoundRecipient.round_id == round_id,
        ],
        filters=[RoundRecipient.answered_at.is_(None), RoundRecipient.excused_at.is_(None), *wanted.filters()],
    )
    items = tuple(
        PendingPerson(
            id=person.id,
            name=person.name,
            email=person.email,
            job_title=person.job_title,
            department=person.department,
            level=person.level,
            missing=missing,
        )
        for person, missing in found.rows
    )
    return PendingPage(items=items, next=found.next, total=found.total)
