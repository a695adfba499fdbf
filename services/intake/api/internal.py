"""What the other services read of intake, and the answers that the console passes on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.intake.rules.applications import check_application, emails_of
from services.intake.store import enrolments, links, people
from shared.auth import InternalCaller, ServiceCaller
from shared.contracts.base import PersonPage, Service
from shared.contracts.events import EnrolmentSubmitted
from shared.contracts.intake import (
    Contacts,
    EnrolmentAnswer,
    EnrolmentForm,
    LinkGrant,
    MintedLinks,
    MintLinks,
    PoolPage,
    ReadContacts,
    ResolveLink,
)
from shared.contracts.programs import CycleBrief
from shared.contracts.rounds import AnswerRecorded
from shared.events import emit
from shared.http.dependencies import AppDatabase, InternalClient, Session
from shared.http.internal import Internal
from shared.rounds import store as rounds

router = APIRouter(prefix="/internal/intake", include_in_schema=False)
PageLimit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/cycles/{cycle_id}/pool")
async def read_pool(
    cycle_id: UUID, caller: ServiceCaller, session: Session, after: UUID | None = None, limit: PageLimit = 500
) -> PoolPage:
    return await enrolments.read_pool(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/enrolled")
async def read_enrolled(
    cycle_id: UUID, caller: ServiceCaller, session: Session, after: UUID | None = None, limit: PageLimit = 500
) -> PersonPage:
    return await enrolments.read_enrolled(session, caller.organization_id, cycle_id, after, limit)


@router.post("/contacts")
async def read_contacts(request: ReadContacts, caller: ServiceCaller, session: Session) -> Contacts:
    return Contacts(contacts=tuple(await people.read_contacts(session, caller.organization_id, request.person_ids)))


@router.post("/links")
async def mint_links(request: MintLinks, caller: ServiceCaller, session: Session) -> MintedLinks:
    return await links.mint_links(session, caller.organization_id, request)


@router.post("/links/resolve")
async def resolve_link(request: ResolveLink, caller: ServiceCaller, session: Session) -> LinkGrant:
    """The organization comes from the link: the caller knows none yet and names the nil UUID."""
    return await links.resolve_link(session, request.token)


@router.get("/rounds/{round_id}/forms/{person_id}")
async def read_form(
    round_id: UUID, person_id: UUID, caller: ServiceCaller, database: AppDatabase, internal: InternalClient
) -> EnrolmentForm:
    async with database.transaction() as session:
        round_ = await enrolments.read_open_round(session, caller.organization_id, round_id)
        await enrolments.check_asked(session, caller.organization_id, round_id, person_id)
        languages = await people.read_languages(session, caller.organization_id)
        answer = await enrolments.read_answer(session, caller.organization_id, round_.cycle_id, person_id)
    brief = await _read_brief(internal, caller, round_.cycle_id)
    return EnrolmentForm(program_name=brief.program_name, topics=brief.topics, languages=languages, answer=answer)


@router.post("/rounds/{round_id}/answers/{person_id}")
async def record_answer(
    round_id: UUID,
    person_id: UUID,
    answer: EnrolmentAnswer,
    caller: ServiceCaller,
    database: AppDatabase,
    internal: InternalClient,
) -> AnswerRecorded:
    """Takes an application while the round is open; a later one replaces it."""
    async with database.transaction() as session:
        open_round = await enrolments.read_open_round(session, caller.organization_id, round_id)
    brief = await _read_brief(internal, caller, open_round.cycle_id)
    async with database.transaction() as session:
        round_ = await rounds.lock_open_round(session, caller.organization_id, round_id)
        subjects = await rounds.asked_subjects(session, round_, person_id)
        wishes = await people.find_by_email(session, caller.organization_id, emails_of(answer))
        application = check_application(answer, brief.topics, wishes, person_id)
        enrolment_id = await enrolments.save_enrolment(
            session, caller.organization_id, round_.cycle_id, person_id, application
        )
        if application.role is not None:
            submitted = EnrolmentSubmitted(enrolment_id=enrolment_id, cycle_id=round_.cycle_id, person_id=person_id)
            await emit(session, caller.organization_id, submitted)
        await rounds.mark_answered(session, round_, person_id, subjects)
        return AnswerRecorded(round_id=round_id, closes_at=round_.closes_at)


async def _read_brief(internal: Internal, caller: InternalCaller, cycle_id: UUID) -> CycleBrief:
    return await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, caller.organization_id)
