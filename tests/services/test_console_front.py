"""`/` and `/docs`: what people and programs find who know nothing but the address."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from services.console import main
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from shared.http.openapi.docs import MEDIA_TYPES
from tests.services.conftest import client_of
from upward.composition import routers

SECURITY = "/.well-known/security.txt"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
async def client(db: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_application([main.router], db, settings, described=routers(list(Service)))
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_people_are_told_what_this_is(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/", headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["vary"] == "accept, accept-language"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    if method == "GET":
        assert "Upward runs mentoring programs" in answer.text
        assert 'href="/docs"' in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "application/problem+json, application/json"])
async def test_programs_are_led_to_the_description(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
    assert answer.headers["vary"] == "accept, accept-language"


async def test_the_description_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert [address for address in loaded if not address.startswith("/")] == []
    for address in loaded:
        assert (await client.get(address)).status_code == 200, address
    assert re.findall(r"<script>|<style|onload=", page.text) == []
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy


async def test_the_files_of_the_description_come_packed_to_those_who_take_that(client: httpx.AsyncClient) -> None:
    for name, media_type in MEDIA_TYPES.items():
        plain = await client.get(f"/docs/{name}", headers={"accept-encoding": "identity"})
        packed = await client.get(f"/docs/{name}", headers={"accept-encoding": "gzip"})
        assert plain.headers["content-type"] == media_type
        assert packed.headers["content-encoding"] == "gzip"
        assert plain.content == packed.content
        assert plain.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["main.py", "..%2fmain.py", "x", "__init__.py"])
async def test_no_other_file_of_the_package_is_served(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/docs/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_everybody_is_told_whom_to_tell_about_a_weakness_if_somebody_is_named(
    db: Database, settings: Settings, client: httpx.AsyncClient
) -> None:
    missing = await client.get(SECURITY)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_security_contact")
    named = {"security_contact": "mailto:security@example.org", "public_url": "https://upward.example/"}
    async with client_of(create_application([main.router], db, settings.model_copy(update=named))) as told:
        answer = await told.get(SECURITY)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert timedelta(days=80) < expires - datetime.now(UTC) < timedelta(days=366), "as RFC 9116, 2.5.5 recommends"
    assert fields == {
        "Contact": "mailto:security@example.org",
        "Canonical": f"https://upward.example{SECURITY}",
    }


@pytest.mark.parametrize(
    "contact", ["security@example.org", "http://example.org", "https://a b", "mailto:a\nExpires: x"]
)
def test_a_contact_is_a_url(contact: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"security_contact": contact})
