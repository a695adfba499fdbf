"""The facts that a delivery needs to compose its messages. They are read in bulk and kept only while it runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from services.notifications.audience import (
    read_brand,
    read_brief,
    read_contacts,
    read_named,
    read_pair,
    read_pending,
)
from services.notifications.overviews import read_overview
from services.notifications.rules.deputies import STAFF, stand_ins
from services.notifications.rules.endpoint_notices import NOTICES, pointless
from services.notifications.rules.meeting import FirstMeetings, Hours
from services.notifications.rules.overview import Overview, home_for, hours_of
from services.notifications.rules.sending_hours import earliest_for, next_sending_moment, zone_of
from services.notifications.rules.wording import Wording
from shared.contracts.accounts import Brand, LogoFile
from shared.contracts.base import Service
from shared.contracts.endpoints import EndpointBrief
from shared.contracts.intake import Contact, MeetingHoursPage, MintedLinks, MintLinks, first_active
from shared.contracts.matching import PairPage, PairState, PairSummary
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import CycleBrief
from shared.errors import NotFound
from shared.http.internal import Internal
from shared.rounds.store import RoundBrief

BEGUN = (PairState.ACTIVE, PairState.ON_HOLD, PairState.ENDED, PairState.COMPLETED)


@dataclass(frozen=True)
class DeliveryFacts:
    """The facts that all messages of one delivery share."""

    announcement: Announcement
    announced_at: datetime
    brief: CycleBrief | None
    """None for an announcement that belongs to no cycle."""
    pairs: dict[UUID, list[PairSummary]] = field(default_factory=dict)
    """Each person's active pairs, for the kickoff. The pair that the announcement is about, if it is about one."""
    first_meetings: FirstMeetings | None = None
    """When first meetings are proposed, for the kickoff."""
    endpoint: EndpointBrief | None = field(default=None, repr=False)
    """The endpoint that a notice to its owner is about; None if it has been deleted."""

    contact: Contact | None = field(default=None, repr=False)
    """Whom readers may ask and answer to: the program's first coordinator who has not left."""
    brand: Brand = field(default_factory=Brand)
    """How the organization shows itself."""
    logo: LogoFile | None = field(default=None, repr=False)
    """The picture, if the brand has one."""
    named: Mapping[UUID, Contact] | None = field(default=None, repr=False)
    """The coordinators, or the sponsor, whom a message to them is for, as far as they have not left."""
    stand_ins: Mapping[UUID, tuple[Contact, ...]] = field(default_factory=dict, repr=False)
    """For whom of them each deputy stands in just now."""
    overview: Overview | None = field(default=None, repr=False)
    """What the Monday overviews tell."""
    wordings: Mapping[str, Wording] = field(default_factory=dict)
    """The organization's own words for these messages, by language."""

    def language_for(self, reader_id: UUID) -> str:
        """In which the reader is written to if their own language is not known; empty if that is not known either."""
        if self.brief is not None:
            return self.brief.language
        programs = self.overview.running.programs if self.overview is not None else ()
        return next((one.language for one in programs if reader_id in one.coordinator_ids), "")

    def earliest_for(self, reader: Contact, moment: datetime) -> datetime:
        """When the reader may be written to from this moment on."""
        if self.overview is not None:
            hours = hours_of(self.overview.running, reader.person_id)
            return next_sending_moment(moment, hours, zone_of(reader.time_zone))
        return earliest_for(reader, self.brief, moment)

    @property
    def cycle(self) -> CycleBrief:
        """The brief, which every announcement of a cycle has. Raises ValueError if the announcement belongs to none."""
        if self.brief is None:
            raise ValueError("the announcement belongs to no cycle")
        return self.brief


