"""The facts that a delivery needs to compose its messages. They are read in bulk and kept only while it runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.notifications.audience import read_brief, read_contacts, read_pending
from services.notifications.rules.endpoint_notices import NOTICES, pointless
from services.notifications.rules.meeting import meeting_slots
from shared.contracts.base import Service
from shared.contracts.endpoints import EndpointBrief
from shared.contracts.intake import Contact, MintedLinks, MintLinks
from shared.contracts.matching import PairPage, PairState, PairSummary
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import CycleBrief
from shared.errors import NotFound
from shared.http.internal import Internal
from shared.rounds.store import RoundBrief


@dataclass(frozen=True)
class DeliveryFacts:
    """The facts that all messages of one delivery share."""

    announcement: Announcement
    announced_at: datetime
    brief: CycleBrief | None
    """None for an announcement that belongs to no cycle."""
    pending: frozenset[UUID] | None = None
    """The people who have not answered yet, if the announcement is for a round."""
    pairs: dict[UUID, list[PairSummary]] = field(default_factory=dict)
    """Each person's active pairs, for the kickoff."""
    slots: dict[UUID, int] = field(default_factory=dict)
    """The slot of each pair's first meeting."""
    endpoint: EndpointBrief | None = field(default=None, repr=False)
    """The endpoint that a notice to its owner is about; None if it has been deleted."""

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
    tokens: dict[UUID, str] = field(repr=False)

    def reason_not_to_send(self, person_id: UUID) -> str | None:
        """The reason why the message is not needed any more, as a code; None if it is to be sent."""
        delivery = self.delivery
        if person_id not in self.contacts:
            return "person_inactive"
        if delivery.pending is not None and person_id not in delivery.pending:
            return "not_asked"
        if delivery.announcement.round_kind is not None and person_id not in self.tokens:
            return "no_link"
        if delivery.announcement.template is Template.KICKOFF and not self.meetable_pairs(person_id):
            return "no_pair"
        if delivery.announcement.template in NOTICES:
            return pointless(delivery.announcement.template, delivery.endpoint)
        return None

    def meetable_pairs(self, person_id: UUID) -> list[PairSummary]:
        """The person's active pairs of which the other side has a contact."""
        pairs = self.delivery.pairs.get(person_id, [])
        return [pair for pair in pairs if partner_of(pair, person_id) in self.contacts]


def partner_of(pair: PairSummary, person_id: UUID) -> UUID:
    return pair.mentee_id if pair.mentor_id == person_id else pair.mentor_id


async def read_delivery_facts(internal: Internal, announcement: Announcement, announced_at: datetime) -> DeliveryFacts:
    brief = await read_brief(internal, announcement)
    endpoint = await _read_endpoint(internal, announcement) if announcement.template in NOTICES else None
    pending = await read_pending(internal, announcement) if announcement.audience is Audience.ROUND else None
    pairs = await _read_pairs(internal, announcement) if announcement.template is Template.KICKOFF else []
    by_person: dict[UUID, list[PairSummary]] = {}
    for pair in pairs:
        by_person.setdefault(pair.mentor_id, []).append(pair)
        by_person.setdefault(pair.mentee_id, []).append(pair)
    return DeliveryFacts(announcement, announced_at, brief, pending, by_person, meeting_slots(pairs), endpoint)


async def read_batch_facts(
    internal: Internal, delivery: DeliveryFacts, round_: RoundBrief | None, people: Iterable[UUID]
) -> BatchFacts:
    """Reads the contacts of the batch's people and of their partners, and mints a link for each person who is asked."""
    announcement, readers = delivery.announcement, set(people)
    partners = {partner_of(pair, person) for person in readers for pair in delivery.pairs.get(person, [])}
    contacts = await read_contacts(internal, announcement.organization_id, readers | partners)
    asked = readers & contacts.keys()
    if delivery.pending is not None:
        asked &= delivery.pending
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
    return BatchFacts(delivery, round_, contacts, tokens)


async def _read_endpoint(internal: Internal, announcement: Announcement) -> EndpointBrief | None:
    path = f"/endpoints/{announcement.scope_id}"
    try:
        return await internal.get(Service.EVENTS, path, EndpointBrief, announcement.organization_id)
    except NotFound:
        return None  # deleted since


async def _read_pairs(internal: Internal, announcement: Announcement) -> list[PairSummary]:
    path, pairs = f"/cycles/{announcement.cycle_id}/pairs", list[PairSummary]()
    params = {"state": PairState.ACTIVE.value, "limit": "500"}
    while True:
        page = await internal.get(Service.MATCHING, path, PairPage, announcement.organization_id, params)
        pairs += page.pairs
        if page.after is None:
            return pairs
        params |= {"after": str(page.after)}
