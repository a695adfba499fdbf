"""A reverse proxy between the processes of two releases, which writes down what was answered.

As Kubernetes does, it sends requests to all processes that say that they are ready, in turns. As the proxy of the
compose file does, it holds a request that no process takes until one does.
"""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upward.composition import ROUTERS
from upward.serving.server import listen, serve_http

LOOK_SECONDS = 0.5
TRY_SECONDS = 60.0
"""Longer than the proxy of the compose file tries, as the machine of a test may be busy with other things."""
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
LEFT_OUT = ("content-length", "connection", "content-encoding", "transfer-encoding")


class Answered(NamedTuple):
    release: str
    method: str
    path: str
    status: int


class Balancer:
    """`answered` is every answer in its order."""

    def __init__(self) -> None:
        self.url = ""
        self.answered: list[Answered] = []
        self._targets: dict[str, str] = {}
        """The release of each process that may be asked, by its URL."""
        self._ready: list[str] = []
        self._turns = itertools.count()

    def add(self, url: str, release: str) -> None:
        self._targets[url] = release

    def remove(self, url: str) -> None:
        """Nothing is sent there any more."""
        del self._targets[url]
        self._ready = [one for one in self._ready if one != url]

    def failures(self) -> list[Answered]:
        return [one for one in self.answered if one.status >= 500]

    def releases(self, since: int = 0) -> set[str]:
        """Those that have answered since so many answers."""
        return {one.release for one in self.answered[since:]}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Balancer"]:
        # No connection is used twice: none can be one that its server has just closed.
        limits = httpx.Limits(max_keepalive_connections=0)
        with listen("127.0.0.1", 0) as address:
            self.url = f"http://127.0.0.1:{address.getsockname()[1]}"
            async with httpx.AsyncClient(timeout=120, limits=limits) as client, asyncio.TaskGroup() as tasks:
                self._client, stop = client, asyncio.Event()
                app = Starlette(routes=[Route("/{path:path}", self._forward, methods=METHODS)])
                serving = tasks.create_task(serve_http(app, address, stop))
                looking = tasks.create_task(self._keep_looking())
                yield self
                stop.set()
                await serving
                looking.cancel()

    async def _keep_looking(self) -> None:
        while True:
            ready = []
            for url in list(self._targets):
                try:
                    if (await self._client.get(f"{url}/readyz")).status_code == 200:
                        ready.append(url)
                except httpx.TransportError:
                    pass
            self._ready = [url for url in ready if url in self._targets]
            await asyncio.sleep(LOOK_SECONDS)

    async def _forward(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name not in (b"host", b"content-length")]
        path, body, given_up = request.url.path, await request.body(), time.monotonic() + TRY_SECONDS
        while time.monotonic() < given_up:
            if ready := self._ready:
                target = ready[next(self._turns) % len(ready)]
                release = self._targets[target]
                try:
                    url = f"{target}{path}?{request.url.query}"
                    answer = await self._client.request(request.method, url, headers=headers, content=body)
                except httpx.ConnectError:
                    pass  # nobody has taken it
                except httpx.TransportError as error:
                    return self._note(release, request, Response(type(error).__name__, 502))
                else:
                    kept = {name: value for name, value in answer.headers.items() if name not in LEFT_OUT}
                    return self._note(release, request, Response(answer.content, answer.status_code, kept))
            await asyncio.sleep(0.1)
        return self._note("none", request, Response("nobody is ready", 502))

    def _note(self, release: str, request: Request, response: Response) -> Response:
        """The last part of a path can be the secret of a link."""
        path = request.url.path if not request.url.path.startswith("/p/") else "/p/…"
        self.answered.append(Answered(release, request.method, path, response.status_code))
        return response


def addresses_without_ids() -> list[str]:
    """Every public address that can be read and names nothing but a cycle."""
    found = {
        str(context.path)
        for router in ROUTERS.values()
        for context in iter_route_contexts(router.routes)
        if "GET" in (context.methods or ()) and not str(context.path).startswith(("/internal/", "/p/"))
    }
    return sorted(path for path in found if set(re.findall(r"\{([^}]+)\}", path)) <= {"cycle_id"})
