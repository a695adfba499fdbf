"""The internal API of intake: what other services read here, and the answers that the console passes on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.intake import answers
from services.intake.store import absences, colleagues, directory, eligible, enrolments, links, people
from shared.auth import ServiceCaller
from shared.contracts.base import PersonPage
from shared.contracts.intake import (
    Colleagues,
    Contacts,
    EnrolledCount,
    EnrolmentAnswer,
    EnrolmentForm,
    FindColleagues,
    FindPeople,
    LinkGrant,
    LinkOrigin,
    MeetingHoursPage,
    MintedLinks,
    MintLinks,
    PoolPage,
    ReadContacts,
    ResolveLink,
)
from shared.contracts.rounds import AnswerRecorded
from shared.http.dependencies import AppDatabase, InternalClient, Reading, Session
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/internal/intake", include_in_schema=False)
PageLimit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/cycles/{cycle_id}/pool")
async def read_pool(
    cycle_id: UUID, caller: ServiceCaller, session: Reading, after: UUID | None = None, limit: PageLimit = 500
) -> PoolPage:
    return await enrolments.read_pool(session, caller.organization_id, cycle_id, after, limit)


@router.get("/people/pool")
async def read_eligible(
    caller: ServiceCaller, session: Reading, after: UUID | None = None, limit: PageLimit = 500
) -> PoolPage:
    return await eligible.read_eligible(session, caller.organization_id, after, limit)


@router.get("/cycles/{cycle_id}/meeting-hours")
async def read_meeting_hours(
    cycle_id: UUID, caller: ServiceCaller, session: Reading, after: UUID | None = None, limit: PageLimit = 500
) -> MeetingHoursPage:
    return await enrolments.read_meeting_hours(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/leavers")
async def read_leavers(
    cycle_id: UUID, caller: ServiceCaller, session: Reading, after: UUID | None = None, limit: PageLimit = 500
) -> PersonPage:
    return await enrolments.read_leavers(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/enrolled")
async def read_enrolled(
    cycle_id: UUID, caller: ServiceCaller, session: Reading, after: UUID | None = None, limit: PageLimit = 500
) -> PersonPage:
    return await enrolments.read_enrolled(session, caller.organization_id, cycle_id, after, limit)


@router.get("/cycles/{cycle_id}/enrolled/count")
async def count_enrolled(cycle_id: UUID, caller: ServiceCaller, session: Reading) -> EnrolledCount:
    return EnrolledCount(enrolled=await enrolments.count_enrolled(session, caller.organization_id, cycle_id))


@router.post("/contacts")
async def read_contacts(request: ReadContacts, caller: ServiceCaller, session: Reading) -> Contacts:
    contacts = await people.read_contacts(session, caller.organization_id, request.person_ids)
    away = await absences.read_away(session, caller.organization_id, request.person_ids)
    told = (one.model_copy(update={"away": away[one.person_id]}) if one.person_id in away else one for one in contacts)
    return Contacts(contacts=tuple(told))


@router.post("/people/find")
async def find_people(request: FindPeople, caller: ServiceCaller, session: Reading) -> PersonPage:
    return await directory.find_people(session, caller.organization_id, request.words)


@router.post("/links")
async def mint_links(request: MintLinks, caller: ServiceCaller, session: Session) -> MintedLinks:
    return await links.mint_links(session, caller.organization_id, request)


@router.post("/links/resolve")
async def resolve_link(request: ResolveLink, caller: ServiceCaller, session: Reading) -> LinkGrant:
    """The organization comes from the link: the caller knows none yet and names the nil UUID."""
    return await links.resolve_link(session, request.token)


@router.post("/links/origin")
async def read_link_origin(request: ResolveLink, caller: ServiceCaller, session: Reading) -> LinkOrigin:
    """Whom a page names that says why a link does not work. As above, the link names the organization."""
    return await links.read_origin(session, request.token)


@router.post("/links/colleagues")
async def find_colleagues(request: FindColleagues, caller: ServiceCaller, session: Session) -> Colleagues:
    """Whom the reader of a link to an enrolment finds. The organization comes from the link."""
    return await colleagues.find_colleagues(session, request)


@router.get("/rounds/{round_id}/forms/{person_id}")
async def read_form(
    round_id: UUID, person_id: UUID, caller: ServiceCaller, database: AppDatabase, internal: InternalClient
) -> EnrolmentForm:
    return await answers.read_form(database, internal, caller.organization_id, round_id, person_id)


@router.post("/rounds/{round_id}/answers/{person_id}")
async def record_answer(
    round_id: UUID,
    person_id: UUID,
    answer: EnrolmentAnswer,
    caller: ServiceCaller,
    database: AppDatabase,
    internal: InternalClient,
) -> AnswerRecorded:
    return await answers.record_answer(database, internal, caller.organization_id, round_id, person_id, answer)