@dataclass(frozen=True)
class BatchFacts:
    """The facts that the messages of one batch share. Tokens are kept only here and in the messages that are sent."""

    delivery: DeliveryFacts
    round: RoundBrief | None
    contacts: dict[UUID, Contact]
    """Those who can be written to: they have not left."""
    leavers: dict[UUID, Contact]
    """Partners who have left."""
    tokens: dict[UUID, str] = field(repr=False)
    pending: frozenset[UUID] | None = None
    """The readers who have not answered yet, if the announcement is for a round."""

    def reason_not_to_send(self, person_id: UUID, now: datetime) -> str | None:
        """The reason why the message is not needed any more, as a code; None if it is to be sent."""
        delivery = self.delivery
        if person_id not in self.contacts:
            return "person_inactive"
        if self.pending is not None and person_id not in self.pending:
            return "not_asked"
        if delivery.announcement.round_kind is not None and person_id not in self.tokens:
            return "no_link"
        if delivery.announcement.template is Template.KICKOFF and not self.meetable_pairs(person_id):
            return "no_pair"
        if delivery.named is not None and person_id not in (*delivery.named, *delivery.stand_ins):
            return "not_named"
        if delivery.overview is not None and not home_for(delivery.overview, person_id, now).tasks:
            return "nothing_to_do"
        if delivery.announcement.template in NOTICES:
            return pointless(delivery.announcement.template, delivery.endpoint)
        return None

    def pairs_to_show(self, person_id: UUID) -> list[PairSummary]:
        """The pairs that the person's message tells of."""
        if self.delivery.announcement.audience is Audience.PAIR:
            pairs = self.delivery.pairs.get(person_id, [])
            return [pair for pair in pairs if partner_of(pair, person_id) in self.contacts | self.leavers]
        return self.meetable_pairs(person_id)

    def partner(self, pair: PairSummary, person_id: UUID) -> Contact:
        """The other side of a pair that is shown, who may have left."""
        partner_id = partner_of(pair, person_id)
        return self.contacts.get(partner_id) or self.leavers[partner_id]

    def meetable_pairs(self, person_id: UUID) -> list[PairSummary]:
        """The person's active pairs of which the other side has a contact."""
        pairs = self.delivery.pairs.get(person_id, [])
        return [pair for pair in pairs if partner_of(pair, person_id) in self.contacts]


def partner_of(pair: PairSummary, person_id: UUID) -> UUID:
    return pair.mentee_id if pair.mentor_id == person_id else pair.mentor_id


async def read_delivery_facts(internal: Internal, announcement: Announcement, announced_at: datetime) -> DeliveryFacts:
    brief = await read_brief(internal, announcement)
    endpoint = await _read_endpoint(internal, announcement) if announcement.template in NOTICES else None
    by_person: dict[UUID, list[PairSummary]] = {}
    first_meetings = None
    if announcement.audience is Audience.PAIR:
        pair = await read_pair(internal, announcement)
        by_person = {pair.mentor_id: [pair], pair.mentee_id: [pair]}
    if announcement.template is Template.KICKOFF and brief is not None:
        begun = await _read_begun_pairs(internal, announcement)
        for pair in begun:
            if pair.state is PairState.ACTIVE:
                by_person.setdefault(pair.mentor_id, []).append(pair)
                by_person.setdefault(pair.mentee_id, []).append(pair)
        first_meetings = await _read_first_meetings(internal, announcement, announced_at, brief, begun)
    contact = None
    if brief is not None:
        coordinators = await read_contacts(internal, announcement.organization_id, brief.coordinator_ids)
        contact = first_active(brief.coordinator_ids, coordinators)
    brand, logo = await _read_brand(internal, announcement.organization_id)
    overview = None
    if announcement.template is Template.WEEKLY_OVERVIEW:
        overview = await read_overview(internal, announcement.organization_id, announced_at)
    named, deputies = None, dict[UUID, tuple[Contact, ...]]()
    if announcement.audience in STAFF:
        named = await read_named(internal, announcement, brief)
        deputies |= stand_ins(named.values(), datetime.now(UTC))
    if overview is not None:
        absent = {deputy: frozenset(one.person_id for one in them) for deputy, them in deputies.items()}
        overview = overview._replace(stand_ins=absent)
    return DeliveryFacts(
        announcement,
        announced_at,
        brief,
        by_person,
        first_meetings,
        endpoint,
        contact,
        brand,
        logo,
        named=named,
        stand_ins=deputies,
        overview=overview,
    )


