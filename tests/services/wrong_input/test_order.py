"""The order in which every route looks at a request: headers, key, limits, declared size, and only then the body."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from services.intake.api import people
from shared.auth import Role
from shared.database import Database
from shared.http.receiving import BodyLimits
from shared.http.routing import Route
from tests.patience import PATIENCE_SECONDS
from tests.services.conftest import CountedDatabase
from tests.services.programs_examples import once
from tests.services.wrong_input.attempts import JSON, Attempts, Headers
from tests.services.wrong_input.public_routes import CSV, FILES, IMPORT, PICTURE, ROWS, Row, routes_of

KeyMaker = Callable[..., Awaitable[Headers]]
HUGE_BODY = b"[" + b"[]," * (10 * 1024 * 1024 // 3) + b"[]]"
PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    document: dict[str, Any]
    parts_read: int


async def send(app: FastAPI, method: str, path: str, headers: Headers, parts: Iterator[bytes]) -> Answer:
    """Calls the application as a server does, and counts how often it asks for a part of the body."""
    read, sent, body = 0, {}, b""

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": True}

    async def take(message: Any) -> None:
        nonlocal body
        sent.update({name: value for name, value in message.items() if name in ("status", "headers")})
        body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "server": ("x", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    await app(scope, receive, take)
    found = httpx.Headers(sent["headers"])
    document = json.loads(body) if "json" in found.get("content-type", "") else {}
    return Answer(sent["status"], found, document, read)


def addresses(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that the application answers, with an id for each placeholder."""
    return [
        (method, Row(method, path).address(dict.fromkeys(Row(method, path).ids, uuid4())))
        for method, path in sorted(routes_of(app))
        if not path.startswith(("/livez", "/readyz"))
    ]


