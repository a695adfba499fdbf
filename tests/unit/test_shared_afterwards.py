"""What is done once an answer is sent: once for a page, and whatever happens to it, the answer stands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from shared.http.inside import Inside
from shared.http.observing import Observed, after_answer
from tests.services.conftest import client_of

Route = Callable[[], Awaitable[dict[str, str]]]


def serving(**routes: Route) -> FastAPI:
    app = FastAPI()
    for name, route in routes.items():
        app.get(f"/{name}")(route)
    app.add_middleware(Observed)
    return app


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.get(path)


async def test_it_is_done_after_the_answer_and_once_for_a_page_and_what_it_asks() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("work")

    async def inner() -> dict[str, str]:
        after_answer("the same", work)
        return {}

    async def outer() -> dict[str, str]:
        request: dict[str, Any] = {"method": "GET", "url": "/inner", "params": None, "content": None, "headers": {}}
        await Inside(app).exchange(request)
        after_answer("the same", work)
        assert done == []
        return {}

    app = serving(inner=inner, outer=outer)
    assert (await get(app, "/outer")).status_code == 200
    assert done == ["work"]
    assert (await get(app, "/inner")).status_code == 200
    assert done == ["work", "work"], "another request is another answer"


@pytest.mark.parametrize("seconds", [0.01])
async def test_what_fails_or_takes_too_long_is_logged_and_the_rest_is_done(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("shared.http.observing.AFTERWARDS_SECONDS", seconds)
    done: list[str] = []

    async def fail() -> None:
        raise ValueError("ada@example.org")

    async def wait() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        done.append("work")

    async def route() -> dict[str, str]:
        for what, one in (("a", fail), ("b", wait), ("c", work)):
            after_answer(what, one)
        return {}

    with capture_logs() as logs:
        assert (await get(serving(route=route), "/route")).status_code == 200
    assert done == ["work"]
    failed = [entry for entry in logs if entry["event"] == "afterwards.failed"]
    assert [entry["error"] for entry in failed] == ["ValueError", "TimeoutError"]
    assert "ada" not in str(logs)


async def test_without_a_request_nothing_is_done() -> None:
    async def work() -> None:
        raise AssertionError("there is no answer to come after")

    after_answer("work", work)
    await asyncio.sleep(0)
