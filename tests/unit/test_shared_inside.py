"""Requests inside one process reach the application as those over TCP do, and half an answer is none."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.inside import TRUSTED_SECONDS, Identified, Inside


async def ask(app: ASGIApp, **changes: Any) -> httpx.Response:
    request: dict[str, Any] = {"method": "GET", "url": "/v1/thing", "params": None, "content": None, "headers": {}}
    return await Inside(app).exchange(request | changes)


class App:
    """It answers with what it got, in two parts."""

    def __init__(self) -> None:
        self.scope: Mapping[str, Any] = {}
        self.then = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 201, "headers": [(b"etag", b'"3"')]})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"!"})
        self.then = (await receive())["type"]


async def test_a_request_and_its_answer_come_as_over_tcp() -> None:
    app = App()
    answer = await ask(
        app,
        method="POST",
        url="/v1/a%20b?x=1",
        content="ä",
        headers={"Accept": "application/json"},
        extensions={"upward.mine": 7},
    )
    assert (answer.status_code, answer.headers["etag"], answer.content) == (201, '"3"', "ä!".encode())
    assert (app.scope["method"], app.scope["path"], app.scope["raw_path"]) == ("POST", "/v1/a b", b"/v1/a%20b")
    assert (app.scope["query_string"], app.scope["upward.mine"]) == (b"x=1", 7)
    sent = dict(app.scope["headers"])
    assert sent == {b"host": b"in-process", b"accept": b"application/json", b"content-length": b"2"}
    assert app.then == "http.disconnect", "nothing is received after the answer"


async def test_parameters_are_written_as_httpx_writes_them() -> None:
    app, params = App(), {"id": ["a", "b"], "details": False, "q": "ä &"}
    await ask(app, params=params)
    assert app.scope["query_string"].decode() == str(httpx.URL("http://x/", params=params).query, "ascii")


@pytest.mark.parametrize("parts", [0, 1, 2])
async def test_an_answer_that_breaks_off_is_no_answer(parts: int) -> None:
    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        if parts:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if parts > 1:
            await send({"type": "http.response.body", "body": b"[1,", "more_body": True})
        raise ValueError("anna@company.example is taken")

    with pytest.raises(httpx.RemoteProtocolError) as caught:
        await ask(breaks_off)
    assert "anna" not in str(caught.value)


def test_whom_a_page_has_identified_is_known_for_a_moment_and_by_the_same_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("shared.http.inside.time.monotonic", lambda: now)
    page = Identified()
    assert page.caller_of("ups_a") is None
    page.keep("ups_a", "Ana")
    assert (page.caller_of("ups_a"), page.caller_of("ups_b"), Identified().caller_of("ups_a")) == ("Ana", None, None)
    now += TRUSTED_SECONDS
    assert page.caller_of("ups_a") is None
