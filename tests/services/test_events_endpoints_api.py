"""Endpoints over HTTP: creating, changing, disabling, enabling and deleting them, their secrets, and who may do it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.events.webhooks.models import AttemptRow, Backfill, DeliveryRow, EndpointRow, EndpointSecret, SubjectQueue
from services.events.webhooks.rules.endpoints import MOST_ENDPOINTS, MOST_SECRETS
from services.events.webhooks.rules.signing import signed_headers
from services.events.webhooks.store import deliveries
from shared.auth import Role
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.http.idempotency import IdempotencyRecord
from tests.services.deliveries.stand import spread, tell
from tests.services.endpoints_admin import URL, Admin, KeyMaker, endpoints_admin, fields, refusal
from tests.services.programs_examples import once, staged

KEYS = (
    *(
        EndpointRow.id,
        EndpointSecret.endpoint_id,
        DeliveryRow.endpoint_id,
        SubjectQueue.endpoint_id,
        AttemptRow.endpoint_id,
    ),
    Backfill.endpoint_id,
)


@pytest.fixture
async def admin(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> AsyncIterator[Admin]:
    async with endpoints_admin(db, application, access_key, organization_id) as admin:
        yield admin


async def test_an_endpoint_is_made_with_its_address_its_etag_and_its_secret(admin: Admin, db: Database) -> None:
    await tell(db, admin.organization_id, CyclePaused(cycle_id=uuid4()), CyclePaused(cycle_id=uuid4()))
    types = ["pair.activated", "app.upward.cycle.paused.v1"]
    body = admin.body(url="HTTPS://Hooks.Example.COM:443/aäb", types=types, description=" BI ")
    answer = await admin.post("/v1/endpoints", body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/endpoints/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    assert signed_headers([made.pop("secret")], "id", datetime.now(UTC), b"")
    assert made.pop("created_at")
    assert made == {
        "id": made["id"],
        "url": "https://hooks.example.com/a%C3%A4b",
        "owner_id": str(admin.owner.id),
        "description": "BI",
        "types": ["cycle.paused", "pair.activated"],
        "rate_limit": 50,
        "state": "enabled",
        "disable_reason": None,
        "disabled_at": None,
        "failing_since": None,
        "reached_sequence": 2,
        "version": 1,
    }


async def test_a_repeat_makes_no_second_endpoint_and_shows_no_secret(admin: Admin) -> None:
    headers = once(admin.headers)
    first = await admin.post("/v1/endpoints", admin.body(), headers)
    again = await admin.post("/v1/endpoints", admin.body(), headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == first.json() | {"secret": None}
    assert first.json()["secret"].startswith("whsec_")
    assert again.headers["location"] == first.headers["location"]
    other = await admin.post("/v1/endpoints", admin.body(rate_limit=1), headers)
    assert refusal(other) == (422, "idempotency_key_reused")
    assert len((await admin.get("/v1/endpoints")).json()["items"]) == 1


async def test_a_secret_is_stored_where_it_signs_and_nowhere_else_and_never_read_again(
    admin: Admin, db: Database
) -> None:
    made = await admin.create()
    rotated = (await admin.post(f"/v1/endpoints/{made['id']}/secrets")).json()
    secrets = {made["secret"], rotated["secret"]}
    async with db.transaction() as session:
        kept = (await session.scalars(select(IdempotencyRecord.body))).all()
        assert set(await session.scalars(select(EndpointSecret.secret))) == secrets
    answers = [await admin.get("/v1/endpoints"), await admin.get(f"/v1/endpoints/{made['id']}")]
    assert len(kept) == 2
    for text in (str(kept), *(answer.text for answer in answers)):
        assert not any(secret in text for secret in secrets)


async def test_endpoints_are_listed_oldest_first_a_page_at_a_time(admin: Admin, db: Database) -> None:
    made = [(await admin.create(description=str(number)))["id"] for number in range(5)]
    async with db.transaction() as session:
        for age, endpoint_id in enumerate(made):  # the test's one transaction gave them all the same time
            created_at = datetime.now(UTC) - timedelta(days=age)
            await session.execute(
                update(EndpointRow).where(EndpointRow.id == endpoint_id).values(created_at=created_at)
            )
    listed: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        cursor = {"cursor": page["next"]} if page["next"] else {}
        page = (await admin.get("/v1/endpoints", limit=2, **cursor)).json()
        assert len(page["items"]) <= 2
        listed += [one["id"] for one in page["items"]]
    assert listed == made[::-1]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA"])
async def test_a_cursor_that_the_api_did_not_give_out_is_400(admin: Admin, cursor: str) -> None:
    assert refusal(await admin.get("/v1/endpoints", cursor=cursor)) == (400, "bad_cursor")


async def test_an_edit_replaces_the_definition_and_needs_the_version_that_it_changes(admin: Admin) -> None:
    made = await admin.create(description="before", types=["cycle.paused"], rate_limit=7)
    path = f"/v1/endpoints/{made['id']}"
    wanted = admin.body(url="https://other.example.com/", rate_limit=500)
    bare = await admin.http.put(path, json=wanted, headers=admin.headers)
    assert refusal(bare) == (428, "if_match_required")
    assert refusal(await admin.put(made["id"], wanted, '"2"')) == (412, "stale_version")
    read = await admin.get(path)
    assert (read.json()["description"], read.headers["etag"]) == ("before", '"1"')
    changed = await admin.put(made["id"], wanted, read.headers["etag"])
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    expected = {"url": "https://other.example.com/", "description": "", "types": [], "rate_limit": 500, "version": 2}
    assert changed.json() == read.json() | expected
    assert (await admin.get(path)).json() == changed.json()
    await admin.http.post(f"{path}/disable", headers=admin.headers)
    for version, changed_fields in (
        ('"1"', ["description", "rate_limit", "state", "types", "url"]),
        ('"2"', ["state"]),
    ):
        refused = await admin.put(made["id"], wanted, version)
        assert refusal(refused) == (412, "stale_version")
        assert (refused.json()["changed"], refused.json()["etag"]) == (changed_fields, '"3"')


async def test_deleting_removes_everything_of_the_endpoint(admin: Admin, db: Database) -> None:
    made, kept = await admin.create(), await admin.create()
    await tell(db, admin.organization_id, CyclePaused(cycle_id=uuid4()))
    path = f"/v1/endpoints/{made['id']}"
    assert (await admin.http.delete(path, headers=admin.headers)).status_code == 204
    for answer in (await admin.http.delete(path, headers=admin.headers), await admin.get(path)):
        assert refusal(answer) == (404, "endpoint_not_found")
    async with db.transaction() as session:
        for key in KEYS:
            assert set(await session.scalars(select(key))) <= {UUID(kept["id"])}, key
    assert [type for type, _ in await staged(db, admin.organization_id)] == ["endpoint.disabled"]


async def test_disabling_and_enabling_are_told_once_each(admin: Admin, db: Database) -> None:
    made = await admin.create()
    path = f"/v1/endpoints/{made['id']}"
    assert refusal(await admin.post(f"{path}/enable")) == (409, "endpoint_enabled")
    off = [(await admin.post(f"{path}/disable")).json() for _ in range(2)]
    assert off[0] == off[1]
    assert (off[0]["state"], off[0]["disable_reason"], off[0]["version"]) == ("disabled", "admin", 2)
    assert off[0]["disabled_at"] is not None
    changed = (await admin.put(made["id"], admin.body(description="new"), "*")).json()
    assert (changed["state"], changed["description"]) == ("disabled", "new"), "an edit enables nothing"
    on = (await admin.post(f"{path}/enable", {"catch_up": False})).json()
    assert (on["state"], on["disable_reason"], on["disabled_at"]) == ("enabled", None, None)
    assert refusal(await admin.post(f"{path}/enable")) == (409, "endpoint_enabled")
    told = await staged(db, admin.organization_id)
    assert [(type, data.get("reason")) for type, data in told] == [
        ("endpoint.disabled", "admin"),
        ("endpoint.enabled", None),
    ]
    assert told[0][1]["owner_id"] == str(admin.owner.id)


@pytest.mark.parametrize(("body", "missed"), [(None, 1), ({}, 1), ({"catch_up": True}, 1), ({"catch_up": False}, 0)])
async def test_enabling_catches_up_unless_it_is_told_not_to(
    admin: Admin, db: Database, body: dict[str, bool] | None, missed: int
) -> None:
    made = await admin.create()
    path = f"/v1/endpoints/{made['id']}"
    await admin.post(f"{path}/disable")
    await spread(db)
    await tell(db, admin.organization_id, CyclePaused(cycle_id=uuid4()))
    enabled = await admin.post(f"{path}/enable", body)
    assert (enabled.status_code, enabled.json()["reached_sequence"]) == (200, 2)
    async with db.transaction() as session:
        ranges = (await session.execute(select(Backfill.what, Backfill.after, Backfill.up_to))).all()
    assert ranges == [("missed", 0, 2)][:missed]


async def test_a_rotation_leaves_the_old_secret_valid_for_a_day_or_as_long_as_it_says(
    admin: Admin, db: Database
) -> None:
    made = await admin.create()
    path = f"/v1/endpoints/{made['id']}/secrets"
    secrets = [made["secret"]]
    for body, hours in ((None, 24), ({"overlap_hours": 168}, 168)):
        answer = await admin.post(path, body)
        assert answer.status_code == 201, answer.text
        secrets.append(answer.json()["secret"])
        left = datetime.fromisoformat(answer.json()["old_secrets_expire_at"]) - datetime.now(UTC)
        assert timedelta(hours=hours - 1) < left <= timedelta(hours=hours)
    async with db.transaction() as session:
        found = await deliveries.read_endpoint(session, admin.ref(made))
        assert found is not None
        assert found.secrets == tuple(reversed(secrets)), "all sign, the newest first"
        expiring = await session.scalars(select(EndpointSecret.expires_at).order_by(EndpointSecret.id))
    first, second, newest = expiring
    assert first is not None
    assert second is not None
    assert newest is None
    assert second - first > timedelta(hours=140), "a later rotation prolongs nothing"


async def test_a_repeated_rotation_makes_one_secret_and_shows_it_once(admin: Admin) -> None:
    made = await admin.create()
    headers = once(admin.headers)
    first, again = [await admin.post(f"/v1/endpoints/{made['id']}/secrets", {}, headers) for _ in range(2)]
    assert again.json() == first.json() | {"secret": None}
    assert first.json()["secret"] not in (None, made["secret"])


async def test_at_most_five_secrets_sign_at_once(admin: Admin, db: Database) -> None:
    made = await admin.create()
    path = f"/v1/endpoints/{made['id']}/secrets"
    statuses = [(await admin.post(path)).status_code for _ in range(MOST_SECRETS - 1)]
    assert set(statuses) == {201}
    assert refusal(await admin.post(path)) == (409, "too_many_secrets")
    async with db.transaction() as session:
        oldest = select(func.min(EndpointSecret.id)).scalar_subquery()
        expired = update(EndpointSecret).where(EndpointSecret.id == oldest).values(expires_at=func.clock_timestamp())
        await session.execute(expired)
    assert (await admin.post(path)).status_code == 201


async def test_an_organization_has_at_most_fifty_endpoints(admin: Admin) -> None:
    for _ in range(MOST_ENDPOINTS):
        made = await admin.create()
    assert refusal(await admin.post("/v1/endpoints", admin.body())) == (409, "too_many_endpoints")
    await admin.http.delete(f"/v1/endpoints/{made['id']}", headers=admin.headers)
    await admin.create()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://intranet/",
        "https://metadata.google.internal/",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
    ],
)
async def test_an_unsafe_url_is_refused_when_made_and_when_changed_and_not_repeated(admin: Admin, url: str) -> None:
    made = await admin.create()
    for answer in (
        await admin.post("/v1/endpoints", admin.body(url=url)),
        await admin.put(made["id"], admin.body(url=url), "*"),
    ):
        assert refusal(answer) == (422, "unsafe_url")
        assert fields(answer) == ["body.url"]
        assert not url or url not in answer.text
    assert [one["url"] for one in (await admin.get("/v1/endpoints")).json()["items"]] == [URL]


async def test_types_that_do_not_exist_are_refused(admin: Admin) -> None:
    made = await admin.create()
    for types in (["cycle.started"], ["cycle.paused", ""], ["app.upward.cycle.paused.v99"], ["CYCLE.PAUSED"]):
        for answer in (
            await admin.post("/v1/endpoints", admin.body(types=types)),
            await admin.put(made["id"], admin.body(types=types), "*"),
        ):
            assert refusal(answer) == (422, "unknown_event_type")
            assert fields(answer) == ["body.types"]


async def test_an_owner_is_an_active_person_of_the_organization(
    admin: Admin, db: Database, access_key: KeyMaker
) -> None:
    made = await admin.create()
    elsewhere = Admin(admin.http, await access_key(Role.ADMIN, other := uuid4()), other)
    for owner in (uuid4(), admin.leaver.id, elsewhere.owner.id):
        for answer in (
            await admin.post("/v1/endpoints", admin.body(owner_id=str(owner))),
            await admin.put(made["id"], admin.body(owner_id=str(owner)), "*"),
        ):
            assert refusal(answer) == (422, "unknown_owner")
            assert fields(answer) == ["body.owner_id"]
    assert refusal(await elsewhere.post("/v1/endpoints", admin.body())) == (422, "unknown_owner")


def calls(endpoint_id: object) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Every request about an endpoint: method, path and body."""
    path = f"/v1/endpoints/{endpoint_id}"
    definition = {"url": URL, "owner_id": str(uuid4())}
    return [
        ("GET", path, None),
        ("PUT", path, definition),
        ("POST", f"{path}/disable", None),
        ("POST", f"{path}/enable", {}),
        ("POST", f"{path}/secrets", {}),
        ("POST", f"{path}/test", None),
        ("POST", f"{path}/replays", {"sequence": 1}),
        ("GET", f"{path}/deliveries", None),
        ("GET", f"{path}/deliveries/1", None),
        ("GET", f"{path}/attempts", None),
        ("DELETE", path, None),
    ]


