"""Signing in to the console and out of it, and what must not work: forged forms, fixed sessions, foreign addresses."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.accounts import main as accounts
from services.accounts.store import codes, keys
from services.console import main as console
from services.programs import main as programs
from shared.auth import Role
from shared.config import Settings
from shared.contracts.accounts import ONE_TIME_LABEL
from shared.database import Database
from shared.errors import Unauthorized
from shared.http.application import create_application
from shared.keys import AccessKey, key_id_of
from shared.sessions import SessionRow, new_session_token
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
SIGN_IN = "/console/sign-in"
SESSION = "upward-session"


@pytest.fixture
async def browser(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies, as a browser does."""
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, console)) as client:
        yield client


def token_in(page: httpx.Response) -> str:
    """The token of the page's last form. The first is the one that signs out."""
    return str(re.findall(r'name="form_token" value="([^"]+)"', page.text)[-1])


def key_of(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


async def sign_in(browser: httpx.AsyncClient, key: str, **fields: str) -> httpx.Response:
    token = token_in(await browser.get(SIGN_IN))
    return await browser.post(SIGN_IN, data={"form_token": token, "access_key": key} | fields)


async def sessions(db: Database) -> int:
    async with db.transaction() as session:
        return await session.scalar(select(func.count()).select_from(SessionRow)) or 0


async def test_whoever_signs_in_gets_to_the_page_that_they_wanted(
    browser: httpx.AsyncClient, access_key: KeyMaker, organization_id: UUID
) -> None:
    first = await browser.get("/console?x=1")
    assert (first.status_code, first.headers["location"]) == (303, f"{SIGN_IN}?next=%2Fconsole%3Fx%3D1")
    page = await browser.get(first.headers["location"])
    assert 'name="next" value="/console?x=1"' in page.text
    answer = await browser.post(
        SIGN_IN,
        data={"form_token": token_in(page), "access_key": f" {key_of(await access_key())} ", "next": "/console?x=1"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console?x=1")
    home = await browser.get(answer.headers["location"])
    assert home.status_code == 200
    assert f"Company {organization_id}" in home.text
    again = await browser.get(f"{SIGN_IN}?next=/console/cycles/7")
    assert (again.status_code, again.headers["location"]) == (303, "/console/cycles/7")


@pytest.mark.parametrize(("public_url", "name"), [("https://upward.test", "__Host-upward-session")])
async def test_over_tls_the_cookie_is_of_this_host_alone_and_no_script_reads_it(
    db: Database, settings: Settings, access_key: KeyMaker, organization_id: UUID, public_url: str, name: str
) -> None:
    await add_organization(db, organization_id)
    secure = settings.model_copy(update={"public_url": public_url})
    app = create_application([accounts.router, programs.router, console.router], db, secure)
    async with client_of(app) as browser:
        browser.base_url = httpx.URL(public_url)
        answer = await sign_in(browser, key_of(await access_key()))
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{name}=ups_")]
        assert [part.lower() for part in cookie.split("; ")[1:]] == ["httponly", "path=/", "samesite=lax", "secure"]
        assert (await browser.get("/console")).status_code == 200
        out = await browser.post("/console/sign-out", data={"form_token": token_in(await browser.get("/console"))})
        assert out.status_code == 303
        assert name not in browser.cookies


async def test_an_address_without_tls_is_told_what_is_missing(db: Database, settings: Settings) -> None:
    plain = settings.model_copy(update={"public_url": "http://upward.test"})
    async with client_of(create_application([console.router], db, plain)) as browser:
        page = await browser.get(SIGN_IN)
    assert "Signing in needs https" in page.text
    assert "<form" not in page.text


@pytest.mark.parametrize("key", ["", "   ", "upw_x", "ups_" + "A" * 43, "é", "a\r\nx: y", "upw_" + "A" * 300])
async def test_a_wrong_key_signs_nobody_in(browser: httpx.AsyncClient, db: Database, key: str) -> None:
    answer = await sign_in(browser, key, next="/console/cycles/7")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="/console/cycles/7"' in answer.text
    assert SESSION not in browser.cookies
    assert await sessions(db) == 0


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"expires_at": func.now()}, "This key has expired."),
        ({"networks": ["192.0.2.0/24"]}, "This key is not taken from the network that you are in."),
    ],
)
async def test_a_key_that_has_ended_or_is_of_another_network_is_told_so_and_nothing_typed_is_lost(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database, values: dict[str, object], why: str
) -> None:
    key = key_of(await access_key())
    assert (await sign_in(browser, key)).status_code == 303
    async with db.transaction() as session:
        await session.execute(update(AccessKey).where(AccessKey.id == key_id_of(key)).values(values))
    led = await browser.get("/console")
    assert led.headers["location"].startswith(SIGN_IN), "the session is of no use, and another key may be"
    answer = await sign_in(browser, key)
    assert (answer.status_code, why in answer.text) == (422, True)
    other = key_of(await access_key())
    token = token_in(await browser.get(SIGN_IN))
    form = {"form_token": token, "label": "Ana", "role": "viewer", "access_key": key}
    shown = await browser.post("/console/settings/keys/new", data=form)
    assert (shown.status_code, why in shown.text, 'value="Ana"' in shown.text) == (401, True, True)
    assert (await sign_in(browser, other)).status_code == 303


