"""The page of access keys: for owners, with keys that are shown once, and none revoked without being told what ends."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from shared.auth import Role
from shared.database import Database
from shared.keys import key_id_of
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
KEYS = "/console/settings/keys"
WANTED = {"role": "coordinator", "valid_days": "90", "networks": "127.0.0.0/8\r\n203.0.113.7"}
KEY = re.compile(r"upw_[0-9a-z]{12}_[0-9a-z]+")


@pytest.fixture
async def app(db: Database, organization_id: UUID, application: Callable[..., FastAPI]) -> FastAPI:
    await add_organization(db, organization_id)
    return application(accounts, console)


@pytest.fixture
async def owner(app: FastAPI, access_key: KeyMaker) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.OWNER))
        yield client


def token_in(page: httpx.Response) -> str:
    return str(re.findall(r'name="form_token" value="([^"]+)"', page.text)[-1])


async def test_a_key_is_made_shown_once_and_revoked(owner: httpx.AsyncClient) -> None:
    form = WANTED | {"label": "<b>Ana</b>", "form_token": token_in(await owner.get(f"{KEYS}/new"))}
    made = await owner.post(f"{KEYS}/new", data=form)
    (key,) = set(KEY.findall(made.text))
    again = await owner.post(f"{KEYS}/new", data=form)
    assert not KEY.search(again.text)
    assert "is not shown again" in again.text
    assert "It expires on" in made.text
    listed = await owner.get(KEYS)
    assert "&lt;b&gt;Ana&lt;/b&gt;" in listed.text
    assert "<b>Ana" not in listed.text
    assert "only from 127.0.0.0/8 and 203.0.113.7/32" in listed.text
    assert listed.text.count("does not expire") == 1, "that of the owner is of an earlier version"
    assert not KEY.search(listed.text)
    page = await owner.get(f"{KEYS}/{key_id_of(key)}/revoke")
    assert "The key is refused from now on, and so are systems that use it." in page.text
    assert "you are signed out" not in page.text
    answer = await owner.post(f"{KEYS}/{key_id_of(key)}/revoke", data={"form_token": token_in(page)})
    assert answer.headers["location"] == f"{KEYS}?done=revoked"
    assert "The key was revoked." in (await owner.get(f"{KEYS}?done=revoked")).text
    assert str(key_id_of(key)) in (await owner.get(f"{KEYS}?state=revoked")).text
    assert "This key is revoked already." in (await owner.get(f"{KEYS}/{key_id_of(key)}/revoke")).text


async def test_the_last_key_of_an_owner_has_no_button_and_its_form_is_refused(
    owner: httpx.AsyncClient, access_key: KeyMaker
) -> None:
    own = key_id_of(owner.headers["authorization"].removeprefix("Bearer "))
    page = await owner.get(f"{KEYS}/{own}/revoke")
    assert "This is the last key of an owner." in page.text
    assert "Revoke the key</button>" not in page.text
    refused = await owner.post(f"{KEYS}/{own}/revoke", data={"form_token": token_in(page)})
    assert refused.status_code == 409
    await access_key(Role.OWNER)
    assert "you are signed out at once" in (await owner.get(f"{KEYS}/{own}/revoke")).text


async def test_what_is_missing_is_told_beside_its_field(owner: httpx.AsyncClient) -> None:
    token = token_in(await owner.get(f"{KEYS}/new"))
    answer = await owner.post(
        f"{KEYS}/new", data={"form_token": token, "label": " ", "role": "king", "valid_days": "9"}
    )
    assert answer.status_code == 422
    for field in ("label", "role", "valid_days"):
        assert f'id="{field}-error"' in answer.text


@pytest.mark.parametrize("typed", ["office", "10.0.0.1/8", "\n".join(["10.0.0.0/8"] * 21)])
async def test_networks_that_are_none_are_told_beside_their_field(owner: httpx.AsyncClient, typed: str) -> None:
    page = await owner.get(f"{KEYS}/new")
    assert "You come from 127.0.0.1." in page.text
    form = WANTED | {"label": "Ana", "networks": typed, "form_token": token_in(page)}
    answer = await owner.post(f"{KEYS}/new", data=form)
    assert answer.status_code == 422
    assert "Write networks such as 203.0.113.0/24" in answer.text
    assert typed.split()[0] in answer.text, "what was typed is still there"
    assert not KEY.search(answer.text)


async def test_a_key_is_replaced_shown_once_and_both_are_told_when_the_old_one_ends(owner: httpx.AsyncClient) -> None:
    form = WANTED | {"label": "export", "valid_days": "30", "form_token": token_in(await owner.get(f"{KEYS}/new"))}
    (old,) = set(KEY.findall((await owner.post(f"{KEYS}/new", data=form)).text))
    assert 'class="badge warn">soon' in (await owner.get(KEYS)).text
    page = await owner.get(f"{KEYS}/{key_id_of(old)}/rotate")
    form = {"form_token": token_in(page), "overlap": "168"}
    made = await owner.post(f"{KEYS}/{key_id_of(old)}/rotate", data=form)
    (new,) = set(KEY.findall(made.text))
    assert "The old key is refused from" in made.text
    assert "You signed in with the old key" not in made.text
    assert not KEY.search((await owner.post(f"{KEYS}/{key_id_of(old)}/rotate", data=form)).text)
    listed = await owner.get(KEYS)
    assert f"replaced by {key_id_of(new)}" in listed.text
    assert f"{KEYS}/{key_id_of(new)}/rotate" in listed.text
    assert f"{KEYS}/{key_id_of(old)}/rotate" not in listed.text
    assert "This key was replaced already" in (await owner.get(f"{KEYS}/{key_id_of(old)}/rotate")).text
    own = key_id_of(owner.headers["authorization"].removeprefix("Bearer "))
    page = await owner.get(f"{KEYS}/{own}/rotate")
    assert "your session ends with it" in page.text
    wrong = await owner.post(f"{KEYS}/{own}/rotate", data={"form_token": token_in(page), "overlap": "5"})
    assert (wrong.status_code, 'id="overlap-error"' in wrong.text) == (422, True)
    made = await owner.post(f"{KEYS}/{own}/rotate", data={"form_token": token_in(page), "overlap": "0"})
    assert "You signed in with the old key: sign in with the new one" in made.text
    assert (await owner.get(KEYS)).status_code == 303, "it was refused at once"
    owner.headers["authorization"] = f"Bearer {KEY.findall(made.text)[0]}"
    assert str(own) in (await owner.get(f"{KEYS}?state=expired")).text


async def test_only_owners_see_and_change_keys(
    app: FastAPI, owner: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    own = key_id_of(owner.headers["authorization"].removeprefix("Bearer "))
    other = uuid4()
    await add_organization(db, other)
    theirs = key_id_of((await access_key(Role.VIEWER, other))["authorization"].removeprefix("Bearer "))
    token = token_in(await owner.get(f"{KEYS}/new"))
    assert (await owner.get(f"{KEYS}/{theirs}/revoke")).status_code == 404
    assert (await owner.post(f"{KEYS}/{theirs}/revoke", data={"form_token": token})).status_code == 404
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.ADMIN))
        nothing = await client.get("/console/none")
        assert KEYS not in nothing.text
        for address in (KEYS, f"{KEYS}/new", f"{KEYS}/{own}/revoke", f"{KEYS}/{own}/rotate"):
            assert (await client.get(address)).status_code == 403
        for address in (f"{KEYS}/new", f"{KEYS}/{own}/revoke", f"{KEYS}/{own}/rotate"):
            assert (await client.post(address, data={"form_token": token_in(nothing)})).status_code == 403
