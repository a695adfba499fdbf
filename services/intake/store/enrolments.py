"""SQL of enrolments: the answers to the enrolment round, and the pool of people that matching reads."""

from collections.abc import Sequence
from typing import NamedTuple, cast
from uuid import UUID, uuid4

from sqlalchemy import Table, Uuid, any_, bindparam, func, literal, or_, select, union
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Enrolment, Person
from services.intake.rules.applications import Application
from services.intake.store.people import page_of, read_emails
from shared.contracts.base import PersonPage
from shared.contracts.intake import (
    EnrolmentAnswer,
    EnrolmentRole,
    MeetingHours,
    MeetingHoursPage,
    MeetingWindow,
    PoolPage,
    PoolPerson,
    TeachingLevel,
)
from shared.contracts.rounds import CloseReason, RoundKind, RoundState
from shared.errors import NotFound
from shared.rounds.models import Round, RoundRecipient
from shared.rounds.store import RoundIsClosed

DEEPEST_LINE = 100
"""The most managers that are read above one person, should the directory contain a circle."""


ASKED = select(
    Round.cycle_id,
    Round.state,
    select(RoundRecipient.person_id)
    .where(
        RoundRecipient.organization_id == bindparam("organization_id"),
        RoundRecipient.round_id == bindparam("round_id"),
        RoundRecipient.person_id == bindparam("person_id"),
        RoundRecipient.excused_at.is_(None),
    )
    .exists(),
).where(
    Round.organization_id == bindparam("organization_id"),
    Round.id == bindparam("round_id"),
    Round.kind == RoundKind.ENROLMENT,
)
ANSWER = select(Enrolment).where(
    Enrolment.organization_id == bindparam("organization_id"),
    Enrolment.cycle_id == bindparam("cycle_id"),
    Enrolment.person_id == bindparam("person_id"),
)
NEW = insert(cast(Table, Enrolment.__table__)).values(submitted_at=func.clock_timestamp())
SAVED = NEW.on_conflict_do_update(
    index_elements=["cycle_id", "person_id"],
    set_={name: NEW.excluded[name] for name in (*Application._fields, "submitted_at")},
    where=Enrolment.organization_id == NEW.excluded.organization_id,
).returning(Enrolment.id)
"""These are made once, as each form or answer needs them (decision 0015)."""


class Asked(NamedTuple):
    cycle_id: UUID
    now: bool
    """False if the person was never asked, or is not any more."""


async def read_asked(session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID) -> Asked:
    """The cycle of an open enrolment round, and whether it asks this person. The round is not locked. Raises NotFound,
    RoundIsClosed (410)."""
    of = {"organization_id": organization_id, "round_id": round_id, "person_id": person_id}
    row = (await session.execute(ASKED, of)).one_or_none()
    if row is None:
        raise NotFound("There is no such enrolment round.", code="round_not_found")
    cycle_id, state, is_asked = row
    if state != RoundState.OPEN:
        raise RoundIsClosed("This round is closed; answers are no longer taken.")
    return Asked(cycle_id, is_asked)


async def save_enrolment(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, person_id: UUID, application: Application
) -> UUID:
    """Writes the application, which replaces an earlier one. Returns the id of the enrolment."""
    key = {"id": uuid4(), "organization_id": organization_id, "cycle_id": cycle_id, "person_id": person_id}
    saved: UUID = (await session.scalars(SAVED, key | application._asdict())).one()
    return saved


async def read_answer(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, person_id: UUID
) -> EnrolmentAnswer | None:
    """What the person answered, as the form has it. None before the first answer."""
    of = {"organization_id": organization_id, "cycle_id": cycle_id, "person_id": person_id}
    row = await session.scalar(ANSWER, of)
    if row is None:
        return None
    emails = await read_emails(session, organization_id, [*row.preferred, *row.avoided])
    return EnrolmentAnswer(
        role=EnrolmentRole(row.role) if row.role else None,
        topics_taught=tuple(row.topics_taught),
        taught_levels={code: TeachingLevel(level) for code, level in row.taught_levels.items()},
        topics_wanted=tuple(row.topics_wanted),
        mentor_capacity=row.mentor_capacity,
        mentee_capacity=row.mentee_capacity,
        languages=tuple(row.languages),
        meeting_windows=tuple(MeetingWindow(window) for window in row.meeting_windows),
        preferred_emails=tuple(emails[person] for person in row.preferred if person in emails),
        avoided_emails=tuple(emails[person] for person in row.avoided if person in emails),
    )


async def read_pool(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> PoolPage:
    """One page of the active people who enrolled with a role, in id order, with their reporting lines."""
    query = (
        select(Enrolment, Person)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            Enrolment.organization_id == organization_id,
            Person.organization_id == organization_id,
            Enrolment.cycle_id == cycle_id,
            Enrolment.role.is_not(None),
            Person.active,
        )
    )
    if after is not None:
        query = query.where(Enrolment.person_id > after)
    rows = (await session.execute(query.order_by(Enrolment.person_id).limit(limit + 1))).all()
    lines = await read_lines(session, organization_id, [person.id for _, person in rows[:limit]])
    people = tuple(_pool_person(enrolment, person, lines[person.id]) for enrolment, person in rows[:limit])
    return PoolPage(people=people, after=people[-1].person_id if len(rows) > limit else None)