async def test_a_session_s_token_is_no_key_to_sign_in_with(browser: httpx.AsyncClient, access_key: KeyMaker) -> None:
    await sign_in(browser, key_of(await access_key()))
    token = browser.cookies[SESSION]
    browser.cookies.clear()
    assert (await sign_in(browser, token)).status_code == 422


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/console", "/\\evil.example"])
async def test_signing_in_leads_to_no_other_site(
    browser: httpx.AsyncClient, access_key: KeyMaker, elsewhere: str
) -> None:
    answer = await sign_in(browser, key_of(await access_key()), next=elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    signed_in = await browser.get(SIGN_IN, params={"next": elsewhere})
    assert signed_in.headers["location"] == "/console"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "https://other.upward.test"},
        {"origin": "https://evil.example"},
    ],
)
async def test_another_site_signs_nobody_in_and_out(
    browser: httpx.AsyncClient, access_key: KeyMaker, headers: dict[str, str]
) -> None:
    key = key_of(await access_key())
    token = token_in(await browser.get(SIGN_IN))
    answer = await browser.post(SIGN_IN, data={"form_token": token, "access_key": key}, headers=headers)
    assert answer.status_code == 403
    assert SESSION not in browser.cookies
    await sign_in(browser, key)
    token = token_in(await browser.get("/console"))
    answer = await browser.post("/console/sign-out", data={"form_token": token}, headers=headers)
    assert answer.status_code == 403
    assert (await browser.get("/console")).status_code == 200


async def test_a_form_for_signing_in_is_of_one_browser(
    browser: httpx.AsyncClient, application: Callable[..., FastAPI], access_key: KeyMaker
) -> None:
    """Somebody else cannot sign the browser in with a key of theirs."""
    async with client_of(application(accounts, console)) as other:
        theirs = token_in(await other.get(SIGN_IN))
    mine = token_in(await browser.get(SIGN_IN))
    fields = {"access_key": key_of(await access_key())}
    for forged in ({}, {"form_token": ""}, {"form_token": theirs}, {"form_token": f"{mine}0"}):
        answer = await browser.post(SIGN_IN, data=fields | forged)
        assert answer.status_code == 403
        assert SESSION not in browser.cookies
    browser.cookies.clear()
    answer = await browser.post(SIGN_IN, data=fields | {"form_token": mine})
    assert (answer.status_code, SESSION in browser.cookies) == (403, False)
    assert "Allow cookies" in answer.text


