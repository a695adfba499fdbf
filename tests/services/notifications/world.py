"""The surroundings of notifications in its tests: the internal reads of the other services and a real SMTP server."""

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from aiosmtpd.controller import Controller
from fastapi import FastAPI, Query

from shared.attention.resources import Concerns, LeftPairs, Running
from shared.auth import ServiceCaller
from shared.config import Settings
from shared.contracts.accounts import Brand, LogoFile
from shared.contracts.base import PersonPage
from shared.contracts.endpoints import DisableReason, EndpointBrief, EndpointState
from shared.contracts.intake import (
    Contact,
    Contacts,
    MeetingHours,
    MeetingHoursPage,
    MeetingWindow,
    MintedLink,
    MintedLinks,
    MintLinks,
    ReadContacts,
)
from shared.contracts.matching import PairPage, PairState, PairSummary
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import (
    Calendar,
    CycleBrief,
    Direction,
    MatchingPolicy,
    Stage,
    Topic,
)
from shared.contracts.rounds import FindPending, OpenRound, RecipientState, RoundKind
from shared.database import Database
from shared.errors import NotFound
from shared.http.application import install_problem_handlers
from shared.rounds.recipients import Recipient
from shared.rounds.store import open_round


class World:
    """One cycle with its people, as the other services know it."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id, self.cycle_id, self.round_id = organization_id, uuid4(), uuid4()
        self.program_id = uuid4()
        self.contacts: dict[UUID, Contact] = {}
        self.pending: set[UUID] = set()
        self.participants: list[UUID] = []
        self.enrolled: list[UUID] = []
        self.unmatched: list[UUID] = []
        self.pairs: list[PairSummary] = []
        self.windows: dict[UUID, tuple[MeetingWindow, ...]] = {}
        self.coordinators: tuple[UUID, ...] = ()
        self.sponsor: UUID | None = None
        self.calendar = Calendar(sending_hours=None)
        self.language = "en"
        self.paused = False
        self.tokens: dict[str, UUID] = {}
        self.endpoint: EndpointBrief | None = None
        self.brand = Brand()
        self.logo: LogoFile | None = None
        self.running = Running(organization_name="Acme")
        self.concerns = Concerns()
        self.left: dict[UUID, int] = {}
        self.read_after: list[UUID | None] = []
        """Behind whom each page of the recipients was read."""
        self.asked_about: list[int] = []
        """Of how many people it was asked at a time whether they have answered."""
        self.pause = 0.0
        """How many seconds it takes to read contacts."""
        self.berlin = ZoneInfo("Europe/Berlin")
        """The time zone of the people."""

    def add_person(self, email: str, **fields: Any) -> UUID:
        person_id = uuid4()
        name = fields.pop("name", f"Name of {email}")
        values = {"given_name": name, "time_zone": "Europe/Berlin", "language": "en"} | fields
        self.contacts[person_id] = Contact(person_id=person_id, name=name, email=email, **values)
        return person_id

    @property
    def known(self) -> dict[str, UUID]:
        return {contact.email: person_id for person_id, contact in self.contacts.items()}

    def ask(self, *emails: str) -> list[UUID]:
        """Adds people whom the round asks."""
        people = [self.add_person(email) for email in emails]
        self.pending.update(people)
        return people

    def pair(self, mentor: UUID, mentee: UUID, *topics: str) -> PairSummary:
        pair = PairSummary(id=uuid4(), mentor_id=mentor, mentee_id=mentee, state=PairState.ACTIVE, topics=topics)
        self.pairs.append(pair)
        self.participants = sorted({*self.participants, mentor, mentee})
        return pair

    def announcement(
        self,
        template: Template = Template.CHECK_IN_INVITATION,
        audience: Audience = Audience.ROUND,
        occurrence: int = 1,
        scope_id: UUID | None = None,
    ) -> Announcement:
        asks = audience is Audience.ROUND
        return Announcement(
            organization_id=self.organization_id,
            cycle_id=self.cycle_id,
            scope_id=scope_id or (self.round_id if asks else self.cycle_id),
            template=template,
            audience=audience,
            round_kind=RoundKind.CHECK_IN if asks else None,
            occurrence=occurrence,
        )

    def fail(self, since: datetime | None, **fields: Any) -> EndpointBrief:
        """An endpoint whose last success was before `since`."""
        values: dict[str, Any] = {"url": "https://hooks.acme.example/upward", "description": "Payroll"}
        self.endpoint = EndpointBrief(
            endpoint_id=uuid4(),
            state=EndpointState.ENABLED,
            disable_reason=None,
            failing_since=since,
            **values | fields,
        )
        return self.endpoint

    def disable(self, reason: DisableReason) -> None:
        assert self.endpoint is not None
        changes = {"state": EndpointState.DISABLED, "disable_reason": reason}
        self.endpoint = self.endpoint.model_copy(update=changes)

    def notice(self, template: Template, owner_id: UUID, occurrence: int = 41) -> Announcement:
        """The announcement that the reaction to an event of the endpoint starts."""
        assert self.endpoint is not None
        return Announcement(
            organization_id=self.organization_id,
            scope_id=self.endpoint.endpoint_id,
            template=template,
            audience=Audience.PERSON,
            occurrence=occurrence,
            person_id=owner_id,
        )

    async def open_round(self, database: Database) -> None:
        request = OpenRound(
            organization_id=self.organization_id,
            cycle_id=self.cycle_id,
            round_id=self.round_id,
            kind=RoundKind.CHECK_IN,
            number=2,
            closes_at=datetime.now(UTC) + timedelta(days=3),
        )
        async with database.transaction() as session:
            await open_round(session, request, [Recipient(person, uuid4()) for person in self.pending])

    def application(self, settings: Settings) -> FastAPI:
        """The internal reads, as the services answer them."""
        app = FastAPI()
        app.state.settings = settings
        install_problem_handlers(app)

        @app.get("/internal/accounts/brand")
        async def brand(caller: ServiceCaller) -> Brand:
            assert caller.organization_id == self.organization_id
            return self.brand

        @app.get("/internal/accounts/logos/{digest}")
        async def logo(digest: str, caller: ServiceCaller) -> LogoFile:
            if self.logo is None or self.logo.digest != digest:
                raise NotFound("There is no such logo.", code="no_logo")
            return self.logo

        @app.get("/internal/programs/cycles/running")
        async def running(caller: ServiceCaller) -> Running:
            assert caller.organization_id == self.organization_id
            return self.running

        @app.get("/internal/feedback/concerns/open")
        async def concerns(caller: ServiceCaller) -> Concerns:
            return self.concerns

        @app.get("/internal/matching/left")
        async def left(since: datetime, caller: ServiceCaller) -> LeftPairs:
            return LeftPairs(pairs=self.left)

        @app.get("/internal/programs/cycles/{cycle_id}")
        async def brief(cycle_id: UUID, caller: ServiceCaller) -> CycleBrief:
            assert caller.organization_id == self.organization_id
            return CycleBrief(
                organization_id=self.organization_id,
                organization_name="Acme",
                program_id=self.program_id,
                program_name="Look Up",
                cycle_id=cycle_id,
                period="2026-Q1",
                stage=Stage.ACTIVE,
                direction=Direction.REVERSE,
                time_zone="Europe/Berlin",
                language=self.language,
                paused=self.paused,
                topics=(Topic(code="ai-tools", label="AI tools"),),
                sponsor_id=self.sponsor,
                coordinator_ids=self.coordinators,
                calendar=self.calendar,
                policy=MatchingPolicy(),
            )

        @app.get("/internal/feedback/rounds/{round_id}/recipients")
        async def recipients(
            round_id: UUID, caller: ServiceCaller, state: RecipientState, limit: int, after: UUID | None = None
        ) -> PersonPage:
            assert round_id == self.round_id
            assert state is RecipientState.PENDING
            self.read_after.append(after)
            return page(sorted(self.pending), after, limit)

        @app.post("/internal/feedback/rounds/{round_id}/recipients/pending")
        async def pending(round_id: UUID, body: FindPending, caller: ServiceCaller) -> PersonPage:
            assert round_id == self.round_id
            self.asked_about.append(len(body.person_ids))
            return PersonPage(person_ids=tuple(self.pending.intersection(body.person_ids)))

        @app.get("/internal/matching/cycles/{cycle_id}/{group}")
        async def matched(
            cycle_id: UUID,
            group: str,
            caller: ServiceCaller,
            limit: int,
            after: UUID | None = None,
            state: Annotated[tuple[PairState, ...], Query()] = (),
        ) -> PersonPage | PairPage:
            if group == "pairs":
                return PairPage(pairs=tuple(pair for pair in self.pairs if pair.state in state))
            return page(sorted({"participants": self.participants, "unmatched": self.unmatched}[group]), after, limit)

        @app.get("/internal/matching/pairs/{pair_id}")
        async def pair(pair_id: UUID, caller: ServiceCaller) -> PairSummary:
            return next(pair for pair in self.pairs if pair.id == pair_id)

        @app.get("/internal/intake/cycles/{cycle_id}/enrolled")
        async def enrolled(cycle_id: UUID, caller: ServiceCaller, limit: int, after: UUID | None = None) -> PersonPage:
            return page(sorted(self.enrolled), after, limit)

        @app.get("/internal/intake/cycles/{cycle_id}/meeting-hours")
        async def hours(
            cycle_id: UUID, caller: ServiceCaller, limit: int, after: UUID | None = None
        ) -> MeetingHoursPage:
            """One person a page, so that paging matters."""
            found = [contact for id, contact in sorted(self.contacts.items()) if after is None or id > after]
            people = tuple(
                MeetingHours(
                    person_id=contact.person_id,
                    time_zone=contact.time_zone,
                    meeting_windows=self.windows.get(contact.person_id, ()),
                )
                for contact in found[:1]
            )
            return MeetingHoursPage(people=people, after=people[0].person_id if len(found) > 1 else None)

        @app.post("/internal/intake/contacts")
        async def contacts(body: ReadContacts, caller: ServiceCaller) -> Contacts:
            await asyncio.sleep(self.pause)
            return Contacts(contacts=tuple(self.contacts[id] for id in body.person_ids if id in self.contacts))

        @app.post("/internal/intake/links")
        async def links(body: MintLinks, caller: ServiceCaller) -> MintedLinks:
            assert (body.round_id, body.kind, body.cycle_id) == (self.round_id, RoundKind.CHECK_IN, self.cycle_id)
            minted = {uuid4().hex: person for person in body.person_ids}
            self.tokens |= minted
            return MintedLinks(links=tuple(MintedLink(person_id=id, token=token) for token, id in minted.items()))

        @app.get("/internal/events/endpoints/{endpoint_id}")
        async def endpoint(endpoint_id: UUID, caller: ServiceCaller) -> EndpointBrief:
            assert caller.organization_id == self.organization_id
            if self.endpoint is None or self.endpoint.endpoint_id != endpoint_id:
                raise NotFound("There is no such endpoint.", code="endpoint_not_found")
            return self.endpoint

        return app


def page(people: list[UUID], after: UUID | None, limit: int) -> PersonPage:
    rest = [person for person in people if after is None or person > after]
    shown = tuple(rest[:limit])
    return PersonPage(person_ids=shown, after=shown[-1] if len(rest) > limit else None)


def text_of(email: EmailMessage, form: Literal["plain", "html"] = "plain") -> str:
    """What an e-mail says in one of its two forms."""
    body = email.get_body((form,))
    assert body is not None
    text: str = body.get_content()
    return text


class Post:
    """An SMTP server on loopback that keeps the messages that it takes. `answers` gives its reply to an address: a
    reply that refuses, `drop` to close the connection, or None to accept."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.connections = 0
        self.most: int | None = None
        """From so many connections messages are taken, from no other."""
        self._taken: list[Any] = []
        self.answers: Callable[[str], str | None] = lambda address: None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    def recipients(self) -> list[str]:
        return sorted(email["To"].addresses[0].addr_spec for email in self.received)

    def texts(self) -> dict[str, str]:
        """What each of them reads, by what stands before the @ of their addresses."""
        return {email["To"].addresses[0].username: text_of(email) for email in self.received}

    async def handle_EHLO(  # noqa: N802 (the server's name)
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if session not in self._taken:
            if self.most is not None and len(self._taken) >= self.most:
                return "432 4.3.2 concurrent connections limit exceeded"
            self._taken.append(session)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.answers(address)
        if answer == "drop":
            server.transport.abort()
        if answer is not None and answer != "drop":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        email = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(email, EmailMessage)
        self.received.append(email)
        return "250 taken"
