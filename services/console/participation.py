"""What a participant's link leads to: a form from the owner of the round, and an answer that is passed on to it."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import httpx
import structlog
from pydantic import ValidationError
from structlog.contextvars import bind_contextvars

from services.console.forms.registry import questionnaire_of
from services.console.look import OURS, Look
from services.console.surroundings import read_contacts, read_surroundings
from shared.contracts.base import Contract, Service
from shared.contracts.feedback import CheckInForm
from shared.contracts.intake import Contact, LinkGrant, LinkOrigin, ResolveLink
from shared.contracts.matching import AcceptanceForm
from shared.contracts.notifications import PageText, PageWords
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
    """Reads the owner's form, what surrounds it, and the names of the partners."""
    around, form = await asyncio.gather(
        read_surroundings(internal, grant.organization_id, grant.cycle_id), read_form(internal, grant)
    )
    return Participation(
        grant,
        around.brief,
        grant.time_zone or around.brief.time_zone,
        form,
        await read_contacts(internal, grant.organization_id, questionnaire_of(grant.kind).partners(form)),
        around.contact,
        around.look,
        around.own_words,
    )


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
        around = await read_surroundings(internal, origin.organization_id, origin.cycle_id)
        return Origin(around.contact, origin.language, around.look)
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
