"""How a body is received: within a size, a depth and a time, and parsed as the framework would."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.http import receiving
from shared.http.application import install_problem_handlers
from shared.http.receiving import LARGE_BYTES, MOST_DEPTH, BodyLimits, takes
from shared.http.routing import Route
from tests.patience import PATIENCE_SECONDS
from tests.unit.properties import examples

JSON = {"content-type": "application/json"}


NAMES = st.text('ab[]{}"\\', max_size=5)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


class Anything(BaseModel):
    value: Any


def application() -> FastAPI:
    app, router = FastAPI(), APIRouter(route_class=Route)
    install_problem_handlers(app)

    @router.post("/echo")
    async def echo(body: Anything) -> Any:
        return body.value

    @router.post("/small")
    @takes(BodyLimits(most_bytes=100))
    async def small(body: Anything) -> Any:
        return body.value

    @router.post("/stalled")
    @takes(BodyLimits(seconds=PATIENCE_SECONDS, pause_seconds=0.1))
    async def stalled(body: Anything) -> Any:
        return body.value

    @router.post("/dripped")
    @takes(BodyLimits(seconds=0.2, pause_seconds=PATIENCE_SECONDS))
    async def dripped(body: Anything) -> Any:
        return body.value

    app.include_router(router)
    return app


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://upward.test", headers=JSON) as client:
        yield client


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return '{"value": ' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"]":', "}]"), ('["[[[[", ', "]")])
async def test_depth_is_bounded_and_brackets_in_texts_do_not_count(
    client: httpx.AsyncClient, opening: str, closing: str
) -> None:
    levels = opening.count("[{") + 1
    most = (MOST_DEPTH - 1) // levels + 1
    taken = await client.post("/echo", content=nested(most, opening, closing))
    assert taken.status_code == 200, taken.text
    refused = await client.post("/echo", content=nested(most + 1, opening, closing))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body")


@pytest.mark.parametrize(
    "body", ["[" * 200_000, "]" * 200_000, '{"value": "' + "\\" * 100_001, "{[" * 50_000 + "]}" * 50_000]
)
async def test_brackets_that_do_not_pair_up_are_refused(client: httpx.AsyncClient, body: str) -> None:
    assert (await client.post("/echo", content=body)).status_code in (400, 422)


async def test_the_number_of_values_is_bounded_and_commas_in_texts_do_not_count(client: httpx.AsyncClient) -> None:
    most = BodyLimits().most_values
    for value, status in ((["," * 20] * most, 200), (["," * 20] * (most + 1), 422)):
        assert (await client.post("/echo", json={"value": value})).status_code == status


@examples(50)
@given(value=DOCUMENTS)
async def test_what_is_json_arrives_as_it_was_sent(value: Any) -> None:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://upward.test", headers=JSON) as client:
        for filler in ("", " " * LARGE_BYTES):
            answer = await client.post("/echo", content=json.dumps({"value": value}) + filler)
            assert answer.json() == value


@pytest.mark.parametrize(("size", "beside"), [(LARGE_BYTES - 1, False), (LARGE_BYTES, True)])
async def test_large_json_is_parsed_beside_the_event_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, size: int, beside: bool
) -> None:
    threads: list[threading.Thread] = []
    parse = receiving._parse

    def observed(body: bytes, most_values: int) -> Any:
        threads.append(threading.current_thread())
        return parse(body, most_values)

    monkeypatch.setattr(receiving, "_parse", observed)
    assert (await client.post("/echo", content=b'{"value": 1}'.ljust(size))).json() == 1
    assert [thread is not threading.main_thread() for thread in threads] == [beside]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
async def test_no_encoding_goes_around_the_checks(client: httpx.AsyncClient, encoding: str) -> None:
    for text in ('{"value": "a\u202eb"}', nested(MOST_DEPTH + 1)):
        assert (await client.post("/echo", content=text.encode(encoding))).status_code == 422


async def test_a_body_that_stalls_or_drips_is_ended(client: httpx.AsyncClient) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b'{"value":'
        await asyncio.Event().wait()

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    for path, content in (("/stalled", stalling()), ("/dripped", dripping())):
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            answer = await client.post(path, content=content)
        assert answer.json()["code"] == "body_too_slow"
    for path in ("/stalled", "/dripped"):
        assert (await client.post(path, content=b'{"value": 1}')).json() == 1


@pytest.mark.parametrize("size", [100, 101])
async def test_the_size_of_a_route_counts_with_and_without_a_declared_one(client: httpx.AsyncClient, size: int) -> None:
    body = b'{"value": 1}'.ljust(size)

    async def parts() -> AsyncIterator[bytes]:
        yield body[:50]
        yield body[50:]

    for content in (body, parts()):
        answer = await client.post("/small", content=content)
        assert answer.status_code == (200 if size == 100 else 413), answer.text
