"""From where a request comes: whoever connects, or what a trusted proxy says; and the console says it like a proxy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from shared.auth import caller_address
from shared.config import Settings
from shared.contracts.accounts import Organization
from shared.contracts.base import Service
from shared.http.internal import Internal
from shared.http.public import PublicApi
from upward.serving.server import CannotListen, Network, listen, serve_http

ID = UUID(int=7)


def application(seen: list[str]) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/thing")
    async def thing(request: Request) -> dict[str, str]:
        seen.append(str(caller_address(request)))
        return {"id": str(ID), "name": "Acme"}

    return app


@asynccontextmanager
async def served(app: FastAPI, proxies: Sequence[Network], host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The address of a server that trusts these proxies."""
    stop = asyncio.Event()
    with listen(host, 0) as address:
        serving = asyncio.create_task(serve_http(app, address, stop, proxies))
        address.listen()  # so that a connection waits until it is taken
        yield f"http://127.0.0.1:{address.getsockname()[1]}"
        stop.set()
        await serving


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ([], "203.0.113.7", "127.0.0.1"),  # also from this machine: anybody on it could say so
        (["192.0.2.0/24"], "203.0.113.7", "127.0.0.1"),
        (["127.0.0.0/8"], "203.0.113.7", "203.0.113.7"),
        (["127.0.0.0/8"], "198.51.100.1, 203.0.113.7", "203.0.113.7"),  # what the client itself has sent stands before
        (["127.0.0.0/8", "10.0.0.0/8"], "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (["127.0.0.0/8"], "198.51.100.1, 127.0.0.9", "198.51.100.1"),  # so no client may be in these networks
        (["127.0.0.0/8"], "", "127.0.0.1"),
        (["127.0.0.0/8"], "unknown", "None"),
    ],
)
async def test_a_request_comes_from_where_trusted_proxies_say_and_else_from_whoever_connects(
    proxies: list[str], forwarded: str, seen: str
) -> None:
    found: list[str] = []
    trusted = Settings.model_validate({"trusted_proxies": proxies}).trusted_proxies
    async with served(application(found), trusted) as url, httpx.AsyncClient() as client:
        await client.get(f"{url}/v1/thing", headers={"x-forwarded-for": forwarded} if forwarded else {})
    assert found == [seen]


async def test_a_proxy_is_known_too_by_a_server_that_listens_to_ipv6_and_ipv4() -> None:
    """Such a server is told the proxy's address as `::ffff:127.0.0.1`."""
    try:
        listen("::", 0).close()
    except CannotListen:
        pytest.skip("this machine has no IPv6")
    found: list[str] = []
    trusted = Settings.model_validate({"trusted_proxies": ["127.0.0.0/8"]}).trusted_proxies
    async with served(application(found), trusted, "::") as url, httpx.AsyncClient() as client:
        await client.get(f"{url}/v1/thing", headers={"x-forwarded-for": "203.0.113.7"})
    assert found == ["203.0.113.7"]


@pytest.mark.parametrize(("address", "seen"), [("203.0.113.7", "203.0.113.7"), (None, "None")])
async def test_the_console_says_where_its_visitor_is_inside_this_process_and_over_tcp(
    address: str | None, seen: str
) -> None:
    found: list[str] = []
    app = application(found)
    async with served(app, [IPv4Network("127.0.0.0/8")]) as url:
        for urls in ({}, {Service.ACCOUNTS.value: url}):
            settings = Settings(service_token=SecretStr("s" * 40), service_urls=urls)
            internal: Any = Internal(settings, app)
            await PublicApi(internal).acting_as("ups_x", address).get(Service.ACCOUNTS, "/thing", Organization)
            await internal.close()
    assert found == [seen, seen]
