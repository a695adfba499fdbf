"""Wrong callers, wrong ids and wrong addresses get a clear 4xx as problem+json, whatever the route.

A new route without a row in `public_routes` fails the first test. Each test holds one rule, goes through all routes
that it concerns and reports every one that breaks the rule.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from shared.auth import Role
from shared.database import Database
from shared.http.lists import encode_cursor
from shared.keys import new_key
from tests.services.wrong_input.attempts import JSON, Attempts, Headers
from tests.services.wrong_input.public_routes import PLACEHOLDER, ROWS, Row, add_world, routes_of

KeyMaker = Callable[..., Awaitable[Headers]]
HUGE = 10**40
OUTSIDE = {"/livez", "/readyz", "/.well-known/security.txt"}
"""Routes that everybody may read."""
OF_CYCLE = (
    *("pairs", "pairs.csv", "pairs/{pair_id}/end", "pending", "pending.csv", "history"),
    *("remind", "advance", "pause", "resume", "cancel"),
)
PAGES = ("/p/", "/console")
WORDED = "/{template}/{language}"
REVIEW = (
    *("", "/pairs.csv", "/pairs/{pair_id}", "/unmatched", "/people", "/people/{person_id}", "/rules", "/approve"),
    *("/change", "/undo"),
)
"""The pages of a review."""
FRONT = "/"
LISTED = {
    "programs": "program_id",
    "cycles": "cycle_id",
    "people": "person_id",
    "pairs": "pair_id",
    "concerns": "concern_id",
    "pending": "mentee_id",
    "endpoints": "endpoint_id",
}
"""Lists by the ends of their paths, and the ids that their cursors hold."""


def test_every_route_is_public_with_a_row_or_internal_or_a_page(composed: FastAPI) -> None:
    public = {
        (method, path)
        for method, path in routes_of(composed)
        if path not in OUTSIDE | {FRONT} and not path.startswith(("/internal/", *PAGES))
    }
    assert public == {(row.method, row.path) for row in ROWS}


async def test_the_calls_that_the_wrong_ones_differ_from_are_right(attempts: Attempts) -> None:
    for row in sorted(ROWS, key=lambda row: row.path.endswith("cancel")):
        answer = await attempts.call(row)
        too_late = row.path.endswith(("advance", "approve"))  # the run was steered, and another took its place
        allowed = {200, 201, 202, 204} | ({409} if too_late else set())
        if answer.status_code not in allowed:
            attempts.broken.append(f"{row}: {answer.status_code} {answer.text}")
    assert attempts.broken == []


async def test_a_call_without_a_key_that_is_valid_is_401(attempts: Attempts) -> None:
    strange = ("", "Bearer", "Bearer upw_abc", f"Bearer {new_key().key}", "Basic dXB3Ong=", "Bearer upw_é")
    for row in ROWS:
        for authorization in strange:
            answer = await attempts.call(row, {"authorization": authorization} if authorization else {})
            attempts.expect(f"{row} with {authorization!r}", answer, 401, "invalid_access_key")
            assert answer.headers["www-authenticate"] == "Bearer"
    attempts.done()


async def test_a_key_whose_role_is_too_low_is_403(attempts: Attempts, access_key: KeyMaker) -> None:
    keys = {role: await access_key(role) for role in Role}
    for row in ROWS:
        for role in Role:
            if not role.covers(row.role):
                answer = await attempts.call(row, keys[role])
                attempts.expect(f"{row} as {role}", answer, 403, "role_too_low")
    attempts.done()


async def test_only_reading_is_open_to_viewers(attempts: Attempts) -> None:
    assert {row.method for row in ROWS if row.role is Role.VIEWER and row.stores and not row.own} == {"GET"}


async def test_an_unknown_id_is_404_and_a_list_below_it_empty(attempts: Attempts) -> None:
    unknown = _unknown(attempts.ids)
    for row in ROWS:
        if not row.ids:
            continue
        answer = await attempts.call(row, ids=unknown)
        if row.lists:
            document = answer.json()
            assert answer.status_code == 200, (row, answer.text)
            assert not [name for name in ("items", "counts", "failed") if document.get(name)], row
        else:
            attempts.expect(row, answer, 404)
    attempts.done()


async def test_another_organizations_ids_are_unknown_ids(
    attempts: Attempts, http: httpx.AsyncClient, db: Database, access_key: KeyMaker, admin: Headers
) -> None:
    other = uuid4()
    theirs = await add_world(db, other)
    intruder = await access_key(Role.OWNER, other)
    before = {row: (await attempts.call(row)).content for row in ROWS if row.method == "GET"}
    for row in ROWS:
        if not row.ids:
            continue
        answer = await attempts.call(row, intruder)
        if row.lists:
            nothing = await attempts.call(row, intruder, ids=_unknown(theirs))
            assert answer.json() == nothing.json(), row
        else:
            attempts.expect(row, answer, 404)
    listed = [await attempts.call(row, intruder, ids=theirs) for row in ROWS if row.method == "GET"]
    for name, mine in attempts.ids.items():
        if isinstance(mine, int):
            continue  # a count: everybody has such
        assert not any(str(mine) in answer.text for answer in listed), name
    assert {row: (await attempts.call(row)).content for row in before} == before, "the intruder changed something"
    attempts.done()


async def test_another_organizations_ids_in_queries_bodies_and_cursors_are_unknown_ids(
    attempts: Attempts, db: Database, access_key: KeyMaker, composed: FastAPI
) -> None:
    """Whatever is asked about an id, it is answered as about one that does not exist."""
    other = uuid4()
    theirs, intruder = await add_world(db, other), await access_key(Role.OWNER, other)
    described, mine = composed.openapi()["paths"], dict(attempts.ids) | {"id": attempts.ids["person_id"]}
    tried: set[str] = set()

    async def answer(row: Row, id: object, **request: Any) -> tuple[int, str]:
        found = await attempts.call(row, intruder, ids=theirs, **request)
        return found.status_code, found.text.replace(str(id), "ID")

    for row in ROWS:
        parameters = described[row.path][row.method.lower()].get("parameters", [])
        names = {one["name"] for one in parameters if one["in"] == "query"}
        needed = {name: str(theirs[name]) for name in row.params}
        for name in sorted(names & mine.keys() - {"sequence"}):
            both = [await answer(row, id, params={**needed, name: str(id)}) for id in (mine[name], uuid4())]
            assert both[0] == both[1], (row, name)
            tried.add(name)
        listed = row.path.rpartition("/")[2]
        if "cursor" in names and listed in LISTED:
            cursors = [encode_cursor(UUID(str(id))) for id in (mine[LISTED[listed]], uuid4())]
            asked = [await attempts.call(row, intruder, ids=theirs, params={"cursor": one}) for one in cursors]
            assert asked[0].status_code == asked[1].status_code, (row, "cursor")
            tried.add(listed)
        for field, value in (row.body or {}).items():
            if (found := PLACEHOLDER.fullmatch(str(value))) is not None:
                body = dict(row.document(theirs) or {})
                both = [await answer(row, id, json={**body, field: str(id)}) for id in (mine[found[1]], uuid4())]
                assert both[0] == both[1], (row, field)
                tried.add(field)
    ids = {"id", "person_id", "program_id", "cycle_id", "pair_id", "mentor_id", "mentee_id", "owner_id"}
    assert tried >= ids | LISTED.keys()


async def test_an_id_that_is_none_is_422_and_names_its_place(attempts: Attempts) -> None:
    for row in ROWS:
        for name in row.ids:
            for value in ("0", "not-an-id", "%00", "%F0%9F%92%A9", str(HUGE), f"{uuid4()}0"):
                answer = await attempts.call(row, ids={**attempts.ids, name: value})
                attempts.expect(f"{row} with {value}", answer, 422, "invalid")
                if answer.status_code == 422:
                    assert f"path.{name}" in [error["field"] for error in answer.json()["errors"]], row
    attempts.done()


async def test_an_unknown_address_is_404_and_a_wrong_method_405_with_those_that_it_takes(
    attempts: Attempts, composed: FastAPI
) -> None:
    for path in ("/v1", "/v1/", "/v2/programs", "/v1/nothing", "/%00", "/internal", "/v1/%2e%2e"):
        attempts.expect(path, await attempts.http.get(path, headers=attempts.headers), 404)
    taken: dict[str, set[str]] = {}
    for method, path in routes_of(composed):
        taken.setdefault(path, set()).add(method)
    for path, methods in taken.items():
        address = Row("", path).address(
            dict.fromkeys(("name", "token", "code"), "x") | dict.fromkeys(_names(path), uuid4())
        )
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = await attempts.http.request(method, address, headers=attempts.headers)
            attempts.expect(f"{method} {path}", answer, 405, "method_not_allowed")
            assert set(answer.headers.get("allow", "").split(", ")) - {"HEAD"} == methods, (method, path)
    attempts.done()


async def test_internal_addresses_are_for_services_only(
    attempts: Attempts, composed: FastAPI, access_key: KeyMaker, internal_headers: Headers
) -> None:
    """Neither an access key of any role nor the credential without an organization opens them."""
    owner = await access_key(Role.OWNER)
    credential = {"authorization": internal_headers["authorization"]}
    organization = {"upward-organization": internal_headers["upward-organization"]}
    refused = {
        "nothing": {},
        "the organization alone": organization,
        "a key": owner,
        "a key and the organization": owner | organization,
        "a wrong credential": {"authorization": "Bearer x"} | organization,
        "an empty credential": {"authorization": "Bearer "} | organization,
        "no organization": credential,
    }
    internal = sorted(route for route in routes_of(composed) if route[1].startswith("/internal/"))
    assert len(internal) > 15
    for method, path in internal:
        address = Row(method, path).address(dict.fromkeys(_names(path), uuid4()))
        for name, headers in refused.items():
            answer = await attempts.http.request(method, address, headers=headers, json={})
            attempts.expect(f"{method} {path} with {name}", answer, 401, "service_only")
        wrong = credential | {"upward-organization": "x"}
        attempts.expect(path, await attempts.http.request(method, address, headers=wrong, json={}), 422, "invalid")
        if method == "POST":
            answer = await attempts.http.post(address, headers=internal_headers | JSON, content=b"{")
            attempts.expect(path, answer, 422, "invalid")
    attempts.done()


async def test_pages_answer_problems_to_callers_that_ask_for_json(
    attempts: Attempts, composed: FastAPI, admin: Headers
) -> None:
    wanted = {"accept": "application/json"}
    for token in ("x", "A" * 43, "x" * 600, "%00", "%F0%9F%92%A9", "a%20b"):
        for method, path in (("GET", f"/p/{token}"), ("POST", f"/p/{token}"), ("GET", f"/p/{token}/done")):
            answer = await attempts.http.request(
                method, path, headers=wanted, data={"role": "none"} if method == "POST" else None
            )
            attempts.expect(f"{method} {path[:20]}", answer, 404)
    attempts.expect("file", await attempts.http.get("/console/static/none", headers=wanted), 404)
    cycle = f"/console/cycles/{attempts.ids['cycle_id']}"
    attempts.expect("no key", await attempts.http.get(cycle, headers=wanted), 401)
    attempts.expect("home", await attempts.http.get("/console", headers=wanted), 401, "not_signed_in")
    code = f"/console/sign-in/upo_{'A' * 43}"
    unknown = (f"/console/cycles/{uuid4()}", "/console/cycles/x", f"{code}A", "/console/none")
    for path in (*unknown, "/console/messages/previews/none"):
        attempts.expect(path, await attempts.http.get(path, headers=admin | wanted), 404)
    for path in (f"/p/{'A' * 43}", "/console/sign-in", code, "/console/sign-out"):
        attempts.expect(path, await attempts.http.post(path, headers=wanted, json={}), 415)
    for path in (f"{cycle}/pairs/{uuid4()}/end", "/console/concerns?state=none", f"/console/concerns/{uuid4()}"):
        attempts.expect(path, await attempts.http.get(path, headers=admin | wanted), 404)
    tried = {path for _, path in routes_of(composed) if path.startswith(PAGES)}
    assert {path.rstrip("/") for path in tried} == {
        "/p/{token}", "/p/{token}/done", "/console/static/{name}", "/console/cycles/{cycle_id}", "/console",
        "/console/people", "/console/people.csv", "/console/people/new",
        "/console/people/{person_id}", "/console/people/{person_id}/edit", "/console/people/import",
        "/console/people/{person_id}/absence",
        "/console/people/import/{upload_id}", "/console/people/import/{upload_id}/changes",
        "/console/people/import/{upload_id}/done",
        "/console/sign-in", "/console/sign-in/{code}", "/console/sign-out", "/console/{rest:path}",
        *(f"/console/cycles/{{cycle_id}}/{one}" for one in OF_CYCLE),
        "/console/concerns", "/console/concerns.csv", "/console/concerns/{concern_id}",
        "/console/concerns/{concern_id}/resolve", "/console/concerns/{concern_id}/assign",
        "/console/cycles/{cycle_id}/report", "/console/programs/{program_id}/compare", "/console/reports",
        "/console/cycles/{cycle_id}/report.csv", "/console/programs/{program_id}/compare.csv",
        "/console/messages", "/console/messages.csv", "/console/messages/previews",
            "/console/messages/resend",
        "/console/messages/previews/{template}",
        *(f"/console/messages/brand{rest}" for rest in ("", "/logo", "/reset")),
        "/console/accent/{name}", "/console/logos/{organization_id}/{name}",
        *(f"/console/messages/wording{rest}" for rest in ("", WORDED, f"{WORDED}/reset")),
        *(f"/console/cycles/{{cycle_id}}/review{part}" for part in REVIEW),
        "/console/programs", "/console/programs.csv", "/console/programs/new", "/console/programs/{program_id}",
        "/console/programs/{program_id}/edit", "/console/programs/{program_id}/start",
        *(f"/console/integrations{rest}" for rest in ("", "/events", "/types", "/new", "/{endpoint_id}")),
        *(f"/console/integrations/{{endpoint_id}}/{step}" for step in ("edit", "secret", "replay", "enable", "test")),
        *(f"/console/integrations/{{endpoint_id}}/{step}" for step in ("disable", "delete", "deliveries/{sequence}")),
        "/console/programs/{program_id}/archive", "/console/programs/{program_id}/restore",
        *(f"/console/settings/keys{rest}" for rest in ("", "/new", "/{key_id}/revoke", "/{key_id}/rotate")),
        *(f"/console/settings/sessions{rest}" for rest in ("", "/end-others", "/{session_id}/end")),
    }  # fmt: skip
    attempts.done()


def _unknown(ids: Mapping[str, object]) -> dict[str, object]:
    return {name: _unknown_like(known) for name, known in ids.items()}


def _unknown_like(known: object) -> object:
    if isinstance(known, str):
        return "0" * len(known)
    return 10**12 if isinstance(known, int) else uuid4()


def _names(path: str) -> list[str]:
    return Row("", path).ids
