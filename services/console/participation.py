"""What a participant's link leads to: a form from the owner of the round, and an answer that is passed on to it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import httpx
import structlog
from pydantic import ValidationError
from structlog.contextvars import bind_contextvars

from services.console.forms.registry import questionnaire_of
from services.console.look import OURS, Look, look_of
from shared.contracts.accounts import Brand
from shared.contracts.base import Contract, Service
from shared.contracts.feedback import CheckInForm
from shared.contracts.intake import (
    Contact,
    Contacts,
    LinkGrant,
    LinkOrigin,
    ReadContacts,
    ResolveLink,
    first_active,
)
from shared.contracts.matching import AcceptanceForm
from shared.contracts.notifications import OwnPageWords, PageText, PageWords
from shared.contracts.programs import CycleBrief
from shared.contracts.round_kinds import declaration_of
from shared.contracts.rounds import AnswerRecorded
from shared.errors import DomainError, NotFound
from shared.http.internal import Internal
from shared.language import page_texts
from shared.language.page_texts import Told
from shared.language.words import Words

log = structlog.get_logger(__name__)
NO_ORGANIZATION = UUID(int=0)


class LinkUnknown(NotFound):
    code = "link_unknown"


class Participation(NamedTuple):
    """Everything that a participant's page shows."""

    grant: LinkGrant
    brief: CycleBrief
    time_zone: str
    form: Contract
    partners: dict[UUID, Contact]
    contact: Contact | None = None
    """Whom a reader may ask: the program's first coordinator who has not left."""
    brand: Look = OURS
    own_words: tuple[PageWords, ...] = ()
    """The texts of the page that the organization has written itself."""


async def resolve(internal: Internal, token: str) -> LinkGrant:
    """What the link allows. Raises LinkUnknown (404), and Gone (410) when it has expired or its round has closed."""
    try:
        request = ResolveLink(token=token)
    except ValidationError:
        raise LinkUnknown("There is no such link.") from None
    grant = await internal.ask(Service.INTAKE, "/links/resolve", request, LinkGrant, NO_ORGANIZATION)
    bind_contextvars(organization_id=str(grant.organization_id))
    return grant


async def read_look(internal: Internal, organization_id: UUID) -> Look:
    """How the organization shows itself. A page that cannot learn it looks like ours."""
    try:
        return look_of(await internal.get(Service.ACCOUNTS, "/brand", Brand, organization_id), organization_id)
    except (DomainError, httpx.HTTPError) as error:
        log.warning("look.unknown", error=type(error).__name__)
        return OURS


async def read_own_words(internal: Internal, brief: CycleBrief) -> tuple[PageWords, ...]:
    """The organization's own words for the pages of the program. A page that cannot learn them says it in ours."""
    params = {"program_id": str(brief.program_id)}
    try:
        found = await internal.get(Service.NOTIFICATIONS, "/page-words", OwnPageWords, brief.organization_id, params)
    except (DomainError, httpx.HTTPError) as error:
        log.warning("page_words.unknown", error=type(error).__name__)
        return ()
    return found.items


async def read_brief(internal: Internal, grant: LinkGrant) -> CycleBrief:
    return await internal.get(Service.PROGRAMS, f"/cycles/{grant.cycle_id}", CycleBrief, grant.organization_id)


async def read_form(internal: Internal, grant: LinkGrant) -> Contract:
    """What the owner of the round shows this person. Raises Forbidden, NotFound, Gone or Conflict, as the owner
    decides."""
    owned, form_type = declaration_of(grant.kind), questionnaire_of(grant.kind).form_type
    path = f"{owned.path}/{grant.round_id}/forms/{grant.person_id}"
    form: Contract = await internal.get(owned.owner, path, form_type, grant.organization_id)
    return form


async def read_form_if_asked(internal: Internal, grant: LinkGrant) -> Contract | None:
    """None if there is nothing to answer any more, as when the pair was settled meanwhile."""
    try:
        return await read_form(internal, grant)
    except DomainError:
        return None