async def test_without_a_key_no_route_reads_a_body(composed: FastAPI, http: httpx.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer upw_x"}, {"authorization": f"Bearer {'x' * 40}"}):
        for method, path in addresses(composed):
            size = {"content-length": str(len(HUGE_BODY)), "content-type": "application/json"}
            answer = await send(composed, method, path, headers | size, iter([HUGE_BODY]))
            assert answer.parts_read == 0, (method, path)
            if path.startswith(("/v1/", "/internal/")):
                assert answer.status == 401, (method, path, answer)


async def test_a_role_that_is_too_low_is_told_before_the_body_is_read(
    composed: FastAPI, attempts: Attempts, access_key: KeyMaker
) -> None:
    viewer = await access_key(Role.VIEWER)
    for row in ROWS:
        if row.role is not Role.VIEWER:
            answer = await send(composed, row.method, row.address(attempts.ids), viewer | JSON, iter([HUGE_BODY]))
            assert (answer.status, answer.parts_read) == (403, 0), row


async def test_a_body_that_says_it_is_too_large_is_not_read_and_one_that_grows_is_read_no_further(
    composed: FastAPI, attempts: Attempts
) -> None:
    for row in ROWS:
        if row.body is None and row.path not in FILES and not row.picture:
            continue
        headers = once(attempts.headers) | JSON | {"if-match": "*"}
        if row.path in FILES or row.picture:
            headers |= {"content-type": "image/png" if row.picture else "text/csv"}
        path = row.address(attempts.ids)
        declared = await send(composed, row.method, path, headers | {"content-length": str(2**40)}, iter([HUGE_BODY]))
        assert (declared.status, declared.document["code"], declared.parts_read) == (413, "body_too_large", 0), row
        grows = await send(composed, row.method, path, headers, (b"[" * 65536 for _ in range(1000)))
        assert grows.status == 413, (row, grows)
        assert grows.parts_read < 400, row


async def test_no_transaction_is_open_while_a_body_is_received(
    composed: FastAPI, attempts: Attempts, db: Database
) -> None:
    composed.state.database = database = CountedDatabase(db)
    for row in ROWS:
        if row.body is None and row.path not in FILES and not row.picture:
            continue
        body = CSV if row.path in FILES else json.dumps(row.document(attempts.ids)).encode()
        kind = {"content-type": "text/csv" if row.path in FILES else "application/json"}
        if row.picture:
            body, kind = PICTURE.content, {"content-type": "image/png"}
        seen: list[int] = []
        answer = await attempts.call(row, attempts.headers | kind, content=in_parts(body, lambda: database.open, seen))
        assert answer.status_code not in (400, 413, 422), (row, answer.text)
        assert seen == [0] * 3, row


async def in_parts(body: bytes, look: Callable[[], int], seen: list[int]) -> AsyncIterator[bytes]:
    """The body in three parts. `seen` gets what is found whenever the server asks for one."""
    for part in (body[:1], body[1:2], body[2:]):
        seen.append(look())
        yield part


def test_every_route_of_a_service_looks_in_this_order(composed: FastAPI) -> None:
    found = [context.original_route for context in iter_route_contexts(composed.routes)]
    ours = [
        route
        for route in found
        if isinstance(route, APIRoute) and not route.path.startswith(("/livez", "/readyz", "/docs"))
    ]
    assert len(ours) > 60
    assert [route.path for route in ours if not isinstance(route, Route)] == []


async def test_every_answer_is_kept_by_nobody_and_is_what_it_says(attempts: Attempts) -> None:
    for row in ROWS:
        for headers in (attempts.headers, {}):
            answer = await attempts.call(row, headers)
            assert {name: answer.headers.get(name) for name in PRIVATE} == PRIVATE, (row, answer.status_code)


async def test_the_log_entry_of_a_request_says_whose_key_it_had(attempts: Attempts, organization_id: UUID) -> None:
    key_id = attempts.headers["authorization"].split("_")[1]
    with capture_logs(processors=[merge_contextvars]) as entries:
        for path in ("/v1/people", "/v1/events"):
            await attempts.http.get(path, headers=attempts.headers)
    answered = [entry for entry in entries if entry["event"] == "request.answered"]
    assert [(entry["organization_id"], entry["key_id"]) for entry in answered] == 2 * [(str(organization_id), key_id)]


async def test_importing_is_a_post_and_no_person(attempts: Attempts) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = await attempts.http.request(method, IMPORT, headers=attempts.headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), method


async def test_a_stalled_upload_holds_no_connection_and_an_organization_has_two(
    composed: FastAPI, attempts: Attempts, access_key: KeyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third upload of the organization is refused, another organization's is not."""
    headers = attempts.headers | {"content-type": "text/csv"}
    begun = 0

    def stalled() -> Iterator[bytes]:
        nonlocal begun
        begun += 1
        yield CSV

    two = BodyLimits(most_bytes=10_000, seconds=PATIENCE_SECONDS, pause_seconds=PATIENCE_SECONDS, at_once=2)
    monkeypatch.setattr(people.import_people, "body_limits", two)
    waiting = []
    for number in (1, 2):
        waiting.append(asyncio.create_task(send(composed, "POST", IMPORT, headers, stalled())))
        while begun < number:
            await asyncio.sleep(0.001)
    third = await send(composed, "POST", IMPORT, headers, iter([CSV]))
    assert (third.status, third.document["code"], third.parts_read) == (429, "too_many_uploads", 0)
    assert int(third.headers["retry-after"]) > 0
    stranger = await access_key(Role.ADMIN, UUID(int=5))
    other = await attempts.http.post(IMPORT, content=CSV, headers=stranger | {"content-type": "text/csv"})
    assert other.status_code == 200, other.text
    for upload in waiting:
        upload.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not composed.state.uploads


@pytest.mark.parametrize("escaped", [True, False])
async def test_texts_hold_no_characters_that_nobody_sees(attempts: Attempts, escaped: bool) -> None:
    """The directions of U+202E and its kin, joiners and spaces without width, and tags."""
    kin = "\u202e\u202a\u2066\u2069\u200e\u200f\u061c\u200b\u200d\u2060\ufeff\u00ad\u180e\u3164\ufff9\U000e0041"
    named = next(row for row in ROWS if row.path == "/v1/programs" and row.body)
    for character in kin:
        for change, field in (
            ({"name": f"A{character}B"}, "body.name"),
            ({"topics": [{"code": "ai", "label": f"A{character}I"}]}, "body.topics.0.label"),
            ({f"na{character}me": "A"}, "body"),
        ):
            body = json.dumps((named.document(attempts.ids) or {}) | change, ensure_ascii=escaped).encode()
            answer = await attempts.call(named, attempts.headers | JSON, content=body)
            attempts.expect(f"{character!r} in {field}", answer, 422, "invalid")
            assert [error["field"] for error in answer.json()["errors"]] == [field]
    attempts.done()


async def test_texts_keep_what_languages_and_signs_need(attempts: Attempts) -> None:
    named = next(row for row in ROWS if row.path == "/v1/programs" and row.body)
    for name in ("نی\u200cما", "क्\u200dष", "👩\u200d💻", "☎\ufe0f 1", "葛\U000e0100城", "Zoë Ångström", "a\tb"[:1]):
        answer = await attempts.call(named, json={**(named.document(attempts.ids) or {}), "name": name})
        assert (answer.status_code, answer.json().get("name")) == (201, name), answer.text


async def test_a_problem_lists_fifty_errors_and_says_how_many_there_are(attempts: Attempts) -> None:
    row = next(row for row in ROWS if row.path == "/v1/programs" and row.body)
    body = {f"x{number}" * 50: number for number in range(500)}
    answer = await attempts.call(row, json=(row.document(attempts.ids) or {}) | body)
    attempts.expect(row, answer, 422, "invalid")
    assert (len(answer.json()["errors"]), answer.json()["total"]) == (50, 500)
    assert len(answer.content) < 50_000
    rows = b"name,email,level\n" + b"".join(b"A,no address,3\n" for _ in range(300))
    answer = await attempts.call(
        Row("POST", IMPORT), content=rows, headers=attempts.headers | {"content-type": "text/csv"}
    )
    assert (len(answer.json()["errors"]), answer.json()["total"]) == (50, 300)
    attempts.done()
