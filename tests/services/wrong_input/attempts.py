"""Calling routes wrongly, and what is asked of each refusal."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from tests.services.programs_examples import once
from tests.services.wrong_input.public_routes import CSV, FILES, PICTURE, Row

Headers = dict[str, str]
JSON = {"content-type": "application/json"}


def faults(answer: httpx.Response, status: int | Iterable[int], code: str | None = None) -> list[str]:
    """What is wrong with an answer that should be a problem document of this status (and code)."""
    expected = {status} if isinstance(status, int) else set(status)
    if answer.status_code not in expected:
        return [f"status {answer.status_code} instead of {sorted(expected)}: {answer.text[:200]}"]
    if answer.headers["content-type"] != "application/problem+json":
        return [f"content type {answer.headers['content-type']}"]
    found, document = [], answer.json()
    if document["status"] != answer.status_code or document["type"] != f"urn:upward:problem:{document['code']}":
        found.append(f"status or type do not agree: {document}")
    if not document["title"] or document["title"] == "Error":
        found.append(f"title {document['title']!r}")
    if len(document.get("detail", "").split()) < 4:
        found.append(f"the detail does not say what to do: {document.get('detail')!r}")
    if document["code"] == "invalid" and not document.get("errors"):
        found.append("no list of fields")
    if any(
        not error.get("field") or not error.get("detail") for error in document.get("errors", []) if "field" in error
    ):
        found.append(f"an error without its field: {document['errors']}")
    if code is not None and document["code"] != code:
        found.append(f"code {document['code']} instead of {code}")
    return found


class Attempts:
    """Calls routes wrongly and collects what is wrong with the answers."""

    def __init__(self, http: httpx.AsyncClient, ids: Mapping[str, object], headers: Headers) -> None:
        self.http, self.ids, self.headers = http, ids, headers
        self.broken: list[str] = []
        self.made = 0

    async def call(self, row: Row, headers: Headers | None = None, **request: Any) -> httpx.Response:
        """A call that is right in all but what the arguments say."""
        ids = request.pop("ids", self.ids)
        if row.path in FILES and not request.keys() & {"content", "files", "json"}:
            request |= {"files": {"file": ("people.csv", CSV)}}
        elif row.picture and "content" not in request:
            request |= {"content": PICTURE.content}
            headers = {**(self.headers if headers is None else headers), "content-type": "image/png"}
        elif row.body is not None and not request.keys() & {"content", "files", "json", "data"}:
            request |= {"json": row.document(ids)}
        if row.params and "params" not in request:
            request |= {"params": {name: str(ids[name]) for name in row.params}}
        complete = dict(self.headers if headers is None else headers)
        if row.once:
            complete = once(complete) | complete
        if row.if_match:
            complete = {"if-match": "*"} | complete
        return await self.http.request(
            row.method, row.address(ids), headers=httpx.Headers(complete, encoding="latin-1"), **request
        )

    def expect(
        self, what: object, answer: httpx.Response, status: int | Iterable[int], code: str | None = None
    ) -> None:
        self.made += 1
        self.broken += [f"{what}: {fault}" for fault in faults(answer, status, code)]

    def done(self) -> None:
        assert self.made, "nothing was tried"
        assert not self.broken, str(self.broken)
