"""The organizations of `bench/tenants.py`: many quiet ones with cycles in different stages, and a large one."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.webhooks.models import EndpointRow
from services.intake.store.links import mint_links
from services.programs.models import CycleRow, ProgramRow
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.intake import MintLinks
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Stage
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.keys import OrganizationRow
from shared.rounds.recipients import Recipient
from shared.rounds.store import open_round

STAGES = (Stage.SCHEDULED, Stage.INTAKE, Stage.REVIEW, Stage.ACTIVE, Stage.COMPLETED)
LINKS = 5
"""So many people of each organization in intake have a link to their form."""
ADD_PEOPLE = text("""insert into intake.person (id, organization_id, email, name, given_name, family_name, job_title,
        department, location, time_zone, language, level, active)
    select gen_random_uuid(), organization_id, 'p' || n || '@bench.example', 'Person ' || n, 'Person', n::text,
        'Specialist', 'Department ' || n % 14, 'Berlin', 'UTC', 'en', n % 9, true
    from unnest(:organizations) as organization_id, generate_series(1, :people) as n""")
READ_PEOPLE = text("select id from intake.person where organization_id = :organization order by id")
TELL_ROUND = text("""insert into notifications.announcement
        (id, organization_id, cycle_id, scope_id, template, audience, round_kind, occurrence, prepared_at)
    values (:announcement, :organization, :cycle, :round, 'enrolment_invitation', 'round', 'enrolment', 1,
        now())""")


ADD_MESSAGES = text("""insert into notifications.message
        (id, organization_id, announcement_id, cycle_id, scope_id, person_id, template, occurrence, message_id, due_at)
    select gen_random_uuid(), :organization, :announcement, :cycle, :round, id, 'enrolment_invitation', 1,
        '<' || id || '@bench.example>', now()
    from intake.person where organization_id = :organization""")


class Tenant(NamedTuple):
    """A quiet organization. Its disabled endpoint is what its owner is told about."""

    organization_id: UUID
    cycle_id: UUID
    endpoint_id: UUID
    owner_id: UUID
    links: tuple[str, ...]


class Company(NamedTuple):
    quiet: tuple[Tenant, ...]
    large: Tenant


async def found(database: Database, organizations: int, people: int, many: int) -> Company:
    """Writes the rows of so many quiet organizations of so many people, and of a large one of `many`."""
    quiet = [await _add(database, number, STAGES[number % len(STAGES)], people) for number in range(organizations)]
    large = await _add(database, organizations, Stage.SCHEDULED, many)
    async with database.transaction() as session:
        people_of = list(await session.scalars(READ_PEOPLE, {"organization": large.organization_id}))
        await _ask(session, large.organization_id, large.cycle_id, people_of)
        told = invitation(large, 1)
        given = {"announcement": told.id, "organization": large.organization_id, "cycle": large.cycle_id}
        await session.execute(ADD_MESSAGES, {**given, "round": told.scope_id})
        await session.execute(text("analyze"))
    return Company(tuple(quiet), large)


def invitation(large: Tenant, number: int, *, again: bool = False) -> Announcement:
    """What the large organization tells in its round of this number. The first one is prepared and not sent."""
    return Announcement(
        organization_id=large.organization_id,
        cycle_id=large.cycle_id,
        scope_id=round_id_for(large.cycle_id, RoundKind.ENROLMENT, number),
        template=Template.ENROLMENT_INVITATION,
        audience=Audience.ROUND,
        round_kind=RoundKind.ENROLMENT,
        again=again,
    )


async def _add(database: Database, number: int, stage: Stage, people: int) -> Tenant:
    organization_id, program_id, cycle_id, now = uuid4(), uuid4(), uuid4(), datetime.now(UTC)
    async with database.transaction() as session:
        session.add(OrganizationRow(id=organization_id, name=f"Bench {number}"))
        await session.flush()
        await session.execute(ADD_PEOPLE, {"organizations": [organization_id], "people": people})
        ids = list(await session.scalars(READ_PEOPLE, {"organization": organization_id}))
        same: dict[str, Any] = {
            "organization_id": organization_id,
            "direction": Direction.REVERSE,
            "topics": [],
            "calendar": Calendar(sending_hours=None).model_dump(mode="json"),
            "policy": MatchingPolicy().model_dump(mode="json"),
        }
        program = {"name": "Bench", "time_zone": "UTC", "coordinator_ids": [ids[0]], "recurs": False}
        session.add(ProgramRow(**same, **program, id=program_id))
        await session.flush()
        begins = now + timedelta(days=90) if stage is Stage.SCHEDULED else now
        ended = now if stage is Stage.COMPLETED else None
        session.add(
            CycleRow(
                **same,
                id=cycle_id,
                program_id=program_id,
                period="2027-Q1",
                stage=stage,
                starts_at=begins,
                ended_at=ended,
                outcome="completed" if ended else None,
            )
        )
        endpoint = EndpointRow(
            id=uuid4(),
            organization_id=organization_id,
            owner_id=ids[0],
            url="https://hooks.example/upward",
            description="",
            types=[],
            rate_limit=50,
            reached_sequence=0,
            state=EndpointState.DISABLED,
            disable_reason=DisableReason.FAILING,
            disabled_at=now,
        )
        session.add(endpoint)
        links = await _ask(session, organization_id, cycle_id, ids) if stage is Stage.INTAKE else ()
    return Tenant(organization_id, cycle_id, endpoint.id, ids[0], links)


async def _ask(session: AsyncSession, organization_id: UUID, cycle_id: UUID, people: list[UUID]) -> tuple[str, ...]:
    """Everybody is asked to enrol, and was told so before. Returns the secrets of some links."""
    kind, round_id = RoundKind.ENROLMENT, round_id_for(cycle_id, RoundKind.ENROLMENT, 1)
    closes = datetime.now(UTC) + timedelta(days=14)
    round_ = OpenRound(
        organization_id=organization_id, cycle_id=cycle_id, round_id=round_id, kind=kind, number=1, closes_at=closes
    )
    await open_round(session, round_, [Recipient(one, cycle_id) for one in people])
    told = invitation(Tenant(organization_id, cycle_id, round_id, round_id, ()), 1)
    given = {"announcement": told.id, "organization": organization_id, "cycle": cycle_id, "round": round_id}
    await session.execute(TELL_ROUND, given)
    asked = MintLinks(round_id=round_id, kind=kind, cycle_id=cycle_id, person_ids=tuple(people[:LINKS]))
    minted = await mint_links(session, organization_id, asked)
    return tuple(link.token for link in minted.links)
