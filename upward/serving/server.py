"""The HTTP server of a process: it listens at an address, and serves an application there until it is told to stop."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from starlette.types import ASGIApp

from upward.failures import CannotRun
from upward.serving.connections import Connection, Dated

Network = IPv4Network | IPv6Network
FINISHING_SECONDS = 10
"""How long requests that have begun are waited for at the end."""
SWITCH_SECONDS = 0.0002
"""How soon a thread that computes, such as that of an import, gives way to a request. Python's 5 ms are waited for at
each of the dozen steps of a request."""


class CannotListen(CannotRun):
    pass


class Server(uvicorn.Server):
    """A uvicorn server without signal handlers, because this module handles the signals of the process. It is told when
    it should end, by `stop`, where uvicorn looks ten times a second. Until then it sleeps unless somebody comes."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event | None = None) -> None:
        super().__init__(config)
        self.server_state = Dated()
        self._stop = stop

    async def main_loop(self) -> None:
        if self._stop is None:
            await super().main_loop()
            return
        await self.on_tick(0)  # which sets the headers of all answers
        await self._stop.wait()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to this address. Port 0 means any free port. Raises CannotListen."""
    address = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        address.bind((host, port))
    except OSError as error:
        address.close()
        raise CannotListen(
            f"Port {port} on {host} cannot be used ({error.strerror}): stop what uses it, or choose another port."
        ) from None
    return address


async def serve_http(
    app: ASGIApp, address: socket.socket, stop: asyncio.Event, proxies: Sequence[Network] = ()
) -> None:
    """Serves HTTP until `stop` is set, and then finishes the requests that have begun. `proxies` are the networks whose
    `X-Forwarded-For` is believed."""
    sys.setswitchinterval(SWITCH_SECONDS)
    trusted = [str(form) for network in proxies for form in _forms(network)]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=Connection,
        ws="none",
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,  # uvicorn would trust every process of this machine, or what a variable says
        timeout_graceful_shutdown=FINISHING_SECONDS,
    )
    server = Server(config, stop)
    serving = asyncio.create_task(server.serve(sockets=[address]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
    if not stop.is_set():
        raise RuntimeError("The HTTP server ended by itself")


def _forms(network: Network) -> Iterator[Network]:
    """The network, and as a server is told its addresses that listens to IPv6 and IPv4."""
    yield network
    if isinstance(network, IPv4Network):
        yield IPv6Network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
