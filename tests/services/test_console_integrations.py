"""The pages about integrations: for admins of the organization, with secrets that are shown once."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from services.accounts import main as accounts
from services.console import main as console
from services.events import main as events
from services.events.log.positions import sequence_batch
from services.events.webhooks.models import EndpointRow
from services.intake import main as intake
from shared.auth import Role
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.events import emit
from tests.services.conftest import client_of
from tests.services.wrong_input.public_routes import add_world

Ids = dict[str, UUID | int]
BASE = "/console/integrations"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@pytest.fixture
async def world(db: Database, organization_id: UUID) -> Ids:
    return await add_world(db, organization_id)


@pytest.fixture
def app(world: Ids, application: Callable[..., FastAPI]) -> FastAPI:
    return application(accounts, intake, events, console)


@pytest.fixture
async def admin(app: FastAPI, access_key: Callable[..., Awaitable[dict[str, str]]]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


def token_in(page: httpx.Response) -> str:
    return str(re.findall(r'name="form_token" value="([^"]+)"', page.text)[-1])


async def send(client: httpx.AsyncClient, address: str, **fields: Any) -> httpx.Response:
    """Sends the form of this page, or of the page of the endpoint if the step has none of its own."""
    page = await client.get(address)
    if page.status_code != 200:
        page = await client.get(address.rpartition("/")[0])
    return await client.post(address, data={"form_token": token_in(page)} | fields)


def of(world: Ids) -> str:
    return f"{BASE}/{world['endpoint_id']}"


async def stored(db: Database, endpoint_id: object) -> EndpointRow | None:
    async with db.transaction() as session:
        found = await session.execute(
            select(EndpointRow).where(EndpointRow.id == endpoint_id).execution_options(populate_existing=True)
        )
        return found.scalar_one_or_none()


FORM = {"url": "https://hooks.example.com/new", "owner": "ada@example.org", "rate_limit": "7"}


async def test_an_endpoint_is_made_and_its_secret_is_shown_once(admin: httpx.AsyncClient) -> None:
    page = await admin.get(f"{BASE}/new")
    form = FORM | {"form_token": token_in(page), "types": ["pair.ended", "pair.activated"], "description": "<i>BI"}
    made = await admin.post(f"{BASE}/new", data=form)
    assert made.status_code == 200
    assert SECRET.search(made.text)
    again = await admin.post(f"{BASE}/new", data=form)
    assert not SECRET.search(again.text)
    assert "is not shown again" in again.text
    listed = await admin.get(BASE)
    assert listed.text.count("&lt;i&gt;BI") == 1
    assert "<i>BI" not in listed.text
    assert not SECRET.search(listed.text)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("owner", "nobody@example.org", "Type the e-mail address of somebody"),
        ("owner", "", "Type the e-mail address of somebody"),
        ("rate_limit", "many", "Type a whole number."),
        ("url", "http://hooks.example.com", "Use https: events are not sent unencrypted."),
    ],
)
async def test_what_is_typed_wrong_is_told_beside_its_field(
    admin: httpx.AsyncClient, field: str, value: str, told: str
) -> None:
    answer = await send(admin, f"{BASE}/new", **(FORM | {field: value}))
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error"[^>]*>.*{re.escape(told)}', answer.text)
    assert 'value="https://hooks.example.com/new"' in answer.text or field == "url"


async def test_an_endpoint_is_edited_and_the_second_admin_sees_what_changed(
    admin: httpx.AsyncClient, db: Database, world: Ids
) -> None:
    page = await admin.get(f"{of(world)}/edit")
    (etag,) = re.findall(r'name="etag" value="([^"]+)"', page.text)
    etag = etag.replace("&#34;", '"')
    form = FORM | {"form_token": token_in(page), "etag": etag}
    first = await admin.post(f"{of(world)}/edit", data=form | {"description": "first"})
    assert first.headers["location"] == f"{of(world)}?done=changed"
    second = await admin.post(f"{of(world)}/edit", data=form | {"description": "second"})
    assert second.status_code == 412
    assert "Somebody changed this endpoint meanwhile" in second.text
    assert "<li>Description: first</li>" in second.text
    (newer,) = re.findall(r'name="etag" value="([^"]+)"', second.text)
    third = await admin.post(
        f"{of(world)}/edit", data=form | {"description": "second", "etag": newer.replace("&#34;", '"')}
    )
    assert third.status_code == 303
    row = await stored(db, world["endpoint_id"])
    assert row is not None
    assert (row.description, row.rate_limit) == ("second", 7)


async def test_an_endpoint_is_disabled_enabled_tested_and_told_events_again(
    admin: httpx.AsyncClient, world: Ids
) -> None:
    base = of(world)
    assert (await send(admin, f"{base}/disable")).headers["location"] == f"{base}?done=disabled"
    page = await admin.get(f"{base}?done=disabled")
    assert "Nothing is sent to it from now on." in page.text
    assert "An admin disabled it." in page.text
    assert f'href="{base}/enable"' in page.text
    assert f'action="{base}/test"' not in page.text
    refused = await send(admin, f"{base}/replay", what="dead", since="7")
    assert refused.status_code == 409
    assert (await send(admin, f"{base}/enable", catch_up="no")).headers["location"] == f"{base}?done=enabled"
    assert (await send(admin, f"{base}/test")).headers["location"] == f"{base}?done=tested"
    assert (await send(admin, f"{base}/replay", what="dead", since="7")).status_code == 303
    wrong = await send(admin, f"{base}/replay", what="dead", since="7000")
    assert (wrong.status_code, "Choose one of these." in wrong.text) == (422, True)


async def test_a_secret_is_changed_and_the_old_one_stays_good_for_a_while(admin: httpx.AsyncClient, world: Ids) -> None:
    answer = await send(admin, f"{of(world)}/secret", overlap="72")
    assert answer.status_code == 200
    assert SECRET.search(answer.text)
    assert "deliveries are signed with the old secret too" in answer.text
    assert (await send(admin, f"{of(world)}/secret", overlap="1")).status_code == 422


async def test_an_endpoint_is_deleted_after_a_page_that_says_what_goes(
    admin: httpx.AsyncClient, db: Database, world: Ids
) -> None:
    page = await admin.get(f"{of(world)}/delete")
    assert "This cannot be undone" in page.text
    assert await stored(db, world["endpoint_id"]) is not None
    answer = await send(admin, f"{of(world)}/delete")
    assert answer.headers["location"] == f"{BASE}?done=deleted"
    assert await stored(db, world["endpoint_id"]) is None
    assert "No system is told anything yet" in (await admin.get(BASE)).text


async def test_deliveries_are_shown_by_state_and_with_their_attempts(admin: httpx.AsyncClient, world: Ids) -> None:
    assert f'href="{of(world)}/deliveries/1"' in (await admin.get(f"{of(world)}?state=delivered")).text
    assert "There is no such delivery." in (await admin.get(f"{of(world)}?state=dead")).text
    assert (await admin.get(f"{of(world)}?state=other")).status_code == 404
    page = await admin.get(f"{of(world)}/deliveries/1")
    assert ">500" in page.text
    assert ">204" in page.text
    assert "Send this event again" in page.text
    assert (await admin.get(f"{of(world)}/deliveries/2")).status_code == 404


async def test_the_newest_events_are_first_and_can_be_of_one_type(
    admin: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    assert "Nothing has happened yet." in (await admin.get(BASE)).text
    async with db.transaction() as session:
        for _ in range(2):
            await emit(session, organization_id, CyclePaused(cycle_id=uuid4()))
        await sequence_batch(session)
    page = await admin.get(BASE)
    assert 'id="newest-events" data-live' in page.text
    assert [int(one) for one in re.findall(r'data-label="No.">(\d+)', page.text)] == [2, 1]
    assert "cycle.paused" in (await admin.get(f"{BASE}/events?type=cycle.paused")).text
    none = await admin.get(f"{BASE}/events?type=cycle.resumed")
    assert "There is no such event among them." in none.text
    types = await admin.get(f"{BASE}/types")
    assert "<code>cycle.paused</code> <small>v1</small>" in types.text


async def test_another_organization_s_endpoints_are_not_there(
    admin: httpx.AsyncClient, db: Database, world: Ids
) -> None:
    other = await add_world(db, uuid4())
    token = token_in(await admin.get(f"{BASE}/new"))
    for step in ("", "/edit", "/secret", "/replay", "/enable", "/disable", "/delete", "/deliveries/1"):
        assert (await admin.get(f"{of(other)}{step}")).status_code == 404, step
    for step in ("/test", "/secret", "/replay", "/enable", "/disable", "/delete", "/edit"):
        fields = FORM | {"form_token": token, "overlap": "24", "what": "dead", "since": "7", "etag": '"1"'}
        assert (await admin.post(f"{of(other)}{step}", data=fields)).status_code == 404, step
    assert await stored(db, other["endpoint_id"]) is not None


async def test_only_admins_see_and_change_integrations(
    app: FastAPI, access_key: Callable[..., Awaitable[dict[str, str]]], world: Ids
) -> None:
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.COORDINATOR))
        home = await client.get("/console/none")
        assert BASE not in home.text
        token = token_in(home)
        for address in ("", "/new", "/events", "/types", f"/{world['endpoint_id']}"):
            assert (await client.get(f"{BASE}{address}")).status_code == 403, address
        steps = ("test", "secret", "replay", "enable", "disable", "delete", "edit")
        for address in (f"{BASE}/new", *(f"{of(world)}/{step}" for step in steps)):
            assert (await client.post(address, data={"form_token": token})).status_code == 403, address
