"""The client by which the console calls the public API of services, as the person who is signed in.

It sends the credential of that person and never that of the services, so that it can do what the person may do, and no
more. It also says from which address the person came, as a proxy does. Like the internal client, it calls over TCP or
inside the same process.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from shared.contracts.base import Contract, Service
from shared.errors import (
    BadRequest,
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Unauthorized,
)
from shared.http.inside import IDENTIFIED, Identified, answer_of
from shared.http.internal import Internal

Answer = TypeVar("Answer", bound=Contract)
log = structlog.get_logger(__name__)
REFUSALS: tuple[type[DomainError], ...] = (
    *(BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Gone, PreconditionFailed, Invalid, PreconditionRequired),
)
BY_STATUS = {refusal.status: refusal for refusal in REFUSALS}
VALUE = re.compile(r"[!-~]+")
"""What a header can hold: whoever signs in may type anything into the field for the key."""
HEADER = re.compile(r"[ -~]*")
"""What goes into any other header, such as the ETag that a form brings back."""
TOLD = ("errors", "total", "changed", "etag")
"""What refusals say besides their sentence."""
UNKNOWN = "unknown"
"""An address that is not known, as proxies write it (RFC 7239, 6.2)."""
UNSERVED = NotFound.code
"""The code of the answer when no route serves the address, as in a process of the previous version."""


class Versioned(NamedTuple, Generic[Answer]):
    """What was read, and the ETag that a change of it names."""

    value: Answer
    etag: str


class PublicApi:
    """Calls the public API. What it refuses is raised as a DomainError with the same status and code. If a service is
    away or fails, `httpx.HTTPError` is raised."""

    def __init__(self, internal: Internal, credential: str | None = None, address: str | None = None) -> None:
        """`internal` only carries the requests. `credential` is an access key or the token of a session, and `address`
        that of the person, None if it is not known."""
        self._internal = internal
        self._credential = credential
        self._extensions: dict[str, Any] = {}
        self._forwarded: dict[str, str] = {}
        if credential is not None:
            client = (address, 0) if address is not None else None  # as a server would say it, inside this process
            self._extensions = {IDENTIFIED: Identified(), "client": client}
            self._forwarded = {"x-forwarded-for": address or UNKNOWN}

    def acting_as(self, credential: str, address: str | None = None) -> "PublicApi":
        """The API for the calls of one page, whose visitor comes from this address, if it is known."""
        return PublicApi(self._internal, credential, address)

    async def get(
        self, service: Service, path: str, answer: type[Answer], params: Mapping[str, Any] | None = None
    ) -> Answer:
        """GET `/v1{path}` of the service that serves it."""
        return known_part(await self._call("GET", service, path, params=params), answer)

    async def get_table(self, service: Service, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The whole list as a table in CSV."""
        return (await self._call("GET", service, path, params=params, headers={"accept": "text/csv"})).content

    async def get_versioned(self, service: Service, path: str, answer: type[Answer]) -> Versioned[Answer]:
        """Reads what can be edited."""
        response = await self._call("GET", service, path)
        return Versioned(known_part(response, answer), response.headers.get("etag", ""))

    async def post(
        self,
        service: Service,
        path: str,
        answer: type[Answer],
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        response = await self._call("POST", service, path, body=body, headers=headers)
        return answer_of(response, answer)

    async def send_file(
        self, service: Service, path: str, answer: type[Answer], content: bytes, media_type: str
    ) -> Answer:
        response = await self._call("POST", service, path, headers={"content-type": media_type}, content=content)
        return answer_of(response, answer)

    async def put_file(
        self, service: Service, path: str, answer: type[Answer], content: bytes, media_type: str, etag: str
    ) -> Answer:
        """Replaces what was read with this ETag by a file. Raises PreconditionFailed if it has changed since."""
        headers = {"content-type": media_type, "if-match": etag}
        response = await self._call("PUT", service, path, headers=headers, content=content)
        return answer_of(response, answer)

    async def put(
        self, service: Service, path: str, answer: type[Answer], body: BaseModel, etag: str | None = None
    ) -> Answer:
        """Replaces what was read with this ETag, if one is given. Raises PreconditionFailed if it has changed since."""
        headers = {"if-match": etag} if etag is not None else None
        response = await self._call("PUT", service, path, body=body, headers=headers)
        return answer_of(response, answer)

    async def delete(self, service: Service, path: str, etag: str | None = None) -> None:
        """Deletes what was read with this ETag, if one is given. Raises PreconditionFailed if it has changed since."""
        await self._call("DELETE", service, path, headers={"if-match": etag} if etag is not None else None)

    async def _call(
        self,
        method: str,
        service: Service,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        sent = {"accept": "application/json"} | self._forwarded | dict(headers or {})
        if not all(HEADER.fullmatch(value) for value in sent.values()):
            raise BadRequest("What was sent with the form is no ETag of ours.", code="bad_form")
        if self._credential is not None:
            if not VALUE.fullmatch(self._credential):
                raise Unauthorized("What was sent is no credential.", code="invalid_access_key")
            sent["authorization"] = f"Bearer {self._credential}"
        if body is not None:
            sent["content-type"] = "application/json"
        request = {
            "method": method,
            "url": f"/v1{path}",
            "params": params,
            "content": body.model_dump_json() if body is not None else content,
            "headers": sent,
            "extensions": self._extensions,
        }
        response = await self._internal.exchange(service, request, reads=method == "GET")
        if (refusal := _refusal(response)) is not None:
            raise refusal
        if not response.is_success:
            response.raise_for_status()
        return response


def known_part(response: httpx.Response, answer: type[Answer]) -> Answer:
    """The answer without the items of lists that have a value which this release does not know: during an upgrade a
    process of the next release may have answered, which has added it. Raises ValidationError for anything else."""
    try:
        return answer_of(response, answer)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if not response.content or any(one["type"] != "enum" for one in found):
            raise
        document = json.loads(response.content)
        for place in sorted({_item_of(one["loc"]) for one in found}, reverse=True):
            if not place:
                raise
            *above, index = place
            items = document
            for step in above:
                items = items[step]
            del items[index]
        log.warning("answer.items_left_out", count=len(found))
        return answer.model_validate_json(json.dumps(document))


def _item_of(place: tuple[int | str, ...]) -> tuple[Any, ...]:
    """The place of the innermost item of a list around it; empty if there is none."""
    last = max((number for number, step in enumerate(place) if isinstance(step, int)), default=-1)
    return place[: last + 1]


def _refusal(response: httpx.Response) -> DomainError | None:
    """What the API itself refused. None for every other answer, such as that of a proxy."""
    if response.status_code < 400 or "problem+json" not in response.headers.get("content-type", ""):
        return None
    document = response.json()
    if response.status_code >= 500 or document.get("code") in (None, UNSERVED):
        return None
    extra = {name: document[name] for name in TOLD if name in document}
    made = BY_STATUS.get(response.status_code, DomainError)
    refusal = made(str(document.get("detail", "")), code=str(document["code"]), **extra)
    refusal.status = response.status_code
    return refusal
