"""Composing a message: its row and the facts of its batch become a subject, a text, HTML and proposed meetings."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.notifications.facts import BatchFacts, DeliveryFacts
from services.notifications.rules.console_pages import console_page
from services.notifications.rules.deputies import deputy_at
from services.notifications.rules.endpoint_notices import endpoint_facts
from services.notifications.rules.look import look_of
from services.notifications.rules.meeting import Meeting
from services.notifications.rules.messages import ClaimedMessage
from services.notifications.rules.overview import overview_facts
from services.notifications.rules.rendering import (
    AnyFacts,
    Facts,
    Partner,
    Rendered,
    one_line,
    render,
)
from services.notifications.rules.sending_hours import zone_of
from services.notifications.rules.wording import own_words
from shared.config import Settings
from shared.contracts.accounts import LogoFile
from shared.contracts.intake import Contact
from shared.contracts.matching import PairSummary
from shared.contracts.notifications import Announcement, Audience, Template
from shared.language.choosing import choose
from shared.language.words import Words, words_of

STAFF = (Audience.COORDINATORS, Audience.SPONSOR)


class InlineLogo(NamedTuple):
    """The logo of the organization, which travels with the message: most mail programs load no picture from elsewhere,
    and a picture that is loaded tells that somebody reads."""

    id: str
    """By which the HTML names it."""
    file: LogoFile


class Composed(NamedTuple):
    """The content of one message, before its channel gives it a form such as an e-mail."""

    message_id: str
    """The stored Message-ID, the same at every attempt."""
    announcement: Announcement
    announced_at: datetime
    composed_at: datetime
    contact: Contact
    """The reader."""
    rendered: Rendered
    language: str
    """The language in which the message is written, as a BCP 47 code."""
    meetings: tuple[Meeting, ...] = ()
    """The first meetings that it proposes."""
    reply_to: Contact | None = None
    """Who gets the reader's answer."""
    sender_name: str | None = None
    """The name of the sender, if the organization has chosen one."""
    logo: InlineLogo | None = None


def compose(message: ClaimedMessage, batch: BatchFacts, settings: Settings, now: datetime) -> Composed:
    """The content of a message, which is the same for every channel."""
    delivery, contact = batch.delivery, batch.contacts[message.person_id]
    words = words_of(choose(contact.language, delivery.language_for(contact.person_id)))
    meetings = _meetings(message.person_id, batch, now, words) if message.template is Template.KICKOFF else {}
    facts = _facts(contact, batch, settings, meetings, words, now)
    own = own_words(message.template, facts, delivery.wordings.get(words.language))
    logo = _logo(delivery, settings)
    look = look_of(delivery.brand, f"cid:{logo.id}" if logo is not None else "")
    rendered = render(message.template, facts, words, own, look)
    return Composed(
        message_id=message.message_id,
        announcement=delivery.announcement,
        announced_at=delivery.announced_at,
        composed_at=now,
        contact=contact,
        rendered=rendered,
        language=words.language,
        meetings=tuple(meetings.values()),
        reply_to=_contact_for(contact, batch),
        sender_name=delivery.brand.sender_name,
        logo=logo,
    )


def _logo(delivery: DeliveryFacts, settings: Settings) -> InlineLogo | None:
    file = delivery.logo
    return None if file is None else InlineLogo(f"{file.digest[:32]}.logo@{settings.mail_domain}", file)


