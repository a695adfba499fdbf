"""SQL of absences: on which days somebody is away, and who stands in for them. A person has one at most."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, delete, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Absence, Person
from services.intake.resources import AbsenceEdit, AbsenceView, PersonNotFound
from shared.contracts.intake import Away
from shared.errors import Invalid, NotFound

LONGEST = timedelta(days=731)
MESSAGE = "Some fields are not valid; see errors."


class AbsenceNotFound(NotFound):
    code = "absence_not_found"


async def read_absence(session: AsyncSession, organization_id: UUID, person_id: UUID) -> AbsenceView:
    """Raises AbsenceNotFound, also for a person who is not there."""
    row = await session.scalar(
        select(Absence).where(Absence.organization_id == organization_id, Absence.person_id == person_id)
    )
    if row is None:
        raise AbsenceNotFound("No absence of this person is known.")
    return AbsenceView(person_id=row.person_id, deputy_id=row.deputy_id, first_day=row.first_day, last_day=row.last_day)


async def set_absence(session: AsyncSession, organization_id: UUID, person_id: UUID, edit: AbsenceEdit) -> AbsenceView:
    """Replaces the absence that there was. Raises PersonNotFound, and Invalid for a deputy who has left, is of another
    organization, or is the person, and for days that are over or not in order."""
    active = await _active(session, organization_id, {person_id, edit.deputy_id})
    if person_id not in active:
        raise PersonNotFound("There is no such person who works here.")
    problems = _problems(person_id, edit, active, datetime.now(UTC).date())
    if problems:
        raise Invalid(MESSAGE, errors=[{"field": f"body.{field}", "detail": said} for field, said in problems.items()])
    values = edit.model_dump()
    await session.execute(
        insert(Absence)
        .values(organization_id=organization_id, person_id=person_id, **values)
        .on_conflict_do_update(index_elements=["organization_id", "person_id"], set_=values)
    )
    return AbsenceView(person_id=person_id, **values)


async def end_absence(session: AsyncSession, organization_id: UUID, person_id: UUID) -> None:
    """Forgets the absence. Raises AbsenceNotFound."""
    ended = await session.scalar(
        delete(Absence)
        .where(Absence.organization_id == organization_id, Absence.person_id == person_id)
        .returning(Absence.person_id)
    )
    if ended is None:
        raise AbsenceNotFound("No absence of this person is known.")


async def read_away(session: AsyncSession, organization_id: UUID, people: Collection[UUID]) -> dict[UUID, Away]:
    """The absences of these people that are not over."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)  # somewhere it is still that day
    rows = await session.scalars(
        select(Absence).where(
            Absence.organization_id == organization_id,
            Absence.person_id == any_(literal(list(people), ARRAY(Uuid()))),
            Absence.last_day >= yesterday,
        )
    )
    return {
        row.person_id: Away(deputy_id=row.deputy_id, first_day=row.first_day, last_day=row.last_day) for row in rows
    }


async def _active(session: AsyncSession, organization_id: UUID, people: Collection[UUID]) -> frozenset[UUID]:
    found = await session.scalars(
        select(Person.id).where(Person.organization_id == organization_id, Person.id.in_(people), Person.active)
    )
    return frozenset(found)


def _problems(person_id: UUID, edit: AbsenceEdit, active: frozenset[UUID], today: date) -> dict[str, str]:
    found = {}
    if edit.deputy_id == person_id or edit.deputy_id not in active:
        found["deputy_id"] = "expected the id of another active person"
    if edit.last_day < edit.first_day:
        found["last_day"] = "must not be before first_day"
    elif not today - timedelta(days=1) <= edit.last_day <= today + LONGEST:
        found["last_day"] = "must lie between today and two years ahead"
    return found
