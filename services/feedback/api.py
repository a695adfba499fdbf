"""The HTTP edge. Admins read and resolve concerns and read the report; the console reads forms and sends answers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.feedback import answers
from services.feedback.resources import ConcernPage, ConcernResource, ReportResource
from services.feedback.rules.concerns import ConcernStatus
from services.feedback.store import answers as answers_store
from services.feedback.store import concerns, reports
from shared.auth import Coordinator, Role, ServiceCaller, Viewer
from shared.contracts.feedback import CheckInAnswer, CheckInForm, SurveyAnswer, SurveyForm
from shared.contracts.rounds import AnswerRecorded, RoundKind
from shared.http.dependencies import Session
from shared.http.paging import Cursor, Limit, decode_cursor
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, tags=["feedback"])
internal_router = APIRouter(route_class=Route, prefix="/internal/feedback", include_in_schema=False)


@router.get("/v1/cycles/{cycle_id}/concerns")
async def list_concerns(
    cycle_id: UUID,
    caller: Viewer,
    session: Session,
    state: Annotated[ConcernStatus | None, Query(description="all states if it is left out")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ConcernPage:
    """The concerns of this cycle, which need a human: ids, reasons, rungs and times. Whom a concern is about, and why,
    is told to coordinators; viewers read that a pair needs help."""
    page = await concerns.read_concerns(session, caller.organization_id, cycle_id, state, decode_cursor(cursor), limit)
    return page if caller.role.covers(Role.COORDINATOR) else page.anonymous()


@router.post("/v1/concerns/{concern_id}/resolve", responses=refusals(404))
async def resolve_concern(concern_id: UUID, caller: Coordinator, session: Session) -> ConcernResource:
    """Ends the concern's reminders. Resolving it again changes nothing."""
    return await concerns.resolve_concern(session, caller.organization_id, concern_id, caller.key_id)


@router.get("/v1/cycles/{cycle_id}/report", responses=refusals(404))
async def get_report(cycle_id: UUID, caller: Viewer, session: Session) -> ReportResource:
    """The report of a cycle that is over. Figures about fewer than five people are null and marked `suppressed`."""
    return await reports.read_report(session, caller.organization_id, cycle_id)


@internal_router.get("/check-ins/{round_id}/forms/{person_id}")
async def get_check_in_form(round_id: UUID, person_id: UUID, caller: ServiceCaller, session: Session) -> CheckInForm:
    number, pairs = await answers_store.read_questions(
        session, caller.organization_id, round_id, RoundKind.CHECK_IN, person_id
    )
    return CheckInForm(number=number, pairs=pairs)


@internal_router.post("/check-ins/{round_id}/answers/{person_id}")
async def post_check_in(
    round_id: UUID, person_id: UUID, answer: CheckInAnswer, caller: ServiceCaller, session: Session
) -> AnswerRecorded:
    return await answers.record_check_in(session, caller.organization_id, round_id, person_id, answer)


@internal_router.get("/surveys/{round_id}/forms/{person_id}")
async def get_survey_form(round_id: UUID, person_id: UUID, caller: ServiceCaller, session: Session) -> SurveyForm:
    _, pairs = await answers_store.read_questions(
        session, caller.organization_id, round_id, RoundKind.SURVEY, person_id
    )
    return SurveyForm(pairs=pairs)


@internal_router.post("/surveys/{round_id}/answers/{person_id}")
async def post_survey(
    round_id: UUID, person_id: UUID, answer: SurveyAnswer, caller: ServiceCaller, session: Session
) -> AnswerRecorded:
    return await answers.record_survey(session, caller.organization_id, round_id, person_id, answer)
