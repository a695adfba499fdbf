"""An organization chooses the name of its sender, its colour and its logo: by admins, checked, and for itself only."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.pictures import jpeg, png
from tests.services.programs_examples import add_organization

Keys = Callable[..., Awaitable[dict[str, str]]]
BRAND, LOGO = "/v1/brand", "/v1/brand/logo"
CHOSEN = {"sender_name": "Acme Learning", "accent": "#7A2048"}
ANY, PNG = {"if-match": "*"}, {"content-type": "image/png"}


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Keys, db: Database, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def save(client: httpx.AsyncClient, **change: Any) -> httpx.Response:
    return await client.put(BRAND, json=CHOSEN | change, headers=ANY)


async def test_sender_colour_and_logo_are_set_shown_to_callers_and_reset(
    client: httpx.AsyncClient, organization_id: UUID
) -> None:
    ours = await client.get(BRAND)
    assert (ours.headers["etag"], ours.json()["palette"], ours.json()["logo"]) == ('"0"', None, None)
    saved = await client.put(BRAND, json=CHOSEN, headers={"if-match": '"0"'})
    assert (saved.status_code, saved.headers["etag"]) == (200, '"1"')
    assert (saved.json()["accent"], saved.json()["accent_dark"]) == ("#7a2048", None)
    assert saved.json()["palette"]["dark"]["accent"] != "#7a2048"
    kept = await client.put(LOGO, content=png(40, 20), headers=PNG | {"if-match": '"1"'})
    assert (kept.status_code, kept.headers["etag"]) == (200, '"2"')
    logo = kept.json()["logo"]
    expected = {"media_type": "image/png", "width": 40, "height": 20, "alt": f"Company {organization_id}"}
    assert {name: logo[name] for name in expected} == expected
    read = await client.get(LOGO)
    assert (read.content, read.headers["content-type"]) == (png(40, 20), "image/png")
    assert read.headers["x-content-type-options"] == "nosniff"
    shown = (await client.get("/v1/caller")).json()["brand"]
    assert shown == {name: kept.json()[name] for name in ("sender_name", "palette", "logo")}
    assert (await save(client, sender_name=None)).json()["logo"] == logo
    reset = await client.delete(BRAND, headers={"if-match": '"3"'})
    assert reset.headers["etag"] == '"4"'
    assert {**reset.json(), "version": 0, "updated_at": None} == ours.json()
    assert (await client.get(LOGO)).status_code == 404


async def test_a_preview_is_checked_and_stores_nothing(client: httpx.AsyncClient) -> None:
    tried = await client.post(f"{BRAND}/preview", json=CHOSEN)
    assert tried.json()["palette"]["light"]["accent"] == "#7a2048"
    assert (await client.post(f"{BRAND}/preview", json=CHOSEN | {"accent": "#ffcc00"})).status_code == 422
    assert (await client.get(BRAND)).json()["version"] == 0


async def test_a_colour_that_not_everybody_can_read_is_refused_with_one_that_passes(client: httpx.AsyncClient) -> None:
    refused = await save(client, accent="#ffcc00", accent_dark="#333333")
    assert (refused.status_code, refused.json()["code"]) == (422, "contrast_too_low")
    light, dark = refused.json()["errors"]
    assert (light["field"], light["theme"], light["ratio"]) == ("body.accent", "light", 1.39)
    assert (dark["field"], dark["theme"]) == ("body.accent_dark", "dark")
    assert "1.39:1" in light["detail"]
    assert light["would_pass"] in light["detail"]
    passing = await save(client, accent=light["would_pass"], accent_dark=dark["would_pass"])
    assert passing.status_code == 200
    alone = await save(client, accent=None, accent_dark="#ffffff")
    assert (alone.status_code, alone.json()["code"]) == (422, "accent_missing")
    assert [(one["field"], one["code"]) for one in alone.json()["errors"]] == [("body.accent_dark", "accent_missing")]


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"<svg onload='alert(1)'/>", "image/svg+xml", 415, "logo_type_unknown"),
        (b"<svg onload='alert(1)'/>", "image/png", 422, "no_picture"),
        (b"", "image/png", 422, "no_picture"),
        (png(40, 20)[:-1], "image/png", 422, "broken_picture"),
        (png(1201, 20), "image/png", 422, "picture_size"),
        (png(40, 20) + b"\x00" * (100_001 - len(png(40, 20))), "image/png", 422, "picture_too_large"),
        (b"\x00" * 100_002, "image/png", 413, "body_too_large"),
    ],
)
async def test_what_is_no_logo_is_refused_and_leaves_the_one_that_is_there(
    client: httpx.AsyncClient, data: bytes, kind: str, status: int, code: str
) -> None:
    await client.put(LOGO, content=jpeg(40, 20), headers=ANY | {"content-type": "image/jpeg"})
    refused = await client.put(LOGO, content=data, headers=ANY | {"content-type": kind})
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await client.get(LOGO)).content == jpeg(40, 20)


async def test_what_a_file_is_says_its_content_and_not_its_sender(client: httpx.AsyncClient) -> None:
    await client.put(LOGO, content=jpeg(40, 20), headers=PNG | ANY)
    assert (await client.get(LOGO)).headers["content-type"] == "image/jpeg"
    removed = await client.delete(LOGO, headers=ANY)
    assert removed.json()["logo"] is None
    assert (await client.get(LOGO)).json()["code"] == "no_logo"


async def test_a_second_admin_is_told_what_changed(client: httpx.AsyncClient) -> None:
    await client.put(BRAND, json=CHOSEN, headers={"if-match": '"0"'})
    body = {"json": CHOSEN}
    picture = {"content": png(40, 20)}
    for method, path, sent, kind in (
        ("PUT", BRAND, body, {}),
        ("PUT", LOGO, picture, PNG),
        ("DELETE", LOGO, {}, {}),
        ("DELETE", BRAND, {}, {}),
    ):
        late = await client.request(method, path, headers={**kind, "if-match": '"0"'}, **sent)
        assert (late.status_code, late.json()["changed"]) == (412, ["accent", "sender_name"]), (method, path)
        assert (await client.request(method, path, headers=kind, **sent)).status_code == 428
    assert (await client.get(BRAND)).json()["version"] == 1


async def test_only_admins_choose_and_only_for_their_own_organization(
    client: httpx.AsyncClient, db: Database, access_key: Keys, internal_headers: dict[str, str]
) -> None:
    await save(client)
    digest = (await client.put(LOGO, content=png(40, 20), headers=PNG | ANY)).json()["logo"]["digest"]
    for role in (Role.VIEWER, Role.COORDINATOR):
        lower = await access_key(role)
        assert (await client.get(BRAND, headers=lower)).json()["sender_name"] == "Acme Learning"
        for method, path in (("PUT", BRAND), ("DELETE", BRAND), ("PUT", LOGO), ("DELETE", LOGO)):
            assert (await client.request(method, path, headers=lower | ANY)).status_code == 403, (role, method, path)
    other = uuid4()
    await add_organization(db, other)
    theirs = await access_key(Role.OWNER, other)
    assert (await client.get(BRAND, headers=theirs)).json()["version"] == 0
    assert (await client.get("/v1/caller", headers=theirs)).json()["brand"]["logo"] is None
    inside = f"/internal/accounts/logos/{digest}"
    assert (await client.get(inside, headers=internal_headers)).status_code == 200
    as_other = internal_headers | {"upward-organization": str(other)}
    assert (await client.get(inside, headers=as_other)).json()["code"] == "no_logo"
    assert (await client.get("/internal/accounts/brand", headers=as_other)).json()["palette"] is None
