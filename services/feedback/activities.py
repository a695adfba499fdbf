"""The Temporal edge. An activity reads what it needs from matching first, and then does its work in a transaction."""

from temporalio import activity

from services.feedback import closing
from services.feedback.pairs import ACTIVATED, read_pairs, read_summary
from services.feedback.store import answers, concerns
from services.feedback.telling import tell_concerns
from shared.contracts.feedback import (
    CompileReport,
    ConcernsResolved,
    ConcernState,
    ConcernsTold,
    EscalateConcern,
    EscalateRound,
    FeedbackActivities,
    ReportCompiled,
    ResolveConcerns,
    RoundConcerns,
    TellConcerns,
)
from shared.contracts.matching import PairState
from shared.contracts.rounds import CloseRound, ExtendRound, OpenRound, RoundClosed, RoundExtended, RoundOpened
from shared.database import Database
from shared.http.internal import Internal
from shared.rounds.store import extend_round


class Activities(FeedbackActivities):
    def __init__(self, *, database: Database, internal: Internal) -> None:
        self._database = database
        self._internal = internal

    @activity.defn
    async def open_round(self, request: OpenRound) -> RoundOpened:
        pairs = await read_pairs(self._internal, request.organization_id, request.cycle_id, [PairState.ACTIVE])
        async with self._database.transaction() as session:
            await answers.open_round(session, request, pairs)
        # A pair that ended after it was read and before the round was open could not be excused from the round then.
        ended = await read_pairs(self._internal, request.organization_id, request.cycle_id, [PairState.ENDED])
        async with self._database.transaction() as session:
            return await answers.excuse_pairs(session, request, ended)

    @activity.defn
    async def extend_round(self, request: ExtendRound) -> RoundExtended:
        async with self._database.transaction() as session:
            return await extend_round(session, request)

    @activity.defn
    async def close_round(self, request: CloseRound) -> RoundClosed:
        async with self._database.transaction() as session:
            return await closing.close_round(session, request)

    @activity.defn
    async def escalate_concern(self, request: EscalateConcern) -> ConcernState:
        async with self._database.transaction() as session:
            return await concerns.escalate_concern(session, request)

    @activity.defn
    async def escalate_round(self, request: EscalateRound) -> RoundConcerns:
        async with self._database.transaction() as session:
            return await concerns.escalate_round(session, request)

    @activity.defn
    async def tell_concerns(self, request: TellConcerns) -> ConcernsTold:
        return await tell_concerns(self._database, activity.client(), request)

    @activity.defn
    async def resolve_concerns(self, request: ResolveConcerns) -> ConcernsResolved:
        async with self._database.transaction() as session:
            resolved = await concerns.resolve_pairs(session, request.organization_id, request.pair_ids)
        return ConcernsResolved(concerns=resolved)

    @activity.defn
    async def compile_report(self, request: CompileReport) -> ReportCompiled:
        pairs = await read_pairs(self._internal, request.organization_id, request.cycle_id, ACTIVATED)
        summary = await read_summary(self._internal, request.organization_id, request.cycle_id)
        async with self._database.transaction() as session:
            return await closing.conclude(session, request, summary, pairs)
