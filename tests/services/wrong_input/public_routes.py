"""Every public route as an attacker of wrong input sees it, and an organization that has one of everything."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from fastapi import FastAPI

from services.accounts.models import BrandRow, LogoRow
from services.accounts.rules.pictures import logo_of
from services.events.webhooks.models import AttemptRow, DeliveryRow, EndpointRow, EndpointSecret
from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.rules.signing import new_secret
from services.feedback.models import Concern, StoredReport
from services.feedback.rules.report import compile_report
from services.intake.models import Absence
from services.intake.store.uploads import keep_upload
from services.matching.models import MatchRun, Pair
from services.notifications.models import AnnouncementRow, MessageRow, WordingRow
from services.notifications.rules.messages import MessageState
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.feedback import ConcernReason
from shared.contracts.matching import MatchingSummary, MatchRunState, PairState
from shared.contracts.notifications import Audience, Template
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Outcome, Stage
from shared.contracts.rounds import RoundKind, RoundState
from shared.database import Database
from shared.keys import AccessKey, new_key
from shared.rounds.models import Round, RoundRecipient
from shared.sessions import SessionRow, hash_token, new_session_token
from tests.services.intake_examples import add_people, person
from tests.services.pictures import png
from tests.services.programs_examples import PROGRAM, add_organization

IMPORT = "/v1/people/import"
UPLOADS = f"{IMPORT}/uploads"
LOGO = "/v1/brand/logo"
PICTURE = logo_of(png(40, 20))
SHOWN = PICTURE.model_dump(mode="json", exclude={"content", "alt"})
BRAND = {"sender_name": "Acme Learning", "accent": "#7a2048"}
FILES = (IMPORT, UPLOADS)
"""They take a file."""
STEERING: Mapping[str, Any] = {"dropped": []}
ENDPOINT: Mapping[str, Any] = {
    "url": "https://hooks.example.com/upward",
    "owner_id": "{person_id}",
    "description": "BI",
}
TODAY = datetime.now(UTC).date().isoformat()
ABSENCE: Mapping[str, Any] = {"deputy_id": "{mentee_id}", "first_day": TODAY, "last_day": TODAY}
PERSON: Mapping[str, Any] = {"name": "Ben Example", "email": "ben@example.org", "level": 2}
WORDED = "/v1/wordings/{template}/{language}"
WORDING: dict[str, Any] = {"subject": "Join {program}", "body": "{organization} invites you."}
KICKOFF = (("template", "kickoff"), ("language", "de"))
PLACEHOLDER = re.compile(r"\{(\w+)\}")
CSV = b"name,email,level\nAda Example,ada@example.org,3\n"


class Row(NamedTuple):
    """One public route: who may call it, a body that it takes, and the headers that it insists on."""

    method: str
    path: str
    role: Role = Role.VIEWER
    body: Mapping[str, Any] | None = None
    """A text such as `{person_id}` stands for that id: see `document`."""
    optional_body: bool = False
    once: bool = False
    """Takes an Idempotency-Key."""
    if_match: bool = False
    stores: bool = True
    """Whether it changes anything, when it is no GET."""
    params: tuple[str, ...] = ()
    """Query parameters that it insists on, all of them ids."""
    own: bool = False
    """Whether it changes nothing but sessions of the caller's own key."""
    lists: bool = False
    """A list below an id: empty when the id is not known to the service that keeps the list."""
    picture: bool = False
    """Whether it takes a picture and nothing else."""
    named: tuple[tuple[str, str], ...] = ()
    """Parts of the path that are no ids, each with a value."""

    @property
    def ids(self) -> list[str]:
        return [name for name in PLACEHOLDER.findall(self.path) if name not in dict(self.named)]

    def address(self, ids: Mapping[str, object]) -> str:
        values = {**ids, **dict(self.named)}
        return PLACEHOLDER.sub(lambda found: str(values[found[1]]), self.path)

    def document(self, ids: Mapping[str, object]) -> dict[str, Any] | None:
        """The body, with the ids that it names; None when it takes none."""
        return None if self.body is None else {name: _filled(value, ids) for name, value in self.body.items()}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _filled(value: Any, ids: Mapping[str, object]) -> Any:
    found = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return str(ids[found[1]]) if found else value