async def test_a_second_tab_with_the_form_leads_on_once_the_first_has_signed_in(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    key = key_of(await access_key())
    first, second = [token_in(await browser.get(SIGN_IN)) for _ in range(2)]
    for token in (first, second):
        answer = await browser.post(SIGN_IN, data={"form_token": token, "access_key": key})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert await sessions(db) == 1


async def test_a_session_is_never_one_that_the_browser_brought(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    key = key_of(await access_key())
    fixed = new_session_token()
    browser.cookies.set(SESSION, fixed)
    await sign_in(browser, key)
    given = [cookie.value for cookie in browser.cookies.jar if cookie.name == SESSION]
    assert [token for token in given if token != fixed], "a new token was set"
    browser.cookies.clear()
    browser.cookies.set(SESSION, fixed)
    assert (await browser.get("/console")).status_code == 303


async def test_a_cookie_holds_no_access_key(browser: httpx.AsyncClient, access_key: KeyMaker) -> None:
    browser.cookies.set(SESSION, key_of(await access_key()))
    assert (await browser.get("/console")).status_code == 303


async def test_signing_in_ends_the_session_that_the_browser_had(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    """Such as that of an attacker who used the browser before."""
    await sign_in(browser, key_of(await access_key(Role.VIEWER)))
    before = browser.cookies[SESSION]
    async with db.transaction() as session:
        code = await codes.issue_code(session, (await session.scalars(select(SessionRow.organization_id))).one())
    page = await browser.get(f"{SIGN_IN}/{code}")
    await browser.post(f"{SIGN_IN}/{code}", data={"form_token": token_in(page)})
    assert browser.cookies[SESSION] != before
    answer = await browser.get("/v1/caller", headers={"authorization": f"Bearer {before}"})
    assert answer.json()["code"] == "session_ended"
    assert await sessions(db) == 1


async def test_signing_out_ends_the_session_for_good(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    await sign_in(browser, key_of(await access_key()))
    token = browser.cookies[SESSION]
    form_token = token_in(await browser.get("/console"))
    forged = await browser.post("/console/sign-out", data={"form_token": "x"})
    assert (forged.status_code, await sessions(db)) == (403, 1)
    answer = await browser.post("/console/sign-out", data={"form_token": form_token})
    assert (answer.status_code, SESSION in browser.cookies, await sessions(db)) == (303, False, 0)
    assert "You have signed out" in (await browser.get(answer.headers["location"])).text
    browser.cookies.set(SESSION, token)
    assert (await browser.get("/console")).status_code == 303
    again = await browser.post("/console/sign-out", data={"form_token": form_token})
    assert again.status_code == 303


async def test_a_revoked_key_signs_everybody_out_who_came_with_it(
    browser: httpx.AsyncClient, access_key: KeyMaker, db: Database, organization_id: UUID
) -> None:
    key = key_of(await access_key())
    await sign_in(browser, key)
    async with db.transaction() as session:
        await keys.revoke_access_key(session, organization_id, key_id_of(key) or "")
    answer = await browser.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SIGN_IN}?next=%2Fconsole")


# The one-time address


async def test_a_one_time_address_acts_only_when_its_button_is_pressed(
    browser: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        code = await codes.issue_code(session, organization_id)
    address = f"{SIGN_IN}/{code}"
    for _ in range(3):
        page = await browser.get(address)
        assert (page.status_code, SESSION in browser.cookies) == (200, False)
        assert len(re.findall(r"<button", page.text)) == 1
    assert (await browser.head(address)).status_code == 200
    forged = await browser.post(address, data={"form_token": "x"})
    assert (forged.status_code, await sessions(db)) == (403, 0)
    cross = await browser.post(address, data={"form_token": token_in(page)}, headers={"sec-fetch-site": "cross-site"})
    assert (cross.status_code, await sessions(db)) == (403, 0)
    answer = await browser.post(address, data={"form_token": token_in(page)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    home = await browser.get("/console")
    assert "Owner" in home.text
    german = await browser.get("/console/settings/keys", headers={"accept-language": "de"})
    assert "Einmalige Anmeldung" in german.text
    assert ONE_TIME_LABEL not in german.text
    page = await browser.get(address)
    again = await browser.post(address, data={"form_token": token_in(page)})
    assert again.status_code == 410
    assert "This address is used up" in again.text


@pytest.mark.parametrize("code", ["x", "upo_x", "upw_" + "A" * 43, "upo_" + "A" * 44])
async def test_what_is_no_one_time_address_is_not_there(browser: httpx.AsyncClient, code: str) -> None:
    assert (await browser.get(f"{SIGN_IN}/{code}")).status_code == 404


# Pages


async def test_pages_are_private_load_nothing_from_elsewhere_and_cannot_be_framed(
    browser: httpx.AsyncClient, access_key: KeyMaker
) -> None:
    open_page = await browser.get(SIGN_IN)
    await sign_in(browser, key_of(await access_key()))
    for page in (open_page, await browser.get("/console"), await browser.get("/console/cycles/x")):
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "same-origin"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert re.findall(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", page.text) == []
        loaded = re.findall(r'(?:src|<link[^>]+href)="([^"]+)"', page.text)
        assert loaded
        for address in loaded:
            assert (await browser.get(address)).status_code == 200, address


async def test_an_address_that_no_page_has_is_a_page_that_says_so(
    browser: httpx.AsyncClient, access_key: KeyMaker
) -> None:
    assert (await browser.get("/console/nothing/here")).headers["location"].startswith(SIGN_IN)
    await sign_in(browser, key_of(await access_key()))
    page = await browser.get("/console/nothing/here")
    assert (page.status_code, "There is no such page" in page.text) == (404, True)
    assert 'aria-label="Console"' in page.text, "the menu is there"
    assert (await browser.get("/console/sign-out")).status_code == 405
    assert (await browser.post("/console/nothing/here")).status_code == 405


async def test_a_program_that_asks_for_json_gets_problems(browser: httpx.AsyncClient, access_key: KeyMaker) -> None:
    wanted = {"accept": "application/json"}
    answer = await browser.get("/console", headers=wanted)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert (await browser.get("/console", headers=await access_key())).status_code == 200
    assert (await browser.post(SIGN_IN, headers=wanted, json={})).status_code == 415


@pytest.mark.parametrize("code", ["invalid_access_key", "service_only"])
async def test_a_service_that_refuses_a_good_session_is_away_and_does_not_lead_to_the_sign_in_page_and_back(
    browser: httpx.AsyncClient, access_key: KeyMaker, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Such as one of the previous version, during a release."""

    async def refuse(*_: object) -> None:
        raise Unauthorized("d", code=code)

    await sign_in(browser, key_of(await access_key()))
    monkeypatch.setattr("services.console.admin.home.page.read_home", refuse)
    page = await browser.get("/console")
    assert (page.status_code, page.headers["retry-after"]) == (503, "60")
    assert 'aria-label="Console"' in page.text