async def test_another_organizations_endpoint_does_not_exist(admin: Admin, access_key: KeyMaker) -> None:
    made = await admin.create()
    intruder = once(await access_key(Role.OWNER, uuid4())) | {"if-match": "*"}
    for endpoint_id in (made["id"], uuid4()):
        for method, path, body in calls(endpoint_id):
            answer = await admin.http.request(method, path, json=body, headers=intruder)
            assert refusal(answer) == (404, "endpoint_not_found"), (method, path)
    assert (await admin.http.get("/v1/endpoints", headers=intruder)).json() == {"items": [], "next": None}
    found = (await admin.get(f"/v1/endpoints/{made['id']}")).json()
    assert found == {name: value for name, value in made.items() if name != "secret"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_endpoints_are_for_admins(admin: Admin, access_key: KeyMaker, role: Role) -> None:
    made = await admin.create()
    headers = once(await access_key(role)) | {"if-match": "*"}
    listing: list[tuple[str, str, Any]] = [("GET", "/v1/endpoints", None), ("POST", "/v1/endpoints", admin.body())]
    for method, path, body in listing + calls(made["id"]):
        answer = await admin.http.request(method, path, json=body, headers=headers)
        assert refusal(answer) == (403, "role_too_low"), (method, path)


async def test_a_brief_is_for_services_and_of_their_organization(
    admin: Admin, internal_headers: dict[str, str]
) -> None:
    made = await admin.create(description="BI")
    path = f"/internal/events/endpoints/{made['id']}"
    brief = await admin.http.get(path, headers=internal_headers)
    names = ("url", "description", "state", "disable_reason", "failing_since")
    assert brief.json() == {"endpoint_id": made["id"]} | {name: made[name] for name in names}
    elsewhere = internal_headers | {"upward-organization": str(uuid4())}
    assert refusal(await admin.http.get(path, headers=elsewhere)) == (404, "endpoint_not_found")
    assert refusal(await admin.get(path)) == (401, "service_only")
