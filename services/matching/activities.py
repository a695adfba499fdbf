"""The Temporal edge of matching: each activity opens a transaction, calls, and answers with a contract."""

from temporalio import activity

from services.matching.pairs.store import leavers, offers, recovery
from services.matching.pairs.store import pairs as pairs_store
from services.matching.runs import proposing
from shared.contracts.intake import Leaver
from shared.contracts.matching import (
    ConcludeOffers,
    ConcludePairs,
    LeaverReleased,
    MatchingActivities,
    OffersConcluded,
    PairsConcluded,
    Proposal,
    ProposeMatches,
)
from shared.contracts.programs import CycleRef
from shared.contracts.recovery.facts import MatchingRecovery, OffersStanding
from shared.contracts.rounds import CloseRound, ExtendRound, OpenRound, RoundClosed, RoundExtended, RoundOpened
from shared.database import Database
from shared.http.internal import Internal
from shared.rounds import store as rounds


class Activities(MatchingActivities, MatchingRecovery):
    def __init__(self, *, database: Database, internal: Internal) -> None:
        self._database = database
        self._internal = internal

    @activity.defn
    async def propose_matches(self, request: ProposeMatches) -> Proposal:
        return await proposing.propose(request, self._database, self._internal, activity.heartbeat)

    @activity.defn
    async def conclude_offers(self, request: ConcludeOffers) -> OffersConcluded:
        async with self._database.transaction() as session:
            active = await offers.conclude_offers(session, request.organization_id, request.cycle_id)
        return OffersConcluded(active=active)

    @activity.defn
    async def conclude_pairs(self, request: ConcludePairs) -> PairsConcluded:
        async with self._database.transaction() as session:
            pairs = await pairs_store.conclude_pairs(session, request.organization_id, request.cycle_id, request.state)
        return PairsConcluded(pairs=pairs)

    @activity.defn
    async def release_leaver(self, request: Leaver) -> LeaverReleased:
        async with self._database.transaction() as session:
            pairs = await leavers.release(session, request.organization_id, request.person_id, request.left_at)
        return LeaverReleased(pairs=pairs)

    @activity.defn
    async def read_offers(self, request: CycleRef) -> OffersStanding:
        async with self._database.transaction() as session:
            return await recovery.read_offers(session, request.organization_id, request.cycle_id)

    @activity.defn
    async def open_round(self, request: OpenRound) -> RoundOpened:
        async with self._database.transaction() as session:
            return await offers.open_round(session, request)

    @activity.defn
    async def extend_round(self, request: ExtendRound) -> RoundExtended:
        async with self._database.transaction() as session:
            return await rounds.extend_round(session, request)

    @activity.defn
    async def close_round(self, request: CloseRound) -> RoundClosed:
        async with self._database.transaction() as session:
            return await offers.close_round(session, request)