async def count_enrolled(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> int:
    """How many active people have enrolled with a role: those who would be matched now."""
    counted = await session.scalar(
        select(func.count())
        .select_from(Enrolment)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            Enrolment.organization_id == organization_id,
            Enrolment.cycle_id == cycle_id,
            Enrolment.role.is_not(None),
            Person.active,
        )
    )
    return counted or 0


async def read_meeting_hours(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> MeetingHoursPage:
    """One page of when the people who enrolled with a role can meet, in id order. Leavers are included, so that what is
    planned for the others does not change when somebody leaves."""
    query = (
        select(Enrolment.person_id, Person.time_zone, Enrolment.meeting_windows)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            Enrolment.organization_id == organization_id,
            Person.organization_id == organization_id,
            Enrolment.cycle_id == cycle_id,
            Enrolment.role.is_not(None),
        )
    )
    if after is not None:
        query = query.where(Enrolment.person_id > after)
    rows = (await session.execute(query.order_by(Enrolment.person_id).limit(limit + 1))).all()
    people = tuple(
        MeetingHours(person_id=person_id, time_zone=time_zone, meeting_windows=tuple(map(MeetingWindow, windows)))
        for person_id, time_zone, windows in rows[:limit]
    )
    return MeetingHoursPage(people=people, after=people[-1].person_id if len(rows) > limit else None)


async def read_leavers(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> PersonPage:
    """One page of the people who enrolled with a role and have left since, in id order."""
    query = (
        select(Enrolment.person_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            Enrolment.organization_id == organization_id,
            Person.organization_id == organization_id,
            Enrolment.cycle_id == cycle_id,
            Enrolment.role.is_not(None),
            Person.active.is_(False),
        )
    )
    if after is not None:
        query = query.where(Enrolment.person_id > after)
    found = await session.scalars(query.order_by(Enrolment.person_id).limit(limit + 1))
    return page_of(found.all(), limit)


async def read_enrolled(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> PersonPage:
    """One page of everyone who enrolled, and of those who were asked and have not answered.

    The latter count while the round is open, and also when the round was closed because the cycle was cancelled: they
    too are waiting for the cycle.
    """
    enrolled = select(Enrolment.person_id).where(
        Enrolment.organization_id == organization_id, Enrolment.cycle_id == cycle_id, Enrolment.role.is_not(None)
    )
    asked = (
        select(RoundRecipient.person_id)
        .join(Round, Round.id == RoundRecipient.round_id)
        .where(
            Round.organization_id == organization_id,
            RoundRecipient.organization_id == organization_id,
            Round.cycle_id == cycle_id,
            Round.kind == RoundKind.ENROLMENT,
            or_(Round.state == RoundState.OPEN, Round.close_reason == CloseReason.CANCELLED),
            RoundRecipient.answered_at.is_(None),
            RoundRecipient.excused_at.is_(None),
        )
    )
    if after is not None:
        enrolled = enrolled.where(Enrolment.person_id > after)
        asked = asked.where(RoundRecipient.person_id > after)
    both = union(enrolled, asked).subquery()
    found = await session.scalars(select(both.c.person_id).order_by(both.c.person_id).limit(limit + 1))
    return page_of(found.all(), limit)


async def read_lines(
    session: AsyncSession, organization_id: UUID, person_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, ...]]:
    """The managers above each person, nearest first. One query reads them for all people."""
    line = (
        select(
            Person.id.label("person_id"),
            Person.manager_id.label("manager_id"),
            literal(1).label("distance"),
        )
        .where(Person.organization_id == organization_id, Person.id == any_(literal(list(person_ids), ARRAY(Uuid()))))
        .cte("line", recursive=True)
    )
    line = line.union_all(
        select(line.c.person_id, Person.manager_id, line.c.distance + 1)
        .join(Person, Person.id == line.c.manager_id)
        .where(Person.organization_id == organization_id, line.c.distance < DEEPEST_LINE)
    )
    rows = await session.execute(
        select(line.c.person_id, line.c.manager_id)
        .where(line.c.manager_id.is_not(None))
        .order_by(line.c.person_id, line.c.distance)
    )
    managers: dict[UUID, dict[UUID, None]] = {person_id: {} for person_id in person_ids}
    for person_id, manager_id in rows:
        managers[person_id][manager_id] = None
    return {person_id: tuple(above) for person_id, above in managers.items()}


def _pool_person(enrolment: Enrolment, person: Person, managers: tuple[UUID, ...]) -> PoolPerson:
    return PoolPerson(
        person_id=person.id,
        role=EnrolmentRole(str(enrolment.role)),  # the query leaves None out
        level=person.level,
        department=person.department,
        location=person.location,
        time_zone=person.time_zone,
        managers=managers,
        languages=tuple(enrolment.languages) or (person.language,),
        topics_taught=tuple(enrolment.topics_taught),
        taught_levels={code: TeachingLevel(level) for code, level in enrolment.taught_levels.items()},
        topics_wanted=tuple(enrolment.topics_wanted),
        mentor_capacity=enrolment.mentor_capacity,
        mentee_capacity=enrolment.mentee_capacity,
        meeting_windows=tuple(MeetingWindow(window) for window in enrolment.meeting_windows),
        preferred=tuple(enrolment.preferred),
        avoided=tuple(enrolment.avoided),
    )
