"""What the tests of intake share: people in the directory, an open round, and a stand-in for programs."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from sqlalchemy import select, update

from services.intake import main
from services.intake.person import PersonRecord
from services.intake.store.people import create_people
from shared.auth import ServiceCaller
from shared.contracts.programs import Calendar, CycleBrief, Direction, MatchingPolicy, Stage, Topic
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.events import StagedEvent
from shared.rounds.models import Round

TOPICS = (
    Topic(code="ai", label="Artificial intelligence", aliases=("KI",)),
    Topic(code="social", label="Social media"),
)


def person(email: str, *, manager_id: UUID | None = None, level: int = 1, active: bool = True) -> PersonRecord:
    given = email.partition("@")[0].title()
    return PersonRecord(
        uuid4(), None, email, f"{given} Example", given, "Example", "Job", "IT", "Rome", "Europe/Rome", "it", level,
        manager_id, None, active,
    )  # fmt: skip


async def add_people(db: Database, organization_id: UUID, *people: PersonRecord) -> None:
    async with db.transaction() as session:
        await create_people(session, organization_id, people)


async def open_enrolment(db: Database, organization_id: UUID) -> OpenRound:
    """Asks everyone in the directory about a new cycle."""
    cycle_id = uuid4()
    request = OpenRound(
        organization_id=organization_id,
        cycle_id=cycle_id,
        round_id=round_id_for(cycle_id, RoundKind.ENROLMENT, 1),
        kind=RoundKind.ENROLMENT,
        number=1,
        closes_at=datetime.now(UTC) + timedelta(days=14),
    )
    await main.create_activities(database=db).open_round(request)
    return request


async def set_round_state(db: Database, round_id: UUID, state: str, reason: str) -> None:
    async with db.transaction() as session:
        await session.execute(update(Round).where(Round.id == round_id).values(state=state, close_reason=reason))


async def staged(db: Database, organization_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of the organization's events, in order."""
    async with db.transaction() as session:
        rows = await session.execute(
            select(StagedEvent.type, StagedEvent.data)
            .where(StagedEvent.organization_id == organization_id)
            .order_by(StagedEvent.id)
        )
        return list(rows)


def programs() -> ModuleType:
    """A stand-in for the service programs, which knows every cycle."""
    module = ModuleType("programs")
    router = APIRouter()

    @router.get("/internal/programs/cycles/{cycle_id}")
    async def read_brief(cycle_id: UUID, caller: ServiceCaller) -> CycleBrief:
        return CycleBrief(
            organization_id=caller.organization_id,
            organization_name="Example",
            program_id=uuid4(),
            program_name="Digital Upward",
            cycle_id=cycle_id,
            period="2026-Q2",
            stage=Stage.INTAKE,
            direction=Direction.REVERSE,
            time_zone="Europe/Rome",
            topics=TOPICS,
            sponsor_id=None,
            coordinator_ids=(),
            calendar=Calendar(),
            policy=MatchingPolicy(),
        )

    module.router = router  # type: ignore[attr-defined]  # a module made by hand has no declared names
    return module