async def read_batch_facts(
    internal: Internal, delivery: DeliveryFacts, round_: RoundBrief | None, people: Iterable[UUID]
) -> BatchFacts:
    """Reads the contacts of the batch's people and of their partners, and which of them are still asked, and mints a
    link for each of these. What is read is as much as the batch needs, however many the announcement is for."""
    announcement, readers = delivery.announcement, set(people)
    partners = {partner_of(pair, person) for person in readers for pair in delivery.pairs.get(person, [])}
    known = await read_contacts(
        internal, announcement.organization_id, readers | partners | delivery.stand_ins.keys(), leavers=True
    )
    contacts = {person: contact for person, contact in known.items() if contact.active}
    leavers = {person: contact for person, contact in known.items() if not contact.active}
    asked, pending = readers & contacts.keys(), None
    if announcement.audience is Audience.ROUND:
        pending = await read_pending(internal, announcement, readers)
        asked &= pending
    tokens: dict[UUID, str] = {}
    if announcement.round_kind is not None and asked:
        body = MintLinks(
            round_id=announcement.scope_id,
            kind=announcement.round_kind,
            cycle_id=delivery.cycle.cycle_id,
            person_ids=tuple(sorted(asked)),
        )
        minted = await internal.post(Service.INTAKE, "/links", body, MintedLinks, announcement.organization_id)
        tokens = {link.person_id: link.token for link in minted.links}
    return BatchFacts(delivery, round_, contacts, leavers, tokens, pending)


async def _read_brand(internal: Internal, organization_id: UUID) -> tuple[Brand, LogoFile | None]:
    """How the organization shows itself. If the logo was changed in this moment, the messages go without one."""
    brand = await read_brand(internal, organization_id)
    if brand.logo is None:
        return brand, None
    try:
        return brand, await internal.get(Service.ACCOUNTS, f"/logos/{brand.logo.digest}", LogoFile, organization_id)
    except NotFound:
        return brand.model_copy(update={"logo": None}), None


async def _read_endpoint(internal: Internal, announcement: Announcement) -> EndpointBrief | None:
    path = f"/endpoints/{announcement.scope_id}"
    try:
        return await internal.get(Service.EVENTS, path, EndpointBrief, announcement.organization_id)
    except NotFound:
        return None  # deleted since


async def _read_begun_pairs(internal: Internal, announcement: Announcement) -> list[PairSummary]:
    """The pairs that went live. Those that have ended since are among them: their first meetings may have been told, so
    that the time of no other meeting may depend on whether they still last."""
    path, pairs = f"/cycles/{announcement.cycle_id}/pairs", list[PairSummary]()
    states = [state.value for state in BEGUN]
    params: dict[str, str | list[str]] = {"state": states, "limit": "500", "reasons": "false"}
    while True:
        page = await internal.get(Service.MATCHING, path, PairPage, announcement.organization_id, params)
        pairs += page.pairs
        if page.after is None:
            return pairs
        params |= {"after": str(page.after)}


async def _read_first_meetings(
    internal: Internal,
    announcement: Announcement,
    announced_at: datetime,
    brief: CycleBrief,
    pairs: list[PairSummary],
) -> FirstMeetings:
    """First meetings are counted from the moment from which on both people of a pair may have been told."""
    anywhen = Hours(zone_of(brief.time_zone))
    hours = dict.fromkeys((person for pair in pairs for person in (pair.mentor_id, pair.mentee_id)), anywhen)
    path, params = f"/cycles/{announcement.cycle_id}/meeting-hours", {"limit": "1000"}
    while pairs:
        page = await internal.get(Service.INTAKE, path, MeetingHoursPage, announcement.organization_id, params)
        for one in page.people:
            if one.person_id in hours:
                hours[one.person_id] = Hours(zone_of(one.time_zone, brief.time_zone), one.meeting_windows)
        if page.after is None:
            break
        params["after"] = str(page.after)

    def told_at(pair: PairSummary) -> datetime:
        zones = (hours[person].zone for person in (pair.mentor_id, pair.mentee_id))
        return max(next_sending_moment(announced_at, brief.calendar.sending_hours, zone) for zone in zones)

    return FirstMeetings(pairs, hours, told_at)
