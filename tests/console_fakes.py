"""The services behind the console as the console's tests need them: small, in memory, and recording every call.

They answer the internal addresses that the console reads, check the service credential as the real ones do, and
answer for one organization only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from fastapi import APIRouter

from shared.auth import ServiceCaller
from shared.contracts.accounts import Brand
from shared.contracts.base import Contract
from shared.contracts.feedback import CheckInAnswer, CheckInForm, PairQuestion, SurveyAnswer, SurveyForm
from shared.contracts.intake import (
    Colleagues,
    Contact,
    Contacts,
    EnrolmentAnswer,
    EnrolmentForm,
    EnrolmentRole,
    FindColleagues,
    LinkGrant,
    LinkOrigin,
    ReadContacts,
    ResolveLink,
)
from shared.contracts.matching import (
    AcceptanceAnswer,
    AcceptanceForm,
    Offer,
    PairReason,
    Side,
)
from shared.contracts.notifications import OwnPageWords, PageWords
from shared.contracts.programs import Calendar, CycleBrief, Direction, MatchingPolicy, Stage, Topic
from shared.contracts.round_kinds import DECLARATIONS, declaration_of
from shared.contracts.rounds import AnswerRecorded, RoundKind
from shared.errors import DomainError, NotFound

NOBODY = UUID(int=0)
CLOSES_AT = datetime(2027, 3, 5, 16, 0, tzinfo=UTC)
Value = TypeVar("Value", bound=Contract)


def token_of(kind: RoundKind) -> str:
    """The secret of the link to a round of this kind."""
    return f"secret-of-the-{kind.value}-link-0123456789"


PATHS = {kind: f"/p/{token_of(kind)}" for kind in RoundKind}
ENROL = {"role": "mentor", "topics_taught": ["gaming"], "mentor_capacity": "2"}


def contact(name: str, job_title: str, department: str) -> Contact:
    given_name = name.partition(" ")[0]
    return Contact(
        person_id=uuid4(),
        name=name,
        given_name=given_name,
        email=f"{given_name.lower()}@acme.example",
        time_zone="Europe/Berlin",
        language="en",
        job_title=job_title,
        department=department,
    )


TOPICS = (
    Topic(code="generative-ai", label="Generative AI"),
    Topic(code="short-video", label="Short video & social media"),
    Topic(code="data-storytelling", label="Data storytelling"),
    Topic(code="inclusive-language", label="Inclusive language"),
    Topic(code="gaming", label="Gaming culture"),
)


@dataclass
class FakeServices:
    """`calls` are the paths that were asked for, `answers` the answers that the owners took."""

    organization_id: UUID = field(default_factory=uuid4)
    cycle_id: UUID = field(default_factory=uuid4)
    me: Contact = field(default_factory=lambda: contact("Amara Osei", "Graduate Engineer", "Technology"))
    partner: Contact = field(
        default_factory=lambda: contact("Bernd <Falk> & Söhne", "Chief Financial Officer", "Finance")
    )
    coordinator: Contact = field(default_factory=lambda: contact("Mara <i>Weiss</i>", "HR Partner", "People"))
    pair_id: UUID = field(default_factory=uuid4)
    reasons: tuple[str, ...] = (
        "The mentor teaches what the mentee wants to learn: Generative AI.",
        "They work in different departments.",
    )
    reason_codes: tuple[PairReason, ...] = ()
    program_language: str = "en"
    enrolment: EnrolmentAnswer | None = None
    lonely: tuple[EnrolmentRole, ...] = ()
    """The roles in which nobody could be the partner."""
    offered: bool = True
    accepted: bool | None = None
    settled: bool = False
    unknown_contacts: bool = False
    links: dict[str, DomainError] = field(default_factory=dict)
    """Links that do not work, and how."""
    refusal: DomainError | None = None
    """How owners refuse answers, if they do."""
    colleagues: Colleagues = field(default_factory=lambda: Colleagues(people=()))
    """Whom a search finds."""
    search_refusal: DomainError | None = None
    broken: bool = False
    """Whether owners fail at answers as a bug would."""
    brand: Brand | None = field(default_factory=Brand)
    """How the organization shows itself; None if accounts do not answer."""
    page_words: list[PageWords] | None = field(default_factory=list)
    """The organization's own words for its pages; None if notifications do not answer."""
    calls: list[str] = field(default_factory=list)
    answers: list[Contract] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.round_ids = {kind: uuid4() for kind in DECLARATIONS}
        self.asked: dict[RoundKind, tuple[Callable[[], Contract], type[Contract]]] = {
            RoundKind.ENROLMENT: (self._enrolment_form, EnrolmentAnswer),
            RoundKind.ACCEPTANCE: (self._acceptance_form, AcceptanceAnswer),
            RoundKind.CHECK_IN: (self._check_in_form, CheckInAnswer),
            RoundKind.SURVEY: (self.survey_form, SurveyAnswer),
        }
        """What the owner of each kind shows, and what it takes."""

    def begin_anew(self) -> None:
        """Forgets what was asked and changed, so that the same application serves another test."""
        vars(self).update({name: value for name, value in vars(FakeServices()).items() if name != "asked"})

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/internal", include_in_schema=False)
        self._add_reads(router)
        self._add_cycle_reads(router)
        for kind, (form, answer) in self.asked.items():
            self._add_owner(router, kind, form, answer)
        return router

    def _add_reads(self, router: APIRouter) -> None:
        @router.post("/intake/links/resolve")
        async def resolve(body: ResolveLink, caller: ServiceCaller) -> LinkGrant:
            assert caller.organization_id == NOBODY
            self.calls.append("resolve")
            if body.token in self.links:
                raise self.links[body.token]
            for kind in DECLARATIONS:
                if body.token == token_of(kind):
                    return LinkGrant(
                        organization_id=self.organization_id,
                        cycle_id=self.cycle_id,
                        round_id=self.round_ids[kind],
                        kind=kind,
                        person_id=self.me.person_id,
                        given_name=self.me.given_name,
                        closes_at=CLOSES_AT,
                        time_zone=self.me.time_zone,
                        language=self.me.language,
                    )
            raise NotFound("There is no such link.", code="link_unknown")

        @router.post("/intake/links/origin")
        async def origin(body: ResolveLink, caller: ServiceCaller) -> LinkOrigin:
            assert caller.organization_id == NOBODY
            refusal = self.links.get(body.token)
            known = body.token in map(token_of, DECLARATIONS)
            if not known or (refusal is not None and refusal.code != "round_closed"):
                raise NotFound("There is no such link.", code="link_unknown")
            return LinkOrigin(organization_id=self.organization_id, cycle_id=self.cycle_id, language=self.me.language)

        @router.post("/intake/links/colleagues")
        async def find_colleagues(body: FindColleagues, caller: ServiceCaller) -> Colleagues:
            assert (caller.organization_id, body.token) == (NOBODY, token_of(RoundKind.ENROLMENT))
            self.calls.append("search")
            if self.search_refusal is not None:
                raise self.search_refusal
            return self.colleagues

        @router.get("/accounts/brand")
        async def brand(caller: ServiceCaller) -> Brand:
            self._check(caller.organization_id)
            if self.brand is None:
                raise RuntimeError("a bug of accounts")
            return self.brand

        @router.get("/notifications/page-words")
        async def page_words(program_id: UUID, caller: ServiceCaller) -> OwnPageWords:
            self._check(caller.organization_id)
            if self.page_words is None:
                raise RuntimeError("a bug of notifications")
            return OwnPageWords(items=tuple(self.page_words))

        @router.post("/intake/contacts")
        async def contacts(body: ReadContacts, caller: ServiceCaller) -> Contacts:
            self._check(caller.organization_id)
            known = [] if self.unknown_contacts else [self.me, self.partner, self.coordinator]
            return Contacts(contacts=tuple(person for person in known if person.person_id in body.person_ids))

    def _add_cycle_reads(self, router: APIRouter) -> None:
        @router.get("/programs/cycles/{cycle_id}")
        async def brief(cycle_id: UUID, caller: ServiceCaller) -> CycleBrief:
            if (caller.organization_id, cycle_id) != (self.organization_id, self.cycle_id):
                raise NotFound("There is no such cycle.", code="cycle_not_found")
            return self._brief()

    def _add_owner(self, router: APIRouter, kind: RoundKind, form: Any, answer_type: type[Value]) -> None:
        declared = declaration_of(kind)
        prefix = f"/{declared.owner}{declared.path}"

        @router.get(f"{prefix}/{{round_id}}/forms/{{person_id}}")
        async def read_form(round_id: UUID, person_id: UUID, caller: ServiceCaller) -> Any:
            self._check(caller.organization_id)
            assert (round_id, person_id) == (self.round_ids[kind], self.me.person_id)
            self.calls.append(f"form {kind.value}")
            return form()

        async def take_answer(round_id: UUID, person_id: UUID, body: Any, caller: ServiceCaller) -> AnswerRecorded:
            self._check(caller.organization_id)
            assert (round_id, person_id) == (self.round_ids[kind], self.me.person_id)
            self.calls.append(f"answer {kind.value}")
            if self.broken:
                raise RuntimeError("a bug of the owner")
            if self.refusal is not None:
                raise self.refusal
            self.answers.append(body)
            return AnswerRecorded(round_id=round_id, closes_at=CLOSES_AT)

        take_answer.__annotations__["body"] = answer_type
        router.post(f"{prefix}/{{round_id}}/answers/{{person_id}}")(take_answer)

    def _check(self, organization_id: UUID) -> None:
        assert organization_id == self.organization_id

    def _brief(self) -> CycleBrief:
        return CycleBrief(
            organization_id=self.organization_id,
            organization_name="Acme Group",
            program_id=uuid4(),
            program_name="Upside Down",
            cycle_id=self.cycle_id,
            period="2027-Q1",
            stage=Stage.REVIEW,
            direction=Direction.REVERSE,
            time_zone="Europe/Berlin",
            language=self.program_language,
            topics=TOPICS,
            sponsor_id=None,
            coordinator_ids=(self.coordinator.person_id,),
            calendar=Calendar(),
            policy=MatchingPolicy(),
            paused=False,
            outcome=None,
        )

    def _enrolment_form(self) -> EnrolmentForm:
        return EnrolmentForm(
            topics=TOPICS, languages=("en", "de", "pt-BR"), answer=self.enrolment, roles_without_partner=self.lonely
        )

    def _acceptance_form(self) -> AcceptanceForm:
        offer = Offer(
            pair_id=self.pair_id,
            side=Side.MENTOR,
            partner_id=self.partner.person_id,
            reasons=self.reasons,
            reason_codes=self.reason_codes,
            accepted=self.accepted,
            settled=self.settled,
        )
        return AcceptanceForm(offers=(offer,) if self.offered else ())

    def _check_in_form(self) -> CheckInForm:
        return CheckInForm(number=2, pairs=self._questions())

    def survey_form(self) -> SurveyForm:
        return SurveyForm(pairs=self._questions())

    def _questions(self) -> tuple[PairQuestion, ...]:
        return (PairQuestion(pair_id=self.pair_id, side=Side.MENTOR, partner_id=self.partner.person_id),)


def fields_of(fakes: FakeServices) -> dict[RoundKind, dict[str, object]]:
    """A complete form of each kind."""
    pair = fakes.pair_id
    return {
        RoundKind.ENROLMENT: dict(ENROL),
        RoundKind.ACCEPTANCE: {f"decision_{pair}": "accept"},
        RoundKind.CHECK_IN: {f"met_{pair}": "yes", f"usefulness_{pair}": "4", f"obstacle_{pair}": "topic"},
        RoundKind.SURVEY: {f"usefulness_{pair}": "5", f"would_repeat_{pair}": "yes", f"comment_{pair}": "Thanks"},
    }
