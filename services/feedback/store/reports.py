"""SQL of reports: the facts from which a report is compiled, and the stored report."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback.models import CheckIn, StoredReport, SurveyResponse
from services.feedback.resources import ReportResource
from services.feedback.rules.report import CheckInFact, Report, RoundFact, SurveyFact, told_again
from shared.contracts.events import ReportCompiledEvent
from shared.contracts.matching import Side
from shared.errors import NotFound
from shared.events import emit
from shared.rounds.models import Round, RoundRecipient
from shared.rounds.store import read_rounds

RULE = 2
"""The version of the rule about what is shown. It is stored with each report, but not with those of the first one."""


class ReportNotReady(NotFound):
    code = "report_not_ready"


async def read_round_facts(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[RoundFact]:
    """The rounds of the cycle in the order in which they opened, and how many different people each of them asked."""
    found = await session.execute(
        select(RoundRecipient.round_id, func.count(RoundRecipient.person_id.distinct()))
        .join(Round, Round.id == RoundRecipient.round_id)
        .where(
            Round.organization_id == organization_id,
            Round.cycle_id == cycle_id,
            RoundRecipient.organization_id == organization_id,
            RoundRecipient.excused_at.is_(None),
        )
        .group_by(RoundRecipient.round_id)
    )
    people: dict[UUID, int] = dict(found.all())
    rounds = await read_rounds(session, organization_id, cycle_id)
    return [RoundFact(counts, people.get(counts.id, 0)) for counts in rounds]


async def read_check_ins(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[CheckInFact]:
    """All check-ins of the cycle, without their notes."""
    found = await session.execute(
        select(CheckIn.person_id, CheckIn.side, CheckIn.met, CheckIn.usefulness, CheckIn.obstacle).where(
            CheckIn.organization_id == organization_id, CheckIn.cycle_id == cycle_id
        )
    )
    return [CheckInFact(row.person_id, Side(row.side), row.met, row.usefulness, row.obstacle) for row in found]


async def read_surveys(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[SurveyFact]:
    """All survey answers of the cycle, without their comments."""
    found = await session.execute(
        select(
            SurveyResponse.person_id, SurveyResponse.side, SurveyResponse.usefulness, SurveyResponse.would_repeat
        ).where(SurveyResponse.organization_id == organization_id, SurveyResponse.cycle_id == cycle_id)
    )
    return [SurveyFact(row.person_id, Side(row.side), row.usefulness, row.would_repeat) for row in found]


async def save_report(session: AsyncSession, organization_id: UUID, cycle_id: UUID, report: Report) -> None:
    """Stores the report of the cycle; a repeated call replaces it. Emits `report.compiled` only the first time."""
    document = report.model_dump(mode="json") | {"rule": RULE}
    first = await session.scalar(
        insert(StoredReport)
        .values(cycle_id=cycle_id, organization_id=organization_id, outcome=report.outcome, document=document)
        .on_conflict_do_nothing(index_elements=[StoredReport.cycle_id])
        .returning(StoredReport.cycle_id)
    )
    if first is not None:
        await emit(session, organization_id, ReportCompiledEvent(cycle_id=cycle_id, outcome=report.outcome))
        return
    row = await session.scalar(
        select(StoredReport)
        .where(StoredReport.organization_id == organization_id, StoredReport.cycle_id == cycle_id)
        .with_for_update()
    )
    if row is not None:
        row.outcome, row.document = report.outcome, document
        await session.flush()


async def read_report(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> ReportResource:
    """Raises ReportNotReady (404) until the report is compiled."""
    row = await session.scalar(
        select(StoredReport).where(StoredReport.organization_id == organization_id, StoredReport.cycle_id == cycle_id)
    )
    if row is None:
        raise ReportNotReady(
            "There is no report of this cycle: it is compiled when the cycle ends. "
            "Look at GET /v1/cycles/{id} for its stage and ask again when it is over."
        )
    report = Report.model_validate(row.document)
    if row.document.get("rule", 1) < RULE:
        report = told_again(report)
    return ReportResource(cycle_id=cycle_id, compiled_at=row.compiled_at, **dict(report))