def _facts(
    contact: Contact, batch: BatchFacts, settings: Settings, meetings: dict[UUID, Meeting], words: Words, now: datetime
) -> AnyFacts:
    deputized = _deputized(contact, batch, words, now)
    if batch.delivery.overview is not None:
        told = overview_facts(batch.delivery.overview, contact, words, settings.public_url.rstrip("/"), now)
        return replace(told, stands_in_for=deputized.stands_in_for, deputy=deputized.deputy)
    if batch.delivery.endpoint is not None:
        return endpoint_facts(contact, batch.delivery.endpoint, words)
    brief, token = batch.delivery.cycle, batch.tokens.get(contact.person_id)
    zone = zone_of(contact.time_zone, brief.time_zone)
    public_url, asked = settings.public_url.rstrip("/"), _contact_for(contact, batch)
    return Facts(
        given_name=one_line(contact.given_name) or one_line(contact.name),
        program_name=one_line(brief.program_name),
        organization_name=one_line(brief.organization_name),
        period=one_line(brief.period),
        console_url=public_url + console_page(batch.delivery.announcement, brief.cycle_id),
        staff=batch.delivery.announcement.audience in STAFF,
        link=f"{public_url}/p/{token}" if token else None,
        deadline=words.moment(batch.round.closes_at, zone.key) if batch.round else None,
        number=batch.round.number if batch.round else None,
        partners=tuple(
            _partner(
                pair,
                contact.person_id,
                batch,
                words.moment(meetings[pair.id].starts_at, zone.key) if pair.id in meetings else None,
            )
            for pair in batch.pairs_to_show(contact.person_id)
        ),
        direction=brief.direction,
        contact_name=one_line(asked.name) if asked else "",
        contact_email=one_line(asked.email) if asked else "",
        stands_in_for=deputized.stands_in_for,
        deputy=deputized.deputy,
    )


class Deputized(NamedTuple):
    """The names that `Facts` has by these names."""

    stands_in_for: str = ""
    deputy: str = ""


def _deputized(reader: Contact, batch: BatchFacts, words: Words, now: datetime) -> Deputized:
    """For whom the reader stands in, and who stands in for the reader."""
    delivery = batch.delivery
    if delivery.named is None:
        return Deputized()
    away = delivery.stand_ins.get(reader.person_id, ())
    deputy = batch.contacts.get(deputy_at(reader, now) or reader.person_id)
    own = reader.person_id in delivery.named and deputy is not None and deputy.person_id != reader.person_id
    return Deputized(
        stands_in_for=words.listed(one_line(one.name) for one in away),
        deputy=one_line(deputy.name) if own and deputy is not None else "",
    )


def _contact_for(reader: Contact, batch: BatchFacts) -> Contact | None:
    """Whom the reader may ask. Nobody is told to ask themselves."""
    contact = batch.delivery.contact
    return None if contact is None or contact.person_id == reader.person_id else contact


def _partner(pair: PairSummary, reader_id: UUID, batch: BatchFacts, meeting: str | None) -> Partner:
    partner = batch.partner(pair, reader_id)
    labels = {topic.code: topic.label for topic in batch.delivery.cycle.topics}
    return Partner(
        name=one_line(partner.name),
        email=one_line(partner.email),
        job_title=one_line(partner.job_title),
        department=one_line(partner.department),
        side=pair.side_of(partner.person_id),
        topics=tuple(one_line(labels.get(code, code)) for code in pair.topics),
        meeting=meeting,
    )


def _meetings(reader_id: UUID, batch: BatchFacts, now: datetime, words: Words) -> dict[UUID, Meeting]:
    """The proposed first meeting of each of the reader's pairs, as far as the two share a time. Both sides get the same
    time, each in their own words."""
    delivery, meetings = batch.delivery, dict[UUID, Meeting]()
    for pair in batch.meetable_pairs(reader_id):
        starts_at = delivery.first_meetings.of(pair.id, now) if delivery.first_meetings is not None else None
        if starts_at is None:
            continue
        mentor, mentee = batch.contacts[pair.mentor_id], batch.contacts[pair.mentee_id]
        told = [f"{one_line(person.name)} <{one_line(person.email)}>" for person in (mentor, mentee)]
        meetings[pair.id] = Meeting(
            pair_id=pair.id,
            starts_at=starts_at,
            summary=words.gettext("%(program)s: first meeting", program=one_line(delivery.cycle.program_name)),
            description="\n".join(
                (
                    words.gettext("Mentor: %(name)s", name=told[0]),
                    words.gettext("Mentee: %(name)s", name=told[1]),
                    words.gettext("A proposal: move it to a time that suits you both."),
                )
            ),
            language=words.language,
        )
    return meetings