ROWS = (
    Row("GET", "/v1/organization"),
    Row("GET", "/v1/caller"),
    Row("POST", "/v1/session", own=True),
    Row("DELETE", "/v1/session", own=True),
    Row("GET", "/v1/sessions"),
    Row("DELETE", "/v1/sessions/{session_id}", own=True),
    Row("DELETE", "/v1/sessions", own=True),
    Row("GET", "/v1/keys", Role.OWNER),
    Row("POST", "/v1/keys", Role.OWNER, {"role": "viewer", "label": "dashboard"}, once=True),
    Row("GET", "/v1/keys/{key_id}", Role.OWNER),
    Row("POST", "/v1/keys/{key_id}/rotate", Role.OWNER, {"overlap_hours": 24}, optional_body=True, once=True),
    Row("DELETE", "/v1/keys/{key_id}", Role.OWNER),
    Row("GET", "/v1/brand"),
    Row("PUT", "/v1/brand", Role.ADMIN, BRAND, if_match=True, optional_body=True),
    Row("POST", "/v1/brand/preview", body=BRAND, stores=False, optional_body=True),
    Row("GET", LOGO),
    Row("PUT", LOGO, Role.ADMIN, if_match=True, picture=True),
    Row("DELETE", LOGO, Role.ADMIN, if_match=True),
    Row("DELETE", "/v1/brand", Role.ADMIN, if_match=True),
    Row("POST", "/v1/programs", Role.ADMIN, PROGRAM, once=True),
    Row("GET", "/v1/programs"),
    Row("POST", "/v1/programs/preview", Role.VIEWER, {**PROGRAM, "recurs": True}, stores=False),
    Row("GET", "/v1/programs/{program_id}"),
    Row("PUT", "/v1/programs/{program_id}", Role.ADMIN, PROGRAM, if_match=True),
    Row("POST", "/v1/programs/{program_id}/archive", Role.ADMIN),
    Row("POST", "/v1/programs/{program_id}/restore", Role.ADMIN),
    Row("POST", "/v1/programs/{program_id}/cycles", Role.ADMIN, {"period": "pilot"}, optional_body=True, once=True),
    Row("GET", "/v1/programs/{program_id}/cycles"),
    Row("GET", "/v1/cycles"),
    Row("GET", "/v1/cycles/{cycle_id}"),
    Row("POST", "/v1/cycles/{cycle_id}/pause", Role.COORDINATOR),
    Row("POST", "/v1/cycles/{cycle_id}/resume", Role.COORDINATOR),
    Row("POST", "/v1/cycles/{cycle_id}/advance", Role.COORDINATOR),
    Row("POST", "/v1/cycles/{cycle_id}/remind", Role.COORDINATOR),
    Row("POST", "/v1/cycles/{cycle_id}/cancel", Role.ADMIN),
    Row("POST", IMPORT, Role.ADMIN),
    Row("POST", UPLOADS, Role.ADMIN),
    Row("GET", f"{UPLOADS}/{{upload_id}}", Role.ADMIN),
    Row("PUT", f"{UPLOADS}/{{upload_id}}/column-map", Role.ADMIN, {"defaults": {"language": "en"}}, optional_body=True),
    Row("POST", f"{UPLOADS}/{{upload_id}}/preview", Role.ADMIN, {"defaults": {"language": "en"}}, optional_body=True),
    Row("POST", f"{UPLOADS}/{{upload_id}}/apply", Role.ADMIN, {"skip_invalid": True}, optional_body=True),
    Row("GET", "/v1/people"),
    Row("POST", "/v1/people", Role.ADMIN, PERSON, once=True),
    Row("GET", "/v1/people/values"),
    Row("GET", "/v1/people/names", params=("person_id",)),
    Row("GET", "/v1/people/{person_id}"),
    Row("PUT", "/v1/people/{person_id}", Role.ADMIN, {**PERSON, "email": "ada@example.org"}, if_match=True),
    Row("GET", "/v1/people/{person_id}/enrolments", Role.COORDINATOR),
    Row("PUT", "/v1/people/{person_id}/absence", Role.COORDINATOR, ABSENCE),
    Row("GET", "/v1/people/{person_id}/absence", Role.COORDINATOR),
    Row("DELETE", "/v1/people/{person_id}/absence", Role.COORDINATOR),
    Row("GET", "/v1/cycles/{cycle_id}/topics"),
    Row("GET", "/v1/rounds/{round_id}/pending", Role.COORDINATOR),
    Row("GET", "/v1/cycles/{cycle_id}/match-runs", lists=True),
    Row("GET", "/v1/cycles/{cycle_id}/match-runs/current"),
    Row("GET", "/v1/match-runs/{match_run_id}"),
    Row("GET", "/v1/match-runs/{match_run_id}/pairs"),
    Row("GET", "/v1/match-runs/{match_run_id}/inputs"),
    Row("GET", "/v1/match-runs/{match_run_id}/unmatched"),
    Row("GET", "/v1/match-runs/{match_run_id}/candidates", Role.COORDINATOR, params=("person_id",)),
    Row("GET", "/v1/match-runs/{match_run_id}/counterfactual", params=("mentor_id", "mentee_id")),
    Row("POST", "/v1/match-runs/{match_run_id}/replay", stores=False),
    Row("POST", "/v1/match-runs/{match_run_id}/preview", Role.COORDINATOR, STEERING, optional_body=True, stores=False),
    Row("PUT", "/v1/match-runs/{match_run_id}/steering", Role.COORDINATOR, STEERING, optional_body=True, if_match=True),
    Row("POST", "/v1/match-runs/{match_run_id}/approve", Role.COORDINATOR),
    Row("POST", "/v1/policies/preview", Role.ADMIN, {"policy": {"min_level_gap": 2}}, stores=False, optional_body=True),
    Row("GET", "/v1/cycles/{cycle_id}/pairs", lists=True),
    Row("GET", "/v1/pairs"),
    Row("GET", "/v1/pairs/{pair_id}"),
    Row("POST", "/v1/pairs/{pair_id}/end", Role.COORDINATOR, {"reason": "no_time"}),
    Row("GET", "/v1/cycles/{cycle_id}/concerns", lists=True),
    Row("GET", "/v1/concerns"),
    Row("GET", "/v1/concerns/{concern_id}"),
    Row("PUT", "/v1/concerns/{concern_id}/assignee", Role.COORDINATOR, {"person_id": "{person_id}"}),
    Row("POST", "/v1/concerns/{concern_id}/resolve", Role.COORDINATOR, {"resolution": "talked"}, optional_body=True),
    Row("GET", "/v1/cycles/{cycle_id}/report"),
    Row("GET", "/v1/cycles/{cycle_id}/messages", lists=True),
    Row("GET", "/v1/messages", Role.COORDINATOR),
    Row("POST", "/v1/messages/{message_id}/resend", Role.COORDINATOR),
    Row("POST", "/v1/cycles/{cycle_id}/messages/resend", Role.COORDINATOR),
    Row("GET", "/v1/messages/preview"),
    Row("GET", "/v1/wordings"),
    Row("POST", "/v1/wordings/preview", body=WORDING | {"template": "kickoff", "language": "de"}, stores=False),
    Row("GET", WORDED, named=KICKOFF),
    Row("PUT", WORDED, Role.ADMIN, WORDING, if_match=True, named=KICKOFF),
    Row("DELETE", WORDED, Role.ADMIN, if_match=True, named=KICKOFF),
    Row("GET", "/v1/events"),
    Row("GET", "/v1/cycles/{cycle_id}/events", lists=True),
    Row("GET", "/v1/events/catalogue"),
    Row("GET", "/v1/events/asyncapi.json"),
    Row("GET", "/v1/events/checkpoint"),
    Row("POST", "/v1/endpoints", Role.ADMIN, ENDPOINT, once=True),
    Row("GET", "/v1/endpoints", Role.ADMIN),
    Row("GET", "/v1/endpoints/{endpoint_id}", Role.ADMIN),
    Row("PUT", "/v1/endpoints/{endpoint_id}", Role.ADMIN, ENDPOINT, if_match=True),
    Row(
        "POST", "/v1/endpoints/{endpoint_id}/secrets", Role.ADMIN, {"overlap_hours": 24}, optional_body=True, once=True
    ),
    Row("POST", "/v1/endpoints/{endpoint_id}/test", Role.ADMIN),
    Row("POST", "/v1/endpoints/{endpoint_id}/replays", Role.ADMIN, {"what": "all", "sequence": 1}),
    Row("GET", "/v1/endpoints/{endpoint_id}/deliveries", Role.ADMIN),
    Row("GET", "/v1/endpoints/{endpoint_id}/deliveries/{sequence}", Role.ADMIN),
    Row("GET", "/v1/endpoints/{endpoint_id}/attempts", Role.ADMIN),
    Row("POST", "/v1/endpoints/{endpoint_id}/disable", Role.ADMIN),
    Row("POST", "/v1/endpoints/{endpoint_id}/enable", Role.ADMIN, {"catch_up": True}, optional_body=True),
    Row("DELETE", "/v1/endpoints/{endpoint_id}", Role.ADMIN),
)


