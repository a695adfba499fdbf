"""Stand-ins of the services that matching reads from, and a match run to start tests from."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from services.matching.activities import Activities
from services.matching.main import create_activities
from shared.config import Settings
from shared.contracts.intake import PoolPage, PoolPerson
from shared.contracts.matching import Proposal, ProposeMatches
from shared.contracts.programs import Calendar, CycleBrief, Direction, MatchingPolicy, Stage, Topic
from shared.database import Database
from shared.events import StagedEvent
from shared.http.internal import Internal


def pool_person(role: str, level: int, **features: Any) -> PoolPerson:
    base = {"person_id": uuid4(), "department": "IT", "time_zone": "Europe/Berlin", "languages": ("en",)}
    return PoolPerson.model_validate(base | {"role": role, "level": level} | features)


def mentors(count: int, **features: Any) -> list[PoolPerson]:
    return [pool_person("mentor", 1, **({"topics_taught": ("ai",)} | features)) for _ in range(count)]


def mentees(count: int, **features: Any) -> list[PoolPerson]:
    return [pool_person("mentee", 4, **({"topics_wanted": ("ai",)} | features)) for _ in range(count)]


class Matching:
    """Matching's activities over a pool that the test chooses, for one cycle."""

    def __init__(self, db: Database, settings: Settings, organization_id: UUID, pool: Sequence[PoolPerson]) -> None:
        self.db = db
        self.organization_id = organization_id
        self.program_id = uuid4()
        self.cycle_id = uuid4()
        self.pool = list(pool)
        self.pool_reads = 0
        self.activities: Activities = create_activities(database=db, internal=Internal(settings, self._others()))

    async def propose(self, attempt: int = 1, **policy: Any) -> Proposal:
        request = ProposeMatches(
            organization_id=self.organization_id,
            cycle_id=self.cycle_id,
            attempt=attempt,
            direction=Direction.REVERSE,
            policy=MatchingPolicy(**policy),
        )
        proposal: Proposal = await ActivityEnvironment().run(self.activities.propose_matches, request)
        return proposal

    async def events(self, *types: str) -> list[tuple[str, dict[str, Any]]]:
        """Type and data of the events staged for the organization, in order; all of them without `types`."""
        query = select(StagedEvent).where(StagedEvent.organization_id == self.organization_id)
        async with self.db.transaction() as session:
            found = (await session.scalars(query.order_by(StagedEvent.id))).all()
        return [(event.type, event.data) for event in found if not types or event.type in types]

    async def told(self, *types: str) -> list[str]:
        return [type for type, _ in await self.events(*types)]

    def _others(self) -> FastAPI:
        app = FastAPI()

        @app.get("/internal/intake/cycles/{cycle_id}/pool")
        async def pool(cycle_id: UUID, after: UUID | None = None) -> PoolPage:
            """Two people a page, so that paging matters."""
            self.pool_reads += 1
            left = sorted((one for one in self.pool if not after or one.person_id > after), key=_id)
            return PoolPage(people=tuple(left[:2]), after=left[1].person_id if len(left) > 2 else None)

        @app.get("/internal/programs/cycles/{cycle_id}")
        async def brief(cycle_id: UUID) -> CycleBrief:
            return CycleBrief(
                organization_id=self.organization_id,
                organization_name="Acme",
                program_id=self.program_id,
                program_name="Upward",
                cycle_id=cycle_id,
                period="2025-Q1",
                stage=Stage.MATCHING,
                direction=Direction.REVERSE,
                time_zone="Europe/Berlin",
                topics=(Topic(code="ai", label="Generative AI"),),
                sponsor_id=None,
                coordinator_ids=(),
                calendar=Calendar(),
                policy=MatchingPolicy(),
            )

        return app


def _id(person: PoolPerson) -> UUID:
    return person.person_id
