"""The internal HTTP edge of matching: what other services read, and the answers that the console takes from people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.matching.pairs import answers
from services.matching.pairs.store import leavers, offers, people
from services.matching.pairs.store import pairs as pairs_store
from services.matching.resources import MatchRunList
from services.matching.runs.store import reading
from shared.attention.resources import LeftPairs
from shared.auth import ServiceCaller
from shared.contracts.base import Moment, PersonPage
from shared.contracts.matching import (
    AcceptanceAnswer,
    AcceptanceForm,
    MatchingSummary,
    PairPage,
    PairState,
    PairSummary,
)
from shared.contracts.rounds import AnswerRecorded
from shared.http.dependencies import Session
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/internal/matching", include_in_schema=False)
PageLimit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/rounds/{round_id}/forms/{person_id}")
async def read_form(round_id: UUID, person_id: UUID, caller: ServiceCaller, session: Session) -> AcceptanceForm:
    return await offers.read_form(session, caller.organization_id, round_id, person_id)


@router.post("/rounds/{round_id}/answers/{person_id}")
async def answer(
    round_id: UUID, person_id: UUID, body: AcceptanceAnswer, caller: ServiceCaller, session: Session
) -> AnswerRecorded:
    return await answers.record_decisions(session, caller.organization_id, round_id, person_id, body)


@router.get("/cycles/{cycle_id}/pairs")
async def read_pairs(
    cycle_id: UUID,
    caller: ServiceCaller,
    session: Session,
    state: Annotated[list[PairState] | None, Query()] = None,
    after: UUID | None = None,
    limit: PageLimit = 500,
    reasons: bool = True,
) -> PairPage:
    """Without `reasons` neither these nor scores are read, which for thousands of pairs takes much longer."""
    if not reasons:
        return await pairs_store.read_couples(session, caller.organization_id, cycle_id, state or (), after, limit)
    pairs, last = await pairs_store.read_pairs(session, caller.organization_id, cycle_id, state or (), after, limit)
    found = tuple(PairSummary.model_validate(pair, from_attributes=True) for pair in pairs)
    return PairPage(pairs=found, after=last)


@router.get("/cycles/{cycle_id}/match-runs")
async def read_runs(cycle_id: UUID, caller: ServiceCaller, session: Session) -> MatchRunList:
    return MatchRunList(items=await reading.read_runs(session, caller.organization_id, cycle_id))


@router.get("/left")
async def read_left(since: Moment, caller: ServiceCaller, session: Session) -> LeftPairs:
    return await leavers.count_left(session, caller.organization_id, since)


@router.get("/pairs/{pair_id}")
async def read_pair(pair_id: UUID, caller: ServiceCaller, session: Session) -> PairSummary:
    pair = await pairs_store.read_pair(session, caller.organization_id, pair_id)
    return PairSummary.model_validate(pair, from_attributes=True)


@router.get("/cycles/{cycle_id}/participants")
async def read_participants(
    cycle_id: UUID, caller: ServiceCaller, session: Session, after: UUID | None = None, limit: PageLimit = 500
) -> PersonPage:
    return await people.read_participants(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/unmatched")
async def read_unmatched(
    cycle_id: UUID, caller: ServiceCaller, session: Session, after: UUID | None = None, limit: PageLimit = 500
) -> PersonPage:
    return await people.read_unmatched(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/summary")
async def read_summary(cycle_id: UUID, caller: ServiceCaller, session: Session) -> MatchingSummary:
    return await people.read_summary(session, caller.organization_id, cycle_id)