async def read_participation(internal: Internal, grant: LinkGrant) -> Participation:
    """Reads the owner's form, the cycle, the names of the partners and the time zone of the reader."""
    brief, form, look = await asyncio.gather(
        read_brief(internal, grant), read_form(internal, grant), read_look(internal, grant.organization_id)
    )
    partners = questionnaire_of(grant.kind).partners(form)
    people, own = await asyncio.gather(
        read_contacts(internal, grant.organization_id, [*partners, *brief.coordinator_ids]),
        read_own_words(internal, brief),
    )
    return Participation(
        grant,
        brief,
        grant.time_zone or brief.time_zone,
        form,
        {person_id: people[person_id] for person_id in partners if person_id in people},
        first_active(brief.coordinator_ids, people),
        look,
        own,
    )


async def read_contact(internal: Internal, brief: CycleBrief) -> Contact | None:
    """Whom a participant may ask."""
    people = await read_contacts(internal, brief.organization_id, brief.coordinator_ids)
    return first_active(brief.coordinator_ids, people)


class Origin(NamedTuple):
    """What a page may say to somebody whose link does not work."""

    contact: Contact | None = None
    """Whom they may ask."""
    language: str = ""
    look: Look = OURS


async def read_origin(internal: Internal, token: str) -> Origin:
    """As far as the link tells."""
    try:
        origin = await internal.ask(
            Service.INTAKE, "/links/origin", ResolveLink(token=token), LinkOrigin, NO_ORGANIZATION
        )
        brief = await internal.get(Service.PROGRAMS, f"/cycles/{origin.cycle_id}", CycleBrief, origin.organization_id)
        look = await read_look(internal, origin.organization_id)
        return Origin(await read_contact(internal, brief), origin.language, look)
    except (ValidationError, DomainError, httpx.HTTPError):
        return Origin()


def told_on(found: Participation, words: Words) -> Told:
    """Heading and introduction of the page. A kind of round that declares no texts has its title for a heading."""
    number = str(found.form.number) if isinstance(found.form, CheckInForm) else ""
    offers = len(found.form.offers) if isinstance(found.form, AcceptanceForm) else 1
    told = _told("page", found.grant, found.brief, found.own_words, words, {"number": number}, offers)
    return told or Told(words.translations.gettext(questionnaire_of(found.grant.kind).title), ())


def thanks_for(grant: LinkGrant, brief: CycleBrief, own: tuple[PageWords, ...], words: Words) -> Told | None:
    """What the page after the answer says first. None for a kind of round that declares no texts."""
    return _told("thanks", grant, brief, own, words)


def _told(
    which: str,
    grant: LinkGrant,
    brief: CycleBrief,
    own: tuple[PageWords, ...],
    words: Words,
    more: Mapping[str, str] = MappingProxyType({}),
    offers: int = 1,
) -> Told | None:
    try:
        text = PageText(f"{grant.kind.value}_{which}")
    except ValueError:
        return None
    values = {
        "given_name": grant.given_name,
        "program": brief.program_name,
        "period": brief.period,
        "organization": brief.organization_name,
        "deadline": words.moment(grant.closes_at, grant.time_zone or brief.time_zone),
        **more,
    }
    return page_texts.told(text, words, values, own, brief.direction, offers)


async def send_answer(internal: Internal, grant: LinkGrant, answer: Contract) -> AnswerRecorded:
    """Passes the answer on to the owner of the round. Raises Invalid, Conflict or Gone, as the owner decides."""
    owned = declaration_of(grant.kind)
    path = f"{owned.path}/{grant.round_id}/answers/{grant.person_id}"
    return await internal.post(owned.owner, path, answer, AnswerRecorded, grant.organization_id)


async def read_contacts(internal: Internal, organization_id: UUID, person_ids: Sequence[UUID]) -> dict[UUID, Contact]:
    """The people by their ids, at most 1,000 at once. Those who do not exist are missing."""
    if not person_ids:
        return {}
    request = ReadContacts(person_ids=tuple(dict.fromkeys(person_ids)))
    found = await internal.ask(Service.INTAKE, "/contacts", request, Contacts, organization_id)
    return {contact.person_id: contact for contact in found.contacts}
