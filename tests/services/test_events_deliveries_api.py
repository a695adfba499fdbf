"""Deliveries over HTTP: tests, replays, and the lists of deliveries and attempts."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.events.log.models import Event
from services.events.webhooks.models import AttemptRow, Backfill, EndpointRow
from services.events.webhooks.rules.endpoints import EndpointDefinition
from services.events.webhooks.sender import Sender
from services.events.webhooks.store.endpoints import create_endpoint
from shared.database import Database
from tests.services.deliveries.stand import SECRET, drain, make_due, paused, spread, tell
from tests.services.endpoints_admin import Admin, KeyMaker, endpoints_admin, fields, refusal
from tests.webhook_receiver import Received, Receiver, Reply, receiving


@pytest.fixture
async def admin(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> AsyncIterator[Admin]:
    async with endpoints_admin(db, application, access_key, organization_id) as admin:
        yield admin


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender([ip_network("127.0.0.0/8")], seconds=2)
    yield sender
    await sender.close()


class Listener:
    """An endpoint of the admin's organization. Its URL leads to a receiver in this process."""

    def __init__(self, admin: Admin, db: Database, receiver: Receiver, sender: Sender) -> None:
        self.admin, self.db, self.receiver, self.sender = admin, db, receiver, sender
        self.endpoint: dict[str, Any] = {}

    @property
    def path(self) -> str:
        return f"/v1/endpoints/{self.endpoint['id']}"

    async def make(self) -> None:
        definition = EndpointDefinition(url=self.receiver.url, owner_id=self.admin.owner.id)
        async with self.db.transaction() as session:
            made = await create_endpoint(session, self.admin.organization_id, definition, SECRET)
        self.endpoint = made.model_dump(mode="json")

    async def tell(self, *numbers: int) -> None:
        await tell(self.db, self.admin.organization_id, *(paused(number) for number in numbers))

    async def drain(self) -> None:
        await drain(self.db, self.sender, self.admin.ref(self.endpoint))

    async def pages(self, what: str, **query: object) -> list[dict[str, Any]]:
        """A whole list, read with two items a page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.admin.get(f"{self.path}/{what}", limit=2, **query, **cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["items"]) <= 2
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}


@pytest.fixture
async def listener(admin: Admin, db: Database, receiver: Receiver, sender: Sender) -> Listener:
    listener = Listener(admin, db, receiver, sender)
    await listener.make()
    return listener


async def test_a_test_event_arrives_like_any_other(listener: Listener, admin: Admin, db: Database) -> None:
    answer = await admin.post(f"{listener.path}/test")
    assert (answer.status_code, answer.json()) == (202, {"type": "app.upward.endpoint.tested.v1"})
    await spread(db)
    await listener.drain()
    [taken] = listener.receiver.taken
    taken.verify(SECRET)
    assert taken.subject == f"endpoint/{listener.endpoint['id']}"
    assert taken.event.get_type() == answer.json()["type"]


async def test_a_disabled_endpoint_is_neither_tested_nor_replayed_to(listener: Listener, admin: Admin) -> None:
    await listener.tell(1)
    await admin.post(f"{listener.path}/disable")
    for path, body in (("test", None), ("replays", {"sequence": 1})):
        assert refusal(await admin.post(f"{listener.path}/{path}", body)) == (409, "endpoint_disabled")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"sequence": 2}, ("dead", 2, 2)),
        ({"what": "all", "sequence": 3}, ("all", 3, 3)),
        ({"what": "missed", "from_sequence": 2}, ("missed", 2, 4)),
        ({"what": "all", "from_sequence": 2, "to_sequence": 3}, ("all", 2, 3)),
        ({"what": "all", "from_sequence": 2, "to_sequence": 2}, ("all", 2, 2)),
        ({"what": "dead", "from_sequence": 1, "to_sequence": 2**63 - 1}, ("dead", 1, 4)),
        ({"what": "all", "sequence": 9}, ("all", 9, 4)),
        ({"what": "all", "since": "2000-01-01T00:00:00+02:00"}, ("all", 1, 4)),
        ({"what": "all", "since": "0001-01-01T00:00:00+14:00"}, ("all", 1, 4)),
        ({"what": "all", "since": "9999-12-31T23:59:59-14:00"}, ("all", 5, 4)),
    ],
)
async def test_a_replay_says_which_events_are_looked_through(
    listener: Listener, admin: Admin, db: Database, body: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    await listener.tell(1, 2, 3, 4)
    answer = await admin.post(f"{listener.path}/replays", body)
    assert answer.status_code == 202, answer.text
    what, first, last = expected
    assert answer.json() == {"what": what, "from_sequence": first, "to_sequence": last}
    async with db.transaction() as session:
        ranges = (await session.execute(select(Backfill.what, Backfill.after, Backfill.up_to))).all()
    assert ranges == ([(what, first - 1, last)] if last >= first else [])


async def test_a_replay_since_a_time_begins_with_the_first_event_of_then(
    listener: Listener, admin: Admin, db: Database
) -> None:
    await listener.tell(1, 2, 3)
    async with db.transaction() as session:
        since = await session.scalar(select(Event.recorded_at).where(Event.sequence == 2))
    assert since is not None
    answer = await admin.post(f"{listener.path}/replays", {"what": "all", "since": since.isoformat()})
    assert (answer.json()["from_sequence"], answer.json()["to_sequence"]) == (2, 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"what": "all"}, "body"),
        ({"sequence": 1, "from_sequence": 1}, "body"),
        ({"sequence": 1, "since": "2026-01-01T00:00:00Z"}, "body"),
        ({"sequence": 1, "to_sequence": 2}, "body"),
        ({"to_sequence": 2}, "body"),
        ({"from_sequence": 3, "to_sequence": 2}, "body"),
        ({"since": "2026-01-01T00:00:00Z", "to_sequence": 2}, "body"),
        ({"what": "some", "sequence": 1}, "body.what"),
        ({"sequence": 0}, "body.sequence"),
        ({"from_sequence": 0}, "body.from_sequence"),
        ({"since": "2026-01-01T00:00:00"}, "body.since"),
        ({"sequence": 1, "until": 2}, "body.until"),
    ],
)
async def test_a_replay_that_says_nothing_or_two_things_is_refused(
    listener: Listener, admin: Admin, body: dict[str, Any], field: str
) -> None:
    answer = await admin.post(f"{listener.path}/replays", body)
    assert refusal(answer) == (422, "invalid")
    assert fields(answer) == [field]


async def test_an_event_that_is_replayed_comes_again_with_its_webhook_id(listener: Listener, admin: Admin) -> None:
    await listener.tell(1, 2)
    await listener.drain()
    await admin.post(f"{listener.path}/replays", {"what": "all", "sequence": 2})
    await listener.drain()
    ids = [one.headers["webhook-id"] for one in listener.receiver.taken if one.sequence == 2]
    assert ids[0] == ids[1]
    assert sorted(listener.receiver.sequences) == [1, 2, 2]


async def test_deliveries_are_listed_newest_first_by_state_and_one_by_one(listener: Listener, admin: Admin) -> None:
    async def picky(received: Received) -> Reply:
        return Reply(500 if received.subject.endswith("0002") else 204)

    listener.receiver.decide = picky
    await listener.tell(1, 2, 3, 2, 1)
    await listener.drain()
    listed = await listener.pages("deliveries")
    assert [one["sequence"] for one in listed] == [5, 4, 3, 2, 1]
    states = {one["sequence"]: one["state"] for one in listed}
    assert states == {1: "delivered", 2: "waiting", 3: "delivered", 4: "waiting", 5: "delivered"}
    waiting = await listener.pages("deliveries", state="waiting")
    assert [(one["sequence"], one["attempts"]) for one in waiting] == [(4, 0), (2, 1)]
    assert [one["sequence"] for one in await listener.pages("deliveries", state="delivered")] == [5, 3, 1]
    assert await listener.pages("deliveries", state="dead") == []
    for one in listed:
        assert (one["due_at"] is None, one["finished_at"] is None) == (
            one["state"] != "waiting",
            one["state"] == "waiting",
        )
        assert (await admin.get(f"{listener.path}/deliveries/{one['sequence']}")).json() == one
    [first] = [one for one in listener.receiver.taken if one.sequence == 1]
    assert (listed[-1]["event_id"], listed[-1]["subject"]) == (first.headers["webhook-id"], first.subject)
    assert (listed[-1]["type"]) == "cycle.paused"
    assert refusal(await admin.get(f"{listener.path}/deliveries/6")) == (404, "delivery_not_found")


async def test_attempts_are_listed_newest_first_and_of_one_event(listener: Listener, admin: Admin) -> None:
    answers = {1: [Reply(503, {}, b"busy\0" + b"x" * 3000), Reply()], 2: [Reply(500, {}, b"\xff"), Reply(302), Reply()]}

    async def stumbling(received: Received) -> Reply:
        return answers[received.sequence].pop(0)

    listener.receiver.decide = stumbling
    await listener.tell(1, 2)
    for _ in range(3):
        await listener.drain()
        await make_due(listener.db, admin.ref(listener.endpoint))
    listed = await listener.pages("attempts")
    assert len(listed) == 5
    assert [one["started_at"] for one in listed] == sorted((one["started_at"] for one in listed), reverse=True)
    assert len({UUID(one["id"]) for one in listed}) == 5, "an id that counts would tell about other organizations"
    second = await listener.pages("attempts", sequence=2)
    assert [(one["number"], one["status"], one["failure"]) for one in second] == [
        (3, 204, None),
        (2, 302, None),
        (1, 500, None),
    ]
    assert {one["sequence"] for one in second} == {2}
    assert second[-1]["answer"] == "\ufffd"
    first = (await listener.pages("attempts", sequence=1))[-1]
    assert first["answer"].startswith("busyx")
    assert len(first["answer"]) == 1999, "2,000 bytes, without what Postgres cannot keep"
    assert first["latency_ms"] >= 0
    assert datetime.now(UTC) - datetime.fromisoformat(first["started_at"]) < timedelta(minutes=10)
    assert await listener.pages("attempts", sequence=3) == []


async def test_an_attempt_without_an_answer_says_why(listener: Listener, admin: Admin, db: Database) -> None:
    async with db.transaction() as session:
        await session.execute(update(EndpointRow).values(url="http://10.0.0.1/"))
    await listener.tell(1)
    await listener.drain()
    [attempt] = await listener.pages("attempts")
    assert (attempt["status"], attempt["failure"], attempt["answer"]) == (None, "address_refused", None)


@pytest.mark.parametrize("what", ["deliveries", "attempts"])
@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 19])
async def test_a_cursor_that_the_api_did_not_give_out_is_400(
    listener: Listener, admin: Admin, what: str, cursor: str
) -> None:
    assert refusal(await admin.get(f"{listener.path}/{what}", cursor=cursor)) == (400, "bad_cursor")


async def test_one_endpoint_s_lists_show_nothing_of_another_s(listener: Listener, admin: Admin, db: Database) -> None:
    await listener.tell(1)
    await listener.drain()
    other = (await admin.create())["id"]
    for what in ("deliveries", "attempts"):
        assert (await admin.get(f"/v1/endpoints/{other}/{what}")).json() == {"items": [], "next": None}
    assert refusal(await admin.get(f"/v1/endpoints/{other}/deliveries/1")) == (404, "delivery_not_found")
    async with db.transaction() as session:
        assert set(await session.scalars(select(AttemptRow.endpoint_id))) == {UUID(listener.endpoint["id"])}
    assert refusal(await admin.get(f"/v1/endpoints/{uuid4()}/attempts")) == (404, "endpoint_not_found")
