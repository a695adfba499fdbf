"""One cycle as feedback sees it: pairs come from a stand-in of matching, rounds run by the activities."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI, Query
from sqlalchemy import select

from services.feedback.main import create_activities
from shared.config import Settings
from shared.contracts.feedback import CompileReport, FeedbackActivities
from shared.contracts.matching import MatchingSummary, PairPage, PairState, PairSummary
from shared.contracts.programs import Outcome
from shared.contracts.rounds import CloseReason, CloseRound, OpenRound, RoundClosed, RoundKind, round_id_for
from shared.database import Database
from shared.events import StagedEvent
from shared.http.internal import Internal
from shared.rounds.store import excuse

PAGE = 2
"""Pairs a page that the stand-in gives, so that every test pages."""


def make_pair(state: PairState = PairState.ACTIVE, topics: tuple[str, ...] = ("ai",)) -> PairSummary:
    return PairSummary(
        id=uuid4(), mentor_id=uuid4(), mentee_id=uuid4(), state=state, topics=topics, activated_at=datetime.now(UTC)
    )


def matching_stand_in(pairs: list[PairSummary]) -> FastAPI:
    """The two reads of matching that feedback makes."""
    app = FastAPI()

    @app.get("/internal/matching/cycles/{cycle_id}/pairs")
    async def read_pairs(
        cycle_id: UUID, state: Annotated[list[PairState], Query()], after: UUID | None = None
    ) -> PairPage:
        found = sorted((p for p in pairs if p.state in state and (after is None or p.id > after)), key=lambda p: p.id)
        page = tuple(found[:PAGE])
        return PairPage(pairs=page, after=page[-1].id if len(found) > PAGE else None)

    @app.get("/internal/matching/cycles/{cycle_id}/summary")
    async def read_summary(cycle_id: UUID) -> MatchingSummary:
        people = {person for pair in pairs for person in (pair.mentor_id, pair.mentee_id)}
        size = len(people)
        return MatchingSummary(
            enrolled=size + 3, mentors=size, mentees=size, matched=size, active=size, completed=size,
            pairs_offered=len(pairs), pairs_active=len(pairs), pairs_completed=len(pairs), pairs_ended=0,
        )  # fmt: skip

    return app


class FeedbackCycle:
    def __init__(self, db: Database, settings: Settings, organization_id: UUID, pairs: int = 1) -> None:
        self.db = db
        self.organization_id = organization_id
        self.cycle_id = uuid4()
        self.pairs = [make_pair() for _ in range(pairs)]
        self.activities: FeedbackActivities = create_activities(
            database=db, internal=Internal(settings, matching_stand_in(self.pairs))
        )

    async def open(self, number: int = 1, kind: RoundKind = RoundKind.CHECK_IN) -> UUID:
        round_id = round_id_for(self.cycle_id, kind, number)
        await self.activities.open_round(
            OpenRound(
                organization_id=self.organization_id,
                cycle_id=self.cycle_id,
                round_id=round_id,
                kind=kind,
                number=number,
                closes_at=datetime.now(UTC) + timedelta(days=1),
            )
        )
        return round_id

    async def close(self, round_id: UUID, reason: CloseReason = CloseReason.DEADLINE) -> RoundClosed:
        return await self.activities.close_round(
            CloseRound(organization_id=self.organization_id, round_id=round_id, reason=reason)
        )

    async def compile(self, outcome: Outcome = Outcome.COMPLETED) -> None:
        await self.activities.compile_report(
            CompileReport(organization_id=self.organization_id, cycle_id=self.cycle_id, outcome=outcome)
        )

    async def end_pair(self, pair: PairSummary) -> None:
        async with self.db.transaction() as session:
            await excuse(session, self.organization_id, pair.id)

    async def events(self, type: str | None = None) -> list[StagedEvent]:
        """The organization's events in the order they were staged."""
        query = select(StagedEvent).where(StagedEvent.organization_id == self.organization_id)
        async with self.db.transaction() as session:
            found = await session.scalars(query.order_by(StagedEvent.id))
            return [event for event in found if type is None or event.type == type]


class Participants:
    """Answers as the console passes them on."""

    def __init__(self, client: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self.client = client
        self.headers = dict(headers)

    async def check_in(self, round_id: UUID, person_id: UUID, *entries: Mapping[str, Any]) -> httpx.Response:
        path = f"/internal/feedback/check-ins/{round_id}/answers/{person_id}"
        return await self.client.post(path, json={"entries": entries}, headers=self.headers)

    async def survey(self, round_id: UUID, person_id: UUID, *entries: Mapping[str, Any]) -> httpx.Response:
        path = f"/internal/feedback/surveys/{round_id}/answers/{person_id}"
        return await self.client.post(path, json={"entries": entries}, headers=self.headers)

    async def form(self, kind: str, round_id: UUID, person_id: UUID) -> httpx.Response:
        return await self.client.get(f"/internal/feedback/{kind}/{round_id}/forms/{person_id}", headers=self.headers)


def met(pair: PairSummary, usefulness: int = 4, **extra: Any) -> dict[str, Any]:
    return {"pair_id": str(pair.id), "met": True, "usefulness": usefulness, **extra}


def not_met(pair: PairSummary, **extra: Any) -> dict[str, Any]:
    return {"pair_id": str(pair.id), "met": False, **extra}


def surveyed(pair: PairSummary, usefulness: int = 4, would_repeat: bool = True, **extra: Any) -> dict[str, Any]:
    return {"pair_id": str(pair.id), "usefulness": usefulness, "would_repeat": would_repeat, **extra}


async def run_round(cycle: FeedbackCycle, participants: Participants, number: int, *answering: UUID) -> None:
    round_id = await cycle.open(number)
    for person_id in answering:
        await participants.check_in(round_id, person_id, met(cycle.pairs[0]))
    await cycle.close(round_id)