def named_in(path: str) -> tuple[tuple[str, str], ...]:
    """The parts of the path that are no ids, each with a value."""
    return tuple((name, value) for name, value in KICKOFF if f"{{{name}}}" in path)


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path template of everything that the application answers, its documentation apart."""
    return {
        (method, path)
        for methods, path in _walk(app.routes)
        for method in methods - {"HEAD"}
        if not path.startswith(("/docs", "/openapi"))
    }


def _walk(routes: Iterable[Any]) -> Iterator[tuple[set[str], str]]:
    for route in routes:
        if getattr(route, "methods", None):
            yield set(route.methods), route.path
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from _walk(inner.routes)
        else:
            raise AssertionError(f"a route that this walk does not know: {route!r}")


async def add_world(db: Database, organization_id: UUID) -> dict[str, Any]:
    """One of everything that has an id; answers the ids by the names that the paths give them."""
    await add_organization(db, organization_id)
    mentor, mentee = person("ada@example.org"), person("grace@example.org", level=4)
    await add_people(db, organization_id, mentor, mentee)
    key = new_key()
    program, cycle, run, pair, concern, round_, told, message = (uuid4() for _ in range(8))
    async with db.transaction() as session:
        upload = await keep_upload(session, organization_id, CSV, {})
    plan: dict[str, Any] = {
        "direction": Direction.REVERSE,
        "topics": [{"code": "ai", "label": "AI"}],
        "calendar": Calendar().model_dump(mode="json"),
        "policy": MatchingPolicy().model_dump(mode="json"),
    }
    of_cycle: dict[str, Any] = {"organization_id": organization_id, "cycle_id": cycle}
    both: dict[str, Any] = {"mentor_id": mentor.id, "mentee_id": mentee.id}
    async with db.transaction() as session:
        session.add(
            ProgramRow(
                id=program, organization_id=organization_id, name="Digital Upward", time_zone="UTC",
                sponsor_id=None, coordinator_ids=[], recurs=False, **plan,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            CycleRow(
                id=cycle, organization_id=organization_id, program_id=program, period="2026-Q1",
                stage=Stage.ACTIVE, starts_at=datetime.now(UTC), **plan,
            )
        )  # fmt: skip
        session.add(
            MatchRun(
                **of_cycle, id=run, program_id=program, attempt=1, revision=1, state=MatchRunState.PROPOSED,
                direction=Direction.REVERSE, policy={}, steering={}, inputs=_inputs(mentor.id, mentee.id),
                inputs_hash="", code_version="1", seed="", certified=True, supply=[], enrolled=2, mentors=1, mentees=1,
                pairs_count=1, unmatched_count=0,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            Pair(
                **of_cycle, **both, id=pair, match_run_id=run, state=PairState.ACTIVE, score=1, contributions={},
                reasons=[], topics=[], origin="matched", alternatives=[], activated_at=datetime.now(UTC),
            )
        )  # fmt: skip
        session.add(
            Concern(
                **of_cycle, id=concern, round_id=uuid4(), pair_id=pair, person_id=mentor.id,
                reason=ConcernReason.NOT_A_FIT, state="open",
            )
        )  # fmt: skip
        session.add(BrandRow(organization_id=organization_id, sender_name="Acme HR", logo=SHOWN, version=1))
        session.add(LogoRow(organization_id=organization_id, content=PICTURE.content))
        session.add(
            WordingRow(
                organization_id=organization_id, scope_id=organization_id, template="kickoff", language="de", version=1,
                **WORDING,
            )
        )  # fmt: skip
        session.add(
            AccessKey(
                id=key.id, organization_id=organization_id, role=Role.VIEWER, label="dashboard", key_hash=key.key_hash
            )
        )  # fmt: skip
        session.add(StoredReport(**of_cycle, outcome=Outcome.COMPLETED, document=_report()))
        asked = {"organization_id": organization_id, "round_id": round_, "subject_id": cycle}
        session.add(
            Round(
                **of_cycle, id=round_, kind=RoundKind.ENROLMENT, number=1, state=RoundState.OPEN,
                opened_at=datetime.now(UTC) - timedelta(days=2), closes_at=datetime.now(UTC) + timedelta(days=5),
            )
        )  # fmt: skip
        await session.flush()
        session.add(RoundRecipient(**asked, person_id=mentee.id))
        announcement = of_cycle | {"scope_id": pair, "template": Template.PAIR_ENDED, "occurrence": 1}
        session.add(AnnouncementRow(**announcement, id=told, audience=Audience.PAIR))
        await session.flush()
        session.add(
            MessageRow(
                **announcement, id=message, announcement_id=told, person_id=mentee.id, message_id="<2@x>",
                state=MessageState.FAILED, failure_code="smtp_550", due_at=datetime.now(UTC), attempts=1,
            )
        )  # fmt: skip
        today = datetime.now(UTC).date()
        session.add(
            Absence(
                organization_id=organization_id, person_id=mentor.id, deputy_id=mentee.id, first_day=today,
                last_day=today,
            )
        )  # fmt: skip
    return await _add_endpoint(db, organization_id, mentor.id) | {
        "key_id": key.id,
        "session_id": await add_session(db, organization_id, key.id),
        "upload_id": upload,
        "program_id": program,
        "cycle_id": cycle,
        "person_id": mentor.id,
        "match_run_id": run,
        "mentor_id": mentor.id,
        "mentee_id": mentee.id,
        "pair_id": pair,
        "concern_id": concern,
        "round_id": round_,
        "message_id": message,
    }


async def add_session(db: Database, organization_id: UUID, key_id: str) -> UUID:
    """Somebody is signed in with this key."""
    row = SessionRow(
        id=uuid4(), organization_id=organization_id, key_id=key_id, token_hash=hash_token(new_session_token())
    )
    async with db.transaction() as session:
        session.add(row)
    return row.id


async def _add_endpoint(db: Database, organization_id: UUID, owner_id: UUID) -> dict[str, UUID | int]:
    """One that got an event at the second attempt."""
    endpoint: dict[str, Any] = {"organization_id": organization_id, "endpoint_id": uuid4()}
    started_at = datetime.now(UTC)
    async with db.transaction() as session:
        session.add(
            EndpointRow(
                id=endpoint["endpoint_id"], organization_id=organization_id, owner_id=owner_id, description="",
                url="https://hooks.example.com/", types=[], rate_limit=50, reached_sequence=1,
            )
        )  # fmt: skip
        await session.flush()
        session.add(EndpointSecret(**endpoint, secret=new_secret()))
        session.add(
            DeliveryRow(
                **endpoint, sequence=1, day=started_at.date(), event_id=uuid4(), type="cycle.paused",
                subject=f"cycle/{uuid4()}", state=DeliveryState.DELIVERED, attempts=1, finished_at=started_at,
            )
        )  # fmt: skip
        for number, status in ((1, 500), (2, 204)):
            tried = {"number": number, "status": status, "answer": ""}
            session.add(AttemptRow(**endpoint, **tried, sequence=1, started_at=started_at, latency_ms=7))
    return {"endpoint_id": endpoint["endpoint_id"], "sequence": 1}


def _inputs(mentor_id: UUID, mentee_id: UUID) -> dict[str, Any]:
    people = [
        {"person_id": str(person_id), "role": role, "level": level, "department": "IT", "time_zone": "UTC"}
        for person_id, role, level in ((mentor_id, "mentor", 1), (mentee_id, "mentee", 4))
    ]
    return {"labels": {}, "people": people}


def _report() -> dict[str, Any]:
    counts = ("enrolled", "mentors", "mentees", "matched", "active", "completed")
    pairs = ("pairs_offered", "pairs_active", "pairs_completed", "pairs_ended")
    summary = MatchingSummary(**dict.fromkeys((*counts, *pairs), 0))
    return compile_report(Outcome.COMPLETED, summary, [], [], [], []).model_dump(mode="json")
