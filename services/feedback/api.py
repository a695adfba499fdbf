"""The HTTP edge. Admins read and resolve concerns and read the report; the console reads forms and sends answers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.feedback import answers
from services.feedback.resources import (
    AssignConcern,
    ConcernPage,
    ConcernResource,
    ConcernSort,
    ReportResource,
    ResolveConcern,
)
from services.feedback.rules.concerns import ConcernStatus
from services.feedback.store import answers as answers_store
from services.feedback.store import concerns, lists, reports
from shared.auth import Coordinator, Role, ServiceCaller, Viewer
from shared.contracts.feedback import CheckInAnswer, CheckInForm, ConcernReason, SurveyAnswer, SurveyForm
from shared.contracts.rounds import AnswerRecorded, RoundKind
from shared.database import Database
from shared.errors import Forbidden
from shared.http.dependencies import AppDatabase, InternalClient, Session
from shared.http.directory import refuse_others
from shared.http.lists import Page, answer_list
from shared.http.paging import Cursor, Limit
from shared.http.problems import refusals
from shared.http.routing import Route
from shared.http.tables import tables_too
from shared.keys import Caller

State = Annotated[ConcernStatus | None, Query(description="all states if it is left out")]
router = APIRouter(route_class=Route, tags=["feedback"])
internal_router = APIRouter(route_class=Route, prefix="/internal/feedback", include_in_schema=False)


@router.get("/v1/cycles/{cycle_id}/concerns", response_model=ConcernPage, responses=tables_too())
async def list_concerns(
    cycle_id: UUID,
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    state: State = None,
    sort: ConcernSort = "id",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ConcernPage | Response:
    """The concerns of this cycle, which need a human: ids, reasons, rungs and times. Whom a concern is about, and why,
    is told to coordinators; viewers read that a pair needs help."""
    return await _answer(request, database, caller, lists.Wanted(cycle_id, state), Page(sort, cursor, limit))


@router.get("/v1/concerns", response_model=ConcernPage, responses=tables_too(403))
async def list_all_concerns(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    cycle_id: UUID | None = None,
    state: State = None,
    pair_id: UUID | None = None,
    person_id: Annotated[UUID | None, Query(description="whom it is about; for coordinators")] = None,
    reason: Annotated[ConcernReason | None, Query(description="why it was raised; for coordinators")] = None,
    sort: ConcernSort = "-raised_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ConcernPage | Response:
    """The concerns of all cycles, by default newest first. Viewers read them without whom they are about and why, and
    may not ask for that."""
    wanted = lists.Wanted(cycle_id, state, pair_id, person_id, reason)
    return await _answer(request, database, caller, wanted, Page(sort, cursor, limit))


async def _answer(
    request: Request, database: Database, caller: Caller, wanted: lists.Wanted, page: Page
) -> ConcernPage | Response:
    in_full = caller.role.covers(Role.COORDINATOR)
    if wanted.reveals() and not in_full:
        raise Forbidden(
            "Whom a concern is about, and why, is told to coordinators; leave person_id and reason out.",
            code="role_too_low",
        )

    async def read(session: AsyncSession, part: Page) -> ConcernPage:
        found = await lists.list_concerns(session, caller.organization_id, wanted, part)
        return found if in_full else found.anonymous()

    return await answer_list(request, database, page, read, name="concerns", item=ConcernResource)


@router.get("/v1/concerns/{concern_id}", responses=refusals(404))
async def read_concern(concern_id: UUID, caller: Viewer, session: Session) -> ConcernResource:
    """One concern: who was told last, who takes care of it, and how it ended. Viewers read it without whom it is about
    and why."""
    found = await concerns.read_concern(session, caller.organization_id, concern_id)
    return found if caller.role.covers(Role.COORDINATOR) else found.anonymous()


@router.put("/v1/concerns/{concern_id}/assignee", responses=refusals(404, 409))
async def assign_concern(
    concern_id: UUID,
    body: AssignConcern,
    caller: Coordinator,
    session: Session,
    database: AppDatabase,
    internal: InternalClient,
) -> ConcernResource:
    """Records who takes care of an open concern, so that others leave it to them. It tells nobody, and reminders go on
    until the concern is resolved."""
    organization_id = caller.organization_id
    named = {} if body.person_id is None else {"body.person_id": body.person_id}
    await concerns.read_concern(session, organization_id, concern_id)
    await session.commit()
    if (refusal := await refuse_others(internal, organization_id, named)) is not None:
        raise refusal
    async with database.transaction() as later:
        return await concerns.assign_concern(later, organization_id, concern_id, body.person_id)


@router.post("/v1/concerns/{concern_id}/resolve", responses=refusals(404))
async def resolve_concern(
    concern_id: UUID, caller: Coordinator, session: Session, body: ResolveConcern | None = None
) -> ConcernResource:
    """Ends the concern's reminders. The body may be left out; it says how the concern ended. Resolving it again changes
    nothing."""
    resolution = body.resolution if body is not None else None
    return await concerns.resolve_concern(session, caller.organization_id, concern_id, caller.key_id, resolution)


@router.get("/v1/cycles/{cycle_id}/report", responses=refusals(404))
async def get_report(cycle_id: UUID, caller: Viewer, session: Session) -> ReportResource:
    """The report of a cycle that is over. Figures about fewer than five people are null and marked `suppressed`."""
    return await reports.read_report(session, caller.organization_id, cycle_id)


@internal_router.get("/concerns/open")
async def read_open_concerns(caller: ServiceCaller, session: Session) -> ConcernPage:
    """The oldest first. Those behind the first thousand are counted and not told."""
    wanted = lists.Wanted(None, ConcernStatus.OPEN)
    return await lists.list_concerns(session, caller.organization_id, wanted, Page("raised_at", None, 1000))


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
