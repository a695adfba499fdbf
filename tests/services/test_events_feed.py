"""GET /v1/events: the feed that other systems read."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.events import main
from services.events.log.positions import sequence_batch
from shared.auth import Role
from shared.contracts.events import (
    CheckInAnswered,
    ConcernRaised,
    CycleCancelled,
    CyclePaused,
    EventData,
    MatchRunApproved,
    MessageFailed,
    SurveyAnswered,
)
from shared.contracts.feedback import ConcernReason
from shared.contracts.notifications import Template
from shared.database import Database
from shared.events import emit
from tests.services.conftest import client_of

Headers = dict[str, str]
AccessKeys = Callable[..., Awaitable[Headers]]


@pytest.fixture
def app(application: Callable[..., FastAPI]) -> FastAPI:
    return application(main)


async def record(db: Database, organization_id: UUID, *events: EventData) -> None:
    async with db.transaction() as session:
        await emit(session, organization_id, *events)
        assert await sequence_batch(session) == len(events)


async def get(app: FastAPI, headers: Headers, **query: object) -> httpx.Response:
    async with client_of(app) as client:
        return await client.get(
            "/v1/events", params={name: str(value) for name, value in query.items()}, headers=headers
        )


async def test_an_event_is_a_cloudevent(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    run = MatchRunApproved(match_run_id=uuid4(), cycle_id=uuid4(), pairs=3)
    await record(db, organization_id, run)
    answer = await get(app, await access_key(Role.VIEWER))
    assert answer.status_code == 200
    (event,) = answer.json()["events"]
    assert UUID(event.pop("id")).version == 4
    assert datetime.fromisoformat(event.pop("time")).tzinfo is not None
    assert event == {
        "specversion": "1.0",
        "source": f"urn:upward:organization:{organization_id}",
        "type": "app.upward.match_run.approved.v1",
        "subject": f"match_run/{run.match_run_id}",
        "datacontenttype": "application/json",
        "sequence": "0000000000000000001",
        "data": run.model_dump(mode="json"),
    }


async def test_pages_follow_each_other_without_gap_or_repeat(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    events = [CycleCancelled(cycle_id=uuid4()) for _ in range(5)]
    await record(db, organization_id, *events)
    headers = await access_key(Role.VIEWER)
    subjects: list[str] = []
    after: object = 0
    for more in (True, True, False):
        page = (await get(app, headers, after=after, limit=2)).json()
        subjects += [event["subject"] for event in page["events"]]
        assert page["more"] is more
        assert page["after"] == int(page["events"][-1]["sequence"])
        after = page["events"][-1]["sequence"]  # it is a valid cursor even with its leading zeros
    assert subjects == [event.subject for event in events]
    epoch = page["epoch"]
    assert (await get(app, headers, after=5)).json() == {"epoch": epoch, "events": [], "after": 5, "more": False}


async def test_an_organization_sees_its_own_events_only(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    await record(db, uuid4(), CycleCancelled(cycle_id=uuid4()))
    page = (await get(app, await access_key(Role.OWNER))).json()
    assert (page["events"], page["after"], page["more"]) == ([], 0, False)


@pytest.mark.parametrize("types", ["cycle.paused", "app.upward.cycle.paused.v1", " cycle.paused , match_run.approved,"])
async def test_types_choose_events_and_keep_their_sequences(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID, types: str
) -> None:
    cycle_id = uuid4()
    await record(db, organization_id, CycleCancelled(cycle_id=cycle_id), CyclePaused(cycle_id=cycle_id))
    page = (await get(app, await access_key(Role.VIEWER), types=types)).json()
    assert [(event["type"], int(event["sequence"])) for event in page["events"]] == [("app.upward.cycle.paused.v1", 2)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": -1}, "query.after"),
        ({"after": "now"}, "query.after"),
        ({"after": 2**63}, "query.after"),
        ({"epoch": "last"}, "query.epoch"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 1001}, "query.limit"),
        ({"types": "cycle.paused,no.such_type"}, "query.types"),
        ({"types": "x" * 2001}, "query.types"),
    ],
)
async def test_a_wrong_query_is_a_problem_that_names_the_field(
    app: FastAPI, access_key: AccessKeys, query: dict[str, object], field: str
) -> None:
    answer = await get(app, await access_key(Role.VIEWER), **query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_the_feed_needs_a_key(app: FastAPI) -> None:
    answer = await get(app, {})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_access_key")


@pytest.mark.parametrize("role", Role)
async def test_why_a_concern_was_raised_is_not_told_to_viewers(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID, role: Role
) -> None:
    raised = ConcernRaised(concern_id=uuid4(), cycle_id=uuid4(), pair_id=uuid4(), reason=ConcernReason.NOT_A_FIT)
    await record(db, organization_id, raised, CycleCancelled(cycle_id=raised.cycle_id))
    for types in ("", "concern.raised"):
        page = (await get(app, await access_key(role), types=types)).json()
        told = "not_a_fit" if role.covers(Role.COORDINATOR) else "not_told"
        assert page["events"][0]["data"] == raised.model_dump(mode="json") | {"reason": told}
        assert ("not_a_fit" in str(page)) is role.covers(Role.COORDINATOR)


NIL = UUID(int=0)
PAIR = {"round_id": uuid4(), "cycle_id": uuid4(), "pair_id": uuid4()}
REFUSED = {"message_id": uuid4(), "cycle_id": uuid4(), "person_id": uuid4(), "code": "smtp_550"}


@pytest.mark.parametrize(
    ("event", "hidden"),
    [
        (CheckInAnswered(check_in_id=uuid4(), **PAIR), ["pair_id"]),
        (SurveyAnswered(survey_id=uuid4(), **PAIR), ["pair_id"]),
        (MessageFailed(template=Template.CHECK_IN_REMINDER, **REFUSED), ["message_id", "person_id"]),
        (MessageFailed(template=Template.SURVEY_REMINDER, **REFUSED), ["message_id", "person_id"]),
        (MessageFailed(template=Template.CHECK_IN_INVITATION, **REFUSED), []),
        (MessageFailed(template=Template.ENROLMENT_REMINDER, **REFUSED), []),
    ],
)
async def test_of_whom_a_check_in_or_survey_has_no_answer_is_not_told_to_viewers(
    app: FastAPI,
    db: Database,
    access_key: AccessKeys,
    organization_id: UUID,
    event: EventData,
    hidden: list[str],
) -> None:
    """A failed reminder is no event any more; the log still has those of earlier versions."""
    await record(db, organization_id, event)
    for role in (Role.VIEWER, Role.COORDINATOR):
        (found,) = (await get(app, await access_key(role))).json()["events"]
        told = event.model_copy(update=dict.fromkeys(hidden, NIL)) if role is Role.VIEWER else event
        assert (found["data"], found["subject"]) == (told.model_dump(mode="json"), told.subject)
        assert type(event).model_validate(found["data"]), "the schema holds"


async def test_the_events_of_one_cycle_are_told_newest_first_and_by_the_page(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    cycle_id, concern = uuid4(), uuid4()
    raised = ConcernRaised(concern_id=concern, cycle_id=cycle_id, pair_id=uuid4(), reason=ConcernReason.NOT_A_FIT)
    others = CycleCancelled(cycle_id=uuid4())
    mine = [CyclePaused(cycle_id=cycle_id), others, raised, CycleCancelled(cycle_id=cycle_id)]
    await record(db, organization_id, *mine)
    await record(db, uuid4(), CyclePaused(cycle_id=cycle_id))
    headers, address = await access_key(Role.VIEWER), f"/v1/cycles/{cycle_id}/events"
    async with client_of(app) as client:
        page = (await client.get(address, headers=headers, params={"limit": 2})).json()
        rest = (await client.get(address, headers=headers, params={"limit": 2, "before": page["next"]})).json()
        some = (await client.get(address, headers=headers, params={"types": "cycle.paused"})).json()
        full = (await client.get(address, headers=await access_key(Role.COORDINATOR))).json()
    assert [(one["type"].split(".")[2:4], int(one["sequence"])) for one in page["items"]] == [
        (["cycle", "cancelled"], 4), (["concern", "raised"], 3),
    ]  # fmt: skip
    assert (page["next"], [int(one["sequence"]) for one in rest["items"]], rest["next"]) == (3, [1], None)
    assert [int(one["sequence"]) for one in some["items"]] == [1]
    assert (page["items"][1]["data"]["reason"], full["items"][1]["data"]["reason"]) == ("not_told", "not_a_fit")
