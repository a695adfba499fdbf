"""The people whom an announcement is for. They are read a page at a time from the service that knows them."""

from collections.abc import Iterable
from uuid import UUID

from services.notifications.overviews import read_running
from services.notifications.rules.overview import coordinators_of
from shared.contracts.accounts import Brand
from shared.contracts.base import PersonPage, Service
from shared.contracts.intake import Contact, Contacts, ReadContacts
from shared.contracts.matching import PairSummary
from shared.contracts.notifications import Announcement, Audience
from shared.contracts.programs import CycleBrief, Direction, PausedCycles, ProgramBrief
from shared.contracts.round_kinds import declaration_of
from shared.contracts.rounds import FindPending, RecipientState
from shared.http.internal import Internal

PAGE = 500


async def read_brand(internal: Internal, organization_id: UUID) -> Brand:
    """How the organization shows itself."""
    return await internal.get(Service.ACCOUNTS, "/brand", Brand, organization_id)


async def read_brief(internal: Internal, announcement: Announcement) -> CycleBrief | None:
    """The brief of the announcement's cycle; None if the announcement belongs to no cycle."""
    if announcement.cycle_id is None:
        return None
    path = f"/cycles/{announcement.cycle_id}"
    return await internal.get(Service.PROGRAMS, path, CycleBrief, announcement.organization_id)


async def read_paused(internal: Internal, organization_id: UUID) -> frozenset[UUID]:
    """The cycles of the organization that are paused."""
    found = await internal.get(Service.PROGRAMS, "/cycles/paused", PausedCycles, organization_id)
    return frozenset(found.cycle_ids)


async def read_direction(internal: Internal, organization_id: UUID, program_id: UUID | None) -> Direction:
    """Who teaches whom in the program; reverse, if none is named. Raises NotFound for a program that the organization
    does not have."""
    if program_id is None:
        return Direction.REVERSE
    path = f"/programs/{program_id}"
    return (await internal.get(Service.PROGRAMS, path, ProgramBrief, organization_id)).direction


async def read_audience(
    internal: Internal, announcement: Announcement, brief: CycleBrief | None, after: UUID | None
) -> PersonPage:
    """One page of the audience, in the order of ids. Small audiences, such as the coordinators, come as one page."""
    if announcement.audience is Audience.PERSON and announcement.person_id is not None:
        return PersonPage(person_ids=(announcement.person_id,))
    if announcement.audience is Audience.EVERY_COORDINATOR:
        running = await read_running(internal, announcement.organization_id)
        return PersonPage(person_ids=coordinators_of(running))
    if brief is None:
        raise ValueError("an announcement that belongs to no cycle names the person whom it is for")
    if announcement.audience is Audience.PAIR:
        pair = await read_pair(internal, announcement)
        return PersonPage(person_ids=(pair.mentor_id, pair.mentee_id))
    if announcement.audience is Audience.COORDINATORS:
        return PersonPage(person_ids=brief.coordinator_ids)
    if announcement.audience is Audience.SPONSOR:
        return PersonPage(person_ids=(brief.sponsor_id,) if brief.sponsor_id else brief.coordinator_ids)
    service, path, params = _address(announcement)
    params = params | {"limit": str(PAGE)} | ({"after": str(after)} if after else {})
    return await internal.get(service, path, PersonPage, announcement.organization_id, params)


async def read_named(internal: Internal, announcement: Announcement, brief: CycleBrief | None) -> dict[UUID, Contact]:
    """Those of a small audience who have not left. A sponsor who has left counts as none, so that the coordinators are
    told."""
    organization_id = announcement.organization_id
    page = await read_audience(internal, announcement, brief, None)
    contacts = await read_contacts(internal, organization_id, page.person_ids)
    if not contacts and brief is not None and announcement.audience is Audience.SPONSOR:
        contacts = await read_contacts(internal, organization_id, brief.coordinator_ids)
    return contacts


async def read_pair(internal: Internal, announcement: Announcement) -> PairSummary:
    """The pair that the announcement is about."""
    path = f"/pairs/{announcement.scope_id}"
    return await internal.get(Service.MATCHING, path, PairSummary, announcement.organization_id)


async def read_pending(internal: Internal, announcement: Announcement, people: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these people who have not answered in the announcement's round yet."""
    service, path, _ = _address(announcement)
    body = FindPending(person_ids=tuple(sorted(people)))
    found = await internal.ask(service, f"{path}/pending", body, PersonPage, announcement.organization_id)
    return frozenset(found.person_ids)


async def read_contacts(
    internal: Internal, organization_id: UUID, people: Iterable[UUID], *, leavers: bool = False
) -> dict[UUID, Contact]:
    """The contacts of these people, as far as they exist and, without `leavers`, are active."""
    wanted = sorted(set(people))
    contacts: dict[UUID, Contact] = {}
    for start in range(0, len(wanted), PAGE):
        body = ReadContacts(person_ids=tuple(wanted[start : start + PAGE]))
        answer = await internal.ask(Service.INTAKE, "/contacts", body, Contacts, organization_id)
        contacts |= {contact.person_id: contact for contact in answer.contacts if contact.active or leavers}
    return contacts


def _address(announcement: Announcement) -> tuple[Service, str, dict[str, str]]:
    cycle = f"/cycles/{announcement.cycle_id}"
    match announcement.audience:
        case Audience.ROUND if announcement.round_kind is not None:
            path = f"/rounds/{announcement.scope_id}/recipients"
            return declaration_of(announcement.round_kind).owner, path, {"state": RecipientState.PENDING.value}
        case Audience.PARTICIPANTS:
            return Service.MATCHING, f"{cycle}/participants", {}
        case Audience.UNMATCHED:
            return Service.MATCHING, f"{cycle}/unmatched", {}
        case Audience.ENROLLED:
            return Service.INTAKE, f"{cycle}/enrolled", {}
    raise ValueError("an announcement to a round names the round's kind, one to a person the person")
