"""Requests to the application of this same process.

A request is handed over as a server hands it over, and the answer is taken as a server takes it, so that nothing else
changes where services run apart. A client for TCP would spend more time on it than most requests take. What a route
answers is taken as the object that it is: to write it as JSON and to read that again took longer than all else.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

import httpx
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Scope

HOST = "in-process"
IDENTIFIED = "upward.identified"
"""Where the scope of a request keeps whom its page has identified before."""
TRUSTED_SECONDS = 1.0
"""How long a page's reads trust what one of them has found out about its visitor."""
TAKEN = "upward.taken"
"""Where the scope of a request inside this process keeps what takes its answer, and a response what was taken."""
Answer = TypeVar("Answer", bound=BaseModel)


class Taken:
    """What a route has answered, before it is written as JSON."""

    value: BaseModel | None = None


TAKES: ContextVar[Taken | None] = ContextVar("takes", default=None)
"""What takes the answer of the route that is asked now. None for a request from outside."""


def hand_over(field: Any) -> None:
    """Lets the answers of a route, which this field checks and writes, be taken as objects by requests inside this
    process."""
    write: Callable[..., bytes] = field.serialize_json

    def write_or_hand_over(value: Any, **options: Any) -> bytes:
        taken = TAKES.get()
        if taken is None or not isinstance(value, BaseModel):
            return write(value, **options)
        taken.value = value
        return b""

    field.serialize_json = write_or_hand_over


def answer_of(response: httpx.Response, answer: type[Answer]) -> Answer:
    """The answer as the contract of whoever asked: of its JSON, or of the object that was taken."""
    value: BaseModel | None = response.extensions.get(TAKEN)
    if value is None:
        return answer.model_validate_json(response.content)
    if type(value) is answer:
        return value
    try:
        return answer.model_validate(value, from_attributes=True)
    except ValidationError:  # such as a contract that takes a part of the answer as plain JSON
        return answer.model_validate_json(value.model_dump_json(by_alias=True))


class Inside:
    """The application of this process, as other parts of the process ask it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def exchange(self, request: Mapping[str, Any]) -> httpx.Response:
        """Sends a request and returns the whole answer. The arguments are those of httpx's `build_request`; what is
        in `extensions` is put into the scope of the request, where nobody outside this process can put anything.

        Raises httpx.RemoteProtocolError if the application fails before the answer is complete."""
        content = request["content"] or b""
        exchange = _Exchange(content.encode() if isinstance(content, str) else content)
        scope, taken = _scope(request, len(exchange.content)), Taken()
        scope[TAKEN] = taken
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if not exchange.complete.is_set():
                raise httpx.RemoteProtocolError(f"The answer broke off: {type(error).__name__}.") from error
        finally:
            exchange.complete.set()
        response = httpx.Response(exchange.status, headers=exchange.headers, content=b"".join(exchange.parts))
        if taken.value is not None:
            response.extensions[TAKEN] = taken.value
        if not response.is_success:  # whoever raises it says what was asked
            response.request = httpx.Request(request["method"], f"http://{HOST}{scope['path']}")
        return response


class Identified:
    """Whom one page has identified, so that its reads inside this process need not all read the same key or session
    again. What changes something identifies its caller anew, and so does a page that takes longer than a moment: a key
    that is revoked is of no use from then on."""

    def __init__(self) -> None:
        self._found: tuple[str, Any, float] | None = None

    def keep(self, credential: str, caller: Any) -> None:
        self._found = (credential, caller, time.monotonic() + TRUSTED_SECONDS)

    def caller_of(self, credential: str) -> Any:
        """Who has this credential. None if that must be read."""
        if self._found is None:
            return None
        kept, caller, until = self._found
        return caller if kept == credential and time.monotonic() < until else None


class _Exchange:
    """What the application receives and sends (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.complete = asyncio.Event()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self._received = False

    async def receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": self.content, "more_body": False}
        await self.complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
            return
        self.parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self.complete.set()


def _scope(request: Mapping[str, Any], length: int) -> Scope:
    path, _, query = request["url"].partition("?")
    if params := request["params"]:
        query = urlencode([(name, _plain(one)) for name, value in params.items() for one in _each(value)])
    headers = {"host": HOST} | request["headers"] | ({"content-length": str(length)} if length else {})
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request["method"],
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": (HOST, None),
        **request.get("extensions", {}),
    }


def _each(value: Any) -> Iterator[Any]:
    """The values of a parameter that may be repeated."""
    if isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _plain(value: Any) -> str:
    """A value as httpx writes it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
