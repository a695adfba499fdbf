"""Requests inside one process reach the application as those over TCP do, and half an answer is none."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.contracts.base import Contract
from shared.http.inside import TRUSTED_SECONDS, Identified, Inside, answer_of
from shared.http.routing import Indexed, Route


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


class Thing(Contract):
    name: str
    parts: tuple["Thing", ...] = ()
    more: int = 1


class Named(Contract):
    name: str
    parts: tuple["Named", ...] = ()


class Loose(Contract):
    parts: tuple[dict[str, Any], ...]


class Other(Contract):
    names: tuple[str, ...]


THING = Thing(name="a", parts=(Thing(name="b"),))
router = APIRouter(route_class=Route)


@router.get("/v1/thing")
async def read_thing(response: Response) -> Thing:
    response.headers["etag"] = '"3"'
    return THING


@router.get("/v1/things/{name}")
async def read_named(name: str) -> Thing:
    return Thing(name=name)


@router.get("/v1/things/first/part")
async def read_part() -> Thing:
    return THING.parts[0]


@router.get("/{name}")
async def read_any(name: str) -> Thing:
    return Thing(name=f"any {name}")


def application() -> FastAPI:
    app = FastAPI()
    app.router.routes.extend(router.routes)
    app.router.middleware_stack = Indexed(app.router)
    return app


async def test_an_answer_is_taken_as_the_object_that_it_is() -> None:
    answer = await ask(application())
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", '"3"')
    assert answer_of(answer, Thing) is THING
    assert answer_of(answer, Named) == Named(name="a", parts=(Named(name="b"),))
    assert answer_of(answer, Loose).parts == ({"name": "b", "parts": [], "more": 1},), "as it would be read of JSON"
    with pytest.raises(ValueError, match="names"):
        answer_of(answer, Other)


async def test_a_request_from_outside_gets_json() -> None:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://upward.test") as client:
        answer = await client.get("/v1/thing")
    assert answer.json() == THING.model_dump(mode="json")
    assert answer_of(answer, Thing) == THING


@pytest.mark.parametrize(
    ("address", "name"),
    [("/v1/thing", "a"), ("/v1/things/x", "x"), ("/v1/things/first/part", "b"), ("/v1", "any v1"), ("/x", "any x")],
)
async def test_routes_are_found_by_the_beginning_of_their_path(address: str, name: str) -> None:
    assert answer_of(await ask(application(), url=address), Thing).name == name


@pytest.mark.parametrize(("method", "address", "status"), [("GET", "/v1/none", 404), ("PUT", "/v1/thing", 405)])
async def test_what_no_route_answers_is_refused_as_ever(method: str, address: str, status: int) -> None:
    assert (await ask(application(), method=method, url=address)).status_code == status


async def test_a_route_that_is_added_later_is_found() -> None:
    app = application()
    await ask(app)
    app.add_api_route("/v1/later", read_part)
    assert (await ask(app, url="/v1/later")).status_code == 200
