"""What feedback does when a round closes, and when the whole cycle is over."""

from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.rules.concerns import silent_participants
from services.feedback.rules.report import compile_report
from services.feedback.store import answers, reports
from services.feedback.store.concerns import raise_concerns, read_earlier_concerns, read_misses, resolve_cycle
from shared.contracts.feedback import CompileReport, ConcernReason, ReportCompiled
from shared.contracts.matching import MatchingSummary, PairSummary
from shared.contracts.rounds import CloseReason, CloseRound, RoundClosed, RoundKind
from shared.rounds import store as rounds

log = structlog.get_logger(__name__)


async def close_round(session: AsyncSession, request: CloseRound) -> RoundClosed:
    """Closes the round. If it is a check-in round, this also raises the concerns about people who missed check-ins.

    A repeated call raises no concern again. A round that was cancelled raises none, as its cycle is over and nobody has
    to act.
    """
    closed, now = await rounds.close_round(session, request)
    if not now or request.reason is CloseReason.CANCELLED:
        return closed
    round_ = await answers.read_round(session, request.organization_id, request.round_id)
    if round_.kind != RoundKind.CHECK_IN:
        return closed
    misses = await read_misses(session, round_)
    earlier = await read_earlier_concerns(session, round_)
    silent = silent_participants(misses, earlier, round_.number)
    raised = await raise_concerns(session, round_, ConcernReason.MISSED_CHECK_INS, silent)
    log.info("check_in_round.closed", round_id=str(round_.id), missed=len(misses), concerns=raised)
    return closed


async def conclude(
    session: AsyncSession, request: CompileReport, summary: MatchingSummary, pairs: Sequence[PairSummary]
) -> ReportCompiled:
    """Stores the report of a cycle that is over, and resolves its open concerns."""
    organization_id, cycle_id = request.organization_id, request.cycle_id
    resolved = await resolve_cycle(session, organization_id, cycle_id)
    report = compile_report(
        request.outcome,
        summary,
        await reports.read_round_facts(session, organization_id, cycle_id),
        pairs,
        await reports.read_check_ins(session, organization_id, cycle_id),
        await reports.read_surveys(session, organization_id, cycle_id),
    )
    await reports.save_report(session, organization_id, cycle_id, report)
    log.info("report.compiled", cycle_id=str(cycle_id), outcome=request.outcome.value, concerns_resolved=resolved)
    return ReportCompiled(outcome=request.outcome)
