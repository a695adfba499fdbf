"""Wrong bodies, fields, parameters, headers and files of every public endpoint get a clear 4xx as problem+json."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from tests.services.programs_examples import PROGRAM, once
from tests.services.wrong_input.attempts import JSON, Attempts
from tests.services.wrong_input.public_routes import CSV, IMPORT, ROWS

HUGE = 10**40


BODIES: tuple[tuple[str, bytes, dict[str, str]], ...] = (
    ("no JSON", b"{", JSON),
    ("bytes", bytes(range(256)), JSON),
    ("a list", b"[]", JSON),
    ("a text", b'"x"', JSON),
    ("a number", str(HUGE).encode(), JSON),
    ("more digits than a number may have", b"9" * 5000, JSON),
    ("an array too deep", b"[" * 100_000, JSON),
    ("a lone surrogate", b'{"\\ud800": "\\udfff"}', JSON),
    ("a form", b"name=x", {"content-type": "application/x-www-form-urlencoded"}),
    ("text", json.dumps(PROGRAM).encode(), {"content-type": "text/plain"}),
    ("no content type", json.dumps(PROGRAM).encode(), {}),
)


async def test_a_body_that_is_no_json_object_is_refused(attempts: Attempts) -> None:
    for row in ROWS:
        if row.body is None:
            continue
        for name, content, kind in BODIES:
            answer = await attempts.call(row, {**attempts.headers, **kind}, content=content)
            attempts.expect(f"{row} with {name}", answer, {400, 415, 422})
        if not row.optional_body:
            for content in (b"", b"null", b"{}"):
                answer = await attempts.call(row, {**attempts.headers, **JSON}, content=content)
                attempts.expect(f"{row} with {content!r}", answer, 422, "invalid")
    attempts.done()


async def test_a_field_that_does_not_exist_is_named(attempts: Attempts) -> None:
    for row in ROWS:
        if row.body is None:
            continue
        answer = await attempts.call(row, json={**(row.document(attempts.ids) or {}), "priority": 1})
        attempts.expect(row, answer, 422, "invalid")
        if answer.status_code == 422:
            assert [error["field"] for error in answer.json()["errors"]] == ["body.priority"], row
    attempts.done()


TEXTS: tuple[Any, ...] = ("", " ", "a\x00b", "a\nb", "\ud800", "\u200b", "x" * 10_000, 5, None, [], {})
DURATIONS: tuple[Any, ...] = (
    "", "two weeks", "P0D", "-P1D", "P99999999999D", "P3000D", f"P{HUGE}D", 1e300, -1, None, [], True,
)  # fmt: skip
COUNTS: tuple[Any, ...] = (-1, 53, HUGE, 2**63, 1.5, "many", None, [])
WRONG: Mapping[str, Iterable[Any]] = {
    "name": TEXTS,
    "direction": ("sideways", "", None, 1, "REVERSE"),
    "time_zone": ("Mars/Olympus", "", "utc\x00", "../etc/passwd", None, 0),
    "topics": (None, "ai", [1], [{}], [{"code": "AI!", "label": "x"}], [{"code": "ai", "label": "x", "more": 1}],
               [{"code": "ai", "label": "a"}] * 2, [{"code": "ai", "label": "a\x00"}]),
    "calendar": (None, [], "P1D", {"enrolment": {}}, {"more": 1}, {"sending_hours": {"start": "18:00", "end": "08:00"}},
                 {"sending_hours": {"start": "08:00+02:00", "end": "18:00"}},
                 {"enrolment": {"length": "P2D", "reminders": ["P3D"]}}, {"check_in_every": "P1D"},
                 *({"check_in_every": wrong} for wrong in DURATIONS), *({"check_ins": wrong} for wrong in COUNTS)),
    "policy": (None, {"min_level_gap": 101}, {"min_level_gap": HUGE}, {"weights": {"topics": -1}}, {"more": 1},
               {"min_level_gap": 3, "max_level_gap": 2}, {"target_level_gap": 0}, {"floor": 10}, {"objective": "best"},
               {"min_common_hours": 0.3}, {"min_common_hours": float("nan")}, {"min_common_hours": HUGE},
               {"repeat_past_pairs": True, "repeat_after_cycles": 1}, {"location": 1}, {"weights": {"more": 1}}),
    "sponsor_id": ("me", 1, "", [], "\x00"),
    "coordinator_ids": ("me", None, ["me"], [str(UUID(int=1))] * 2, [str(UUID(int=n)) for n in range(51)]),
    "recurs": ("perhaps", None, 2, []),
}  # fmt: skip
WRONG_CYCLE: Mapping[str, Iterable[Any]] = {
    "period": ("", "a b", "x" * 41, "\x00", "2026/Q1", 5, []),
    "starts_at": ("tomorrow", "2026-01-01", "2000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00",
                  "9999-12-31T23:59:59-14:00", "2026-06-01T09:00:00", HUGE, -HUGE, 1e308, "\x00", []),
    "calendar": ("P1D", [], {"more": 1}, {"check_ins": HUGE}, {"survey": {"length": "P9999999D"}},
                 {"enrolment": None}, {"sending_hours": {"start": "25:00"}}),
}  # fmt: skip
ONE = {"mentor_id": str(UUID(int=1)), "mentee_id": str(UUID(int=2))}
COUPLES: tuple[Any, ...] = (
    None, "all", [1], [{}], [{"mentor_id": str(UUID(int=1))}], [{**ONE, "mentee_id": "me"}], [{**ONE, "more": 1}],
    [ONE],  # two people who are not in the run
    [ONE] * 5001, [{**ONE, "mentor_id": "\x00"}],
)  # fmt: skip
WRONG_STEERING: Mapping[str, Iterable[Any]] = {
    "pins": COUPLES,
    "forbidden": COUPLES,
    "by_hand": (*COUPLES, [{**ONE, "override_reason": "x"}], [{**ONE, "override_reason": 5}],
                [{**ONE, "override_reason": "\ud800" * 5}]),
    "dropped": (None, "me", ["me"], [1], [str(UUID(int=1))], [str(UUID(int=1))] * 5001),
    "policy": tuple(value for value in WRONG["policy"] if value is not None),
}  # fmt: skip
WRONG_TRIAL: Mapping[str, Iterable[Any]] = {
    "direction": WRONG["direction"],
    "policy": WRONG["policy"],
    "program_id": ("me", 1, "", [], "\x00"),
}
WRONG_ENDPOINT: Mapping[str, Iterable[Any]] = {
    "url": (None, 5, [], "https://hooks.example.com/" + "x" * 2000),
    "owner_id": ("me", 1, "", [], None, "\x00"),
    "description": ("a\x00b", "a\nb", "\ud800", "x" * 501, 5, None, [], {}),
    "types": (None, "all", [1], [None], ["cycle.paused"] * 201, {"more": 1}),
    "rate_limit": (0, -1, 501, HUGE, 1.5, "many", None, []),
}  # fmt: skip
WRONG_SEQUENCES: tuple[Any, ...] = (0, -1, 2**63, HUGE, 1.5, "first", [], {})
WRONG_REPLAY: Mapping[str, Iterable[Any]] = {
    "what": ("some", "", None, 1, []),
    "sequence": WRONG_SEQUENCES,
    "from_sequence": WRONG_SEQUENCES,
    "to_sequence": WRONG_SEQUENCES,
    "since": ("yesterday", "2026-01-01", "2026-01-01T00:00:00", "\x00", [], HUGE),
}
WRONG_ROTATION: Mapping[str, Iterable[Any]] = {"overlap_hours": (0, 23, 169, -1, HUGE, 24.5, "long", None, [])}
WRONG_DAYS: tuple[Any, ...] = (0, -1, 3651, HUGE, 1.5, "long", [])
WRONG_NETWORKS: tuple[Any, ...] = (
    None, "10.0.0.0/8", [""], [1], ["10.0.0.1/8"], ["10.0.0.0/33"], ["localhost"], ["10.0.0"], ["::ffff:10.0.0.0/104"],
    ["fe80::1%eth0"], ["10.0.0.0/8, 10.0.0.1"], ["\x00"], ["x" * 5000], ["10.0.0.0/8"] * 21,
)  # fmt: skip
WRONG_KEY: Mapping[str, Iterable[Any]] = {
    "role": ("king", "", None, 1, "OWNER"),
    "label": ("", " ", "a\x00b", "a\nb", "\ud800", "x" * 10_000, 5, None, []),
    "valid_days": (*WRONG_DAYS, None),
    "networks": WRONG_NETWORKS,
}
WRONG_KEY_ROTATION: Mapping[str, Iterable[Any]] = {
    "overlap_hours": (-1, 721, HUGE, 24.5, "long", None, []),
    "valid_days": WRONG_DAYS,
}
WRONG_END: Mapping[str, Iterable[Any]] = {"reason": ("", "declined", "cycle_cancelled", "\x00", None, 1, [])}


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/v1/keys", WRONG_KEY),
        ("/v1/keys/{key_id}/rotate", WRONG_KEY_ROTATION),
        ("/v1/programs", WRONG),
        ("/v1/programs/{program_id}", WRONG),
        ("/v1/programs/{program_id}/cycles", WRONG_CYCLE),
        ("/v1/match-runs/{match_run_id}/preview", WRONG_STEERING),
        ("/v1/match-runs/{match_run_id}/steering", WRONG_STEERING),
        ("/v1/policies/preview", WRONG_TRIAL),
        ("/v1/pairs/{pair_id}/end", WRONG_END),
        ("/v1/endpoints", WRONG_ENDPOINT),
        ("/v1/endpoints/{endpoint_id}/replays", WRONG_REPLAY),
        ("/v1/endpoints/{endpoint_id}/secrets", WRONG_ROTATION),
        ("/v1/endpoints/{endpoint_id}/enable", {"catch_up": ("perhaps", None, 2, [])}),
    ],
)
async def test_each_value_that_is_not_valid_is_422_and_names_its_field(
    attempts: Attempts, path: str, table: Mapping[str, Iterable[Any]]
) -> None:
    row = next(row for row in ROWS if row.path == path and row.body is not None)
    right = row.document(attempts.ids) or {}
    for field, values in table.items():
        for value in values:
            body = json.dumps({**right, field: value}).encode()
            answer = await attempts.call(row, {**attempts.headers, **JSON}, content=body)
            attempts.expect(f"{row} {field}={str(value)[:60]!r}", answer, 422, "invalid")
            if answer.status_code == 422:
                fields = [error["field"] for error in answer.json()["errors"]]
                assert all(named.startswith(f"body.{field}") for named in fields), (field, value, fields)
    attempts.done()


async def test_the_period_of_a_cycle_that_exists_is_409(attempts: Attempts) -> None:
    row = next(row for row in ROWS if row.path.endswith("/cycles") and row.once)
    attempts.expect(row, await attempts.call(row, json={"period": "2026-Q1"}), 409, "period_exists")
    attempts.done()


QUERIES: Mapping[str, Iterable[str]] = {
    "limit": ("0", "-1", "1001", "many", "", str(HUGE), "1.5", "\x00"),
    "cursor": ("x", "", "\x00", "é☃", "AAAA", "A" * 22 + "=" * 4, "x" * 500),
    "after": ("-1", str(2**63), str(HUGE), "first", "", "\x00"),
    "epoch": ("", "last", "0", str(UUID(int=1)) + "0", "\x00", str(HUGE)),
    "at": ("-1", str(2**63), str(HUGE), "first", "", "\x00"),
    "wait": ("-1", "31", "30.5", "long", "", "nan", "inf", str(HUGE), "\x00"),
    "types": ("cycle.started", "\x00", "x" * 3000, "cycle.requested,nonsense"),
    "state": ("nowhere", "", "\x00"),
    "sequence": ("0", "-1", str(2**63), str(HUGE), "first", "", "\x00"),
    "active": ("perhaps", "", "2"),
    "department": ("\x00", "x" * 300),
    "location": ("\x00", "x" * 300),
    "id": ("x", "", "1", "\x00"),
    "mentor_id": ("x", "", "1", "\x00"),
    "mentee_id": ("x", "", "1", "\x00"),
    "skip_invalid": ("perhaps", ""),
    "most_leaving_percent": ("-1", "101", "ten", "", str(HUGE), "9.5", "\x00"),
    "q": ("\x00", "x" * 101),
    "sort": ("nothing", "", "--id", "\x00"),
    "level": ("high", "", str(HUGE), "\x00"),
    "availability": ("sometimes", "", "\x00"),
    "direction": ("sideways", "", "\x00"),
    "language": ("klingon", "", "\x00", "EN"),
    "recurs": ("perhaps", ""),
    "archived": ("perhaps", ""),
    "before": ("x", "", "\x00"),
    "details": ("x", "", "\x00"),
    "lists": ("x", "", "\x00"),
    "starts_at": ("tomorrow", "", "\x00"),
    "paused": ("perhaps", ""),
    "stage": ("nowhere", "", "\x00"),
    "origin": ("nowhere", "", "\x00"),
    "wished": ("perhaps", ""),
    "low_fit": ("perhaps", ""),
    "reason": ("none", "", "\x00"),
    "template": ("none", "", "\x00"),
    "program_id": ("x", "", "1", "\x00"),
    "cycle_id": ("x", "", "1", "\x00"),
    "pair_id": ("x", "", "1", "\x00"),
    "person_id": ("x", "", "1", "\x00"),
}


async def test_each_query_parameter_that_is_not_valid_is_refused(attempts: Attempts, composed: FastAPI) -> None:
    described = composed.openapi()["paths"]
    tried: set[str] = set()
    for row in ROWS:
        parameters = described[row.path][row.method.lower()].get("parameters", [])
        for name in (parameter["name"] for parameter in parameters if parameter["in"] == "query"):
            tried.add(name)
            for value in QUERIES[name]:
                answer = await attempts.call(row, params={name: value})
                attempts.expect(f"{row}?{name}={value[:40]!r}", answer, {400, 422})
    assert tried == set(QUERIES)
    attempts.done()


async def test_a_write_without_its_idempotency_key_is_400(attempts: Attempts) -> None:
    for row in ROWS:
        if row.once:
            answer = await attempts.call(row, {**attempts.headers, "idempotency-key": ""})
            attempts.expect(row, answer, 400, "idempotency_key_required")
            answer = await attempts.http.post(
                row.address(attempts.ids), json=row.document(attempts.ids), headers=attempts.headers
            )
            attempts.expect(row, answer, 400, "idempotency_key_required")
            answer = await attempts.call(row, {**attempts.headers, "idempotency-key": "x" * 201})
            attempts.expect(row, answer, 422, "invalid")
    attempts.done()


async def test_an_idempotency_key_serves_one_request_only(attempts: Attempts) -> None:
    headers = once(attempts.headers)
    changes: Mapping[str, dict[str, Any]] = {
        "/v1/programs": {"name": "Another"},
        "/v1/programs/{program_id}/cycles": {"period": "other"},
        "/v1/keys": {"label": "another"},
        "/v1/keys/{key_id}/rotate": {"overlap_hours": 48},
        "/v1/people": {"email": "another@example.org"},
        "/v1/endpoints": {"description": "another"},
        "/v1/endpoints/{endpoint_id}/secrets": {"overlap_hours": 48},
    }
    for row in ROWS:
        if row.once:
            mine = {**headers, "idempotency-key": f"{row}"}
            assert (await attempts.call(row, mine)).is_success
            answer = await attempts.call(row, mine, json={**(row.document(attempts.ids) or {}), **changes[row.path]})
            attempts.expect(row, answer, 422, "idempotency_key_reused")
    attempts.done()


async def test_an_edit_names_the_version_that_it_changes(attempts: Attempts) -> None:
    for row in ROWS:
        if row.if_match:
            answer = await attempts.http.request(
                row.method, row.address(attempts.ids), json=row.document(attempts.ids), headers=attempts.headers
            )
            attempts.expect(row, answer, 428, "if_match_required")
            for stale in ('"0"', '"999"', "1", 'W/"1"', "x" * 5000, "é"):
                headers = {**attempts.headers, "if-match": stale}
                attempts.expect(f"{row} {stale[:9]}", await attempts.call(row, headers), 412, "stale_version")
    attempts.done()


async def test_files_that_are_no_export_are_refused(attempts: Attempts) -> None:
    row = next(row for row in ROWS if row.path == IMPORT)
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    csv = {"content-type": "text/csv"}
    raw: tuple[tuple[dict[str, str], bytes, int], ...] = (
        (JSON, b"{}", 415),
        ({}, CSV, 415),
        ({"content-type": "multipart/form-data"}, CSV, 400),
        (multipart, b"nonsense", 400),
        (multipart, b"--x\r\n\r\n--x--", 400),
        (csv, b"", 422),
        (csv, b"\x00\x01\x02", 422),
        (csv, b"\xff\xfe\x00", 422),
        (csv, b"name,email\n", 422),
        (csv, CSV + b"Grace\x00,grace@example.org,2\n", 422),
        (csv, CSV + f"Grace,grace@example.org,{HUGE}\n".encode(), 422),
        (csv, CSV + b"Grace,grace@example.org\n", 422),
        (csv, b"a" * (20 * 1024 * 1024 + 1), 413),
    )
    for kind, content, status in raw:
        answer = await attempts.call(row, {**attempts.headers, **kind}, content=content)
        attempts.expect(f"{kind} {content[:20]!r}", answer, status)
    forms: tuple[tuple[dict[str, tuple[str, bytes]], int], ...] = (
        ({"other": ("a.csv", CSV)}, 400),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b"[")}, 422),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b"\xff")}, 422),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b"[columns]\nname = 5")}, 422),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b"[nonsense]\nx = 1")}, 422),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b'[columns]\nname = "Nobody"')}, 422),
        ({"file": ("a.csv", CSV), "columns": ("c.toml", b"x" * 200_000)}, 413),
    )
    for files, status in forms:
        answer = await attempts.call(row, files=files)
        attempts.expect(files, answer, status)
    attempts.done()
    people = (await attempts.http.get("/v1/people", headers=attempts.headers)).json()["items"]
    assert len(people) == 2, "a refused file left people behind"
