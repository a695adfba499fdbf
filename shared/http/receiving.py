"""How the body of a request is received: at most as much as its route takes, within a deadline, and only once the
caller is known (`shared/http/routing.py`).

JSON is checked before anything is made of it. It may be nested `MOST_DEPTH` levels deep, and no text in it may hold
characters that nobody sees (`shared/contracts/text.py`). Control characters are left to the models, which say where a
line may break.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from shared.contracts.text import SUSPECT, has_invisible
from shared.errors import DomainError, Invalid

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

MOST_DEPTH = 32
"""How deep JSON may be nested."""
LARGE_BYTES = 32 * 1024
"""JSON of this size and more is parsed in a thread, so that other requests are answered meanwhile."""
NOT_VALID = "Some fields are not valid; see errors."
TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
BYTEWISE = "latin-1"
"""The encoding in which every byte is a character. The parts of a form are kept as they are. An encoding that the
caller names is not used: some take hours, and some make texts that are none."""
BOUNDARY = re.compile(rb"[!#-\[\]-~](?:[ !#-\[\]-~]*[!#-\[\]-~])?")


class BodyTooLarge(DomainError):
    status = 413
    code = "body_too_large"


class BodyTooSlow(DomainError):
    status = 408
    code = "body_too_slow"


class TooManyUploads(DomainError):
    status = 429
    code = "too_many_uploads"


@dataclass(frozen=True)
class BodyLimits:
    """What a route takes. The defaults are those of JSON."""

    most_bytes: int = 256 * 1024
    most_values: int = 10_000
    """The values in JSON. Each can be an error that is told, which takes far longer than to parse it."""
    seconds: float = 20
    """The time for the whole body."""
    pause_seconds: float = 10
    """The time between two parts of it."""
    at_once: int | None = None
    """How many such requests of one organization a process works on at the same time, also of those without a body.
    None: any number."""
    work: str = ""
    """What such requests do, if routes share the number."""


def takes(limits: BodyLimits) -> Callable[[Endpoint], Endpoint]:
    """Gives the route of this handler limits of its own."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, "body_limits", limits)  # noqa: B010 (a function has no such attribute for the type checker)
        return endpoint

    return mark


def limits_of(endpoint: Callable[..., Any], otherwise: BodyLimits) -> BodyLimits:
    found: BodyLimits = getattr(endpoint, "body_limits", otherwise)
    return found


class BoundedRequest(Request):
    """A request whose body is received within limits. Raises BodyTooLarge (413) and BodyTooSlow (408)."""

    def __init__(self, scope: Scope, receive: Receive, limits: BodyLimits) -> None:
        super().__init__(scope, _bounded(receive, limits))
        self._limits = limits
        self._parsed: tuple[Any] | None = None

    def check_size(self) -> None:
        """Raises BodyTooLarge if the headers say that the body is too large."""
        declared = self.headers.get("content-length", "")
        if not declared.isascii() or not declared.isdigit():
            return
        if len(declared) > 15 or int(declared) > self._limits.most_bytes:
            raise _too_large(self._limits)

    async def read_json(self) -> None:
        """Receives, checks and parses the body, if its headers say that it is JSON; what is no JSON is left to the
        framework to refuse. Raises Invalid."""
        body = await self.body()
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not media_type.startswith("application/") or not media_type.endswith(("/json", "+json")):
            return
        try:
            self._parsed = (await self._parse(body),)
        except (ValueError, RecursionError):
            return

    async def _parse(self, body: bytes) -> Any:
        most = self._limits.most_values
        return await asyncio.to_thread(_parse, body, most) if len(body) >= LARGE_BYTES else _parse(body, most)

    async def json(self) -> Any:
        return self._parsed[0] if self._parsed is not None else await super().json()


async def read_multipart(
    content_type: str, stream: AsyncGenerator[bytes, None], *, files: int, fields: int, part_bytes: int
) -> FormData:
    """The parts of a multipart form: at most so many files and so many fields, whose texts have a character for every
    byte. Close it after use. Raises ValueError for what is no such form."""
    kind, given = parse_options_header(content_type)
    boundary = given.get(b"boundary", b"")
    if kind != b"multipart/form-data" or BOUNDARY.fullmatch(boundary) is None:
        raise ValueError("no multipart form")
    clear = f'multipart/form-data; boundary="{boundary.decode("ascii")}"; charset={BYTEWISE}'
    parser = MultiPartParser(
        Headers({"content-type": clear}), stream, max_files=files, max_fields=fields, max_part_size=part_bytes
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise ValueError("no such multipart form") from error


def _parse(body: bytes, most_values: int) -> Any:
    """Raises ValueError for what is no JSON, and Invalid for what is nested too deep, has too many values or holds
    hidden characters."""
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    if _is_deep(text):
        detail = f"must not be nested deeper than {MOST_DEPTH} levels"
        raise Invalid(NOT_VALID, errors=[{"field": "body", "detail": detail}])
    if text.count(",") >= most_values and _without_texts(text).count(b",") >= most_values:
        detail = f"must not hold more than {most_values:,} values"
        raise Invalid(NOT_VALID, errors=[{"field": "body", "detail": detail}])
    value = json.loads(text)
    if SUSPECT.search(text) and (hidden := list(_hidden(value, ("body",)))):
        detail = "must not hold characters that nobody sees, such as those that turn the direction of a text"
        raise Invalid(NOT_VALID, errors=[{"field": field, "detail": detail} for field in hidden])
    return value


def _is_deep(text: str) -> bool:
    """Whether brackets are nested too deep. Each pass takes the innermost level away, at the speed of C."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return False
    brackets = _without_texts(text).translate(ALL_SQUARE, NO_BRACKET)
    for _ in range(MOST_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    # Brackets that do not pair up are no JSON, and yet a parser would follow them down.
    return len(brackets) > MOST_DEPTH or b"[]" in brackets


def _without_texts(text: str) -> bytes:
    return TEXTS.sub(b"", text.encode("utf-8", "surrogatepass"))


def _hidden(value: Any, place: tuple[str, ...]) -> Iterator[str]:
    """The places of texts that hold hidden characters. A name in an object is told by the object that it is in."""
    if isinstance(value, str):
        if has_invisible(value):
            yield ".".join(place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hidden(item, (*place, str(index)))
    elif isinstance(value, dict):
        for name, item in value.items():
            if has_invisible(name):
                yield ".".join(place)
            else:
                yield from _hidden(item, (*place, name))


def _bounded(receive: Receive, limits: BodyLimits) -> Receive:
    size, ended, deadline = 0, False, None

    async def receive_within_limits() -> Message:
        nonlocal size, ended, deadline
        if ended:  # what comes now is only that the client has gone, whenever that is
            return await receive()
        now = asyncio.get_running_loop().time()
        deadline = deadline or now + limits.seconds
        try:
            async with asyncio.timeout_at(min(deadline, now + limits.pause_seconds)):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow("The body of the request did not come in time; send it again.") from None
        size += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if size > limits.most_bytes:
            raise _too_large(limits)
        return message

    return receive_within_limits


def _too_large(limits: BodyLimits) -> BodyTooLarge:
    return BodyTooLarge(f"The body of this request may have {limits.most_bytes:,} bytes at most.")
