"""SQL of what an admin changes in the directory by hand. It waits for an import that writes, as imports for it."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from services.intake.person import PersonRecord
from services.intake.resources import PersonView
from services.intake.rules.by_hand import PersonEdit, changed_since, version_of
from services.intake.store.people import change_people, create_people, lock_directory, read_person
from shared.contracts.events import PersonLeft, PersonReturned
from shared.errors import Invalid
from shared.events import emit
from shared.http.etags import check_match

TAKEN = "belongs to somebody else of the directory"


class PersonInvalid(Invalid):
    code = "person_invalid"


async def create_person(session: AsyncSession, organization_id: UUID, edit: PersonEdit) -> PersonView:
    """Adds the person. Raises PersonInvalid."""
    await lock_directory(session, organization_id)
    record = edit.record(uuid4())
    await _check(session, organization_id, record, None)
    await create_people(session, organization_id, [record])
    return await read_person(session, organization_id, record.id)


async def replace_person(
    session: AsyncSession, organization_id: UUID, person_id: UUID, edit: PersonEdit, if_match: str
) -> PersonView:
    """Changes the person, and tells who is concerned if they left or returned. Raises PersonNotFound, StaleVersion,
    PersonInvalid."""
    await lock_directory(session, organization_id)
    before = await read_person(session, organization_id, person_id)
    tags = [tag.strip().strip('"') for tag in if_match.split(",")]
    now = before.model_dump(mode="json")
    check_match(if_match, version_of(now), changed_since(tags[0], now))
    record = edit.record(person_id)
    await _check(session, organization_id, record, before)
    await change_people(session, organization_id, [record])
    if before.active and not record.active:
        await emit(session, organization_id, PersonLeft(person_id=person_id))
    if record.active and not before.active:
        await emit(session, organization_id, PersonReturned(person_id=person_id))
    session.expire_all()
    return await read_person(session, organization_id, person_id)


async def _check(session: AsyncSession, organization_id: UUID, record: PersonRecord, before: PersonView | None) -> None:
    """Raises PersonInvalid for what only the directory can tell."""
    wrong: dict[str, str] = {}
    others = (Person.organization_id == organization_id, Person.id != record.id)
    if await session.scalar(select(Person.id).where(*others, Person.email == record.email)):
        wrong["email"] = TAKEN
    if record.external_id and await session.scalar(
        select(Person.id).where(*others, Person.external_id == record.external_id)
    ):
        wrong["external_id"] = TAKEN
    if record.manager_id is not None and (before is None or before.manager_id != record.manager_id):
        wrong |= await _wrong_manager(session, organization_id, record.id, record.manager_id)
    if wrong:
        errors = [{"field": f"body.{name}", "detail": detail} for name, detail in wrong.items()]
        raise PersonInvalid("Some fields do not fit the directory; see errors.", errors=errors)


async def _wrong_manager(
    session: AsyncSession, organization_id: UUID, person_id: UUID, manager_id: UUID
) -> Mapping[str, str]:
    mine = Person.organization_id == organization_id
    if not await session.scalar(select(Person.active).where(mine, Person.id == manager_id)):
        return {"manager_id": "is nobody who works here"}
    line = select(Person.id, Person.manager_id).where(mine, Person.id == manager_id).cte("line", recursive=True)
    above = select(Person.id, Person.manager_id).where(mine, Person.id == line.c.manager_id)
    line = line.union(above)  # without ALL, so that a circle that is there already ends
    if await session.scalar(select(line.c.id).where(line.c.id == person_id)):
        return {"manager_id": "reports to this person already, so that the reporting line would go round"}
    return {}
