"""Deliveries reach no internal address by any spelling, name, change of DNS or redirect. Connections are counted at the
socket.

Listeners on this machine would accept the connections. `127.0.0.1/32` is allowed where a test needs an allowed address;
every other address of this machine is as internal as those of any network."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from services.events.webhooks.connection import AttemptCode, AttemptFailed
from services.events.webhooks.sender import Sender
from tests.services.certificates import Authority, new_authority
from tests.services.receivers import OK, Receiver, receiver, watched_sockets
from tests.unsafe_urls import SPECIAL_ADDRESSES, UNSAFE_URLS

ALLOWED = [IPv4Network("127.0.0.1/32")]
PUBLIC = "93.184.216.34"
NAME = "hooks.example.com"


class Names:
    """A resolver that gives another answer each time. The last answer is repeated."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return authority.server(NAME, tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def listener(tls: ssl.SSLContext) -> AsyncIterator[Receiver]:
    """Listens with TLS on all addresses of this machine."""
    async with receiver(host="0.0.0.0", tls=tls) as there:
        yield there


async def failure(sender: Sender, url: str) -> AttemptCode:
    with pytest.raises(AttemptFailed) as failed:
        await sender.post(url, {}, b"{}")
    await sender.close()
    return failed.value.code


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    return authority.trust()


async def test_the_watch_counts_a_connection_that_is_allowed(listener: Receiver, trust: ssl.SSLContext) -> None:
    """The control of all tests here: the same request, to the same listener, arrives and is counted."""
    with watched_sockets() as connected:
        sender = Sender(ALLOWED, resolve=Names(["127.0.0.1"]), trust=trust)
        answer = await sender.post(f"https://{NAME}:{listener.port}/", {}, b"{}")
        await sender.close()
    assert answer.status == 200
    assert connected == ["127.0.0.1"]
    assert listener.connections == 1


@pytest.mark.parametrize("url", UNSAFE_URLS)
async def test_no_socket_is_opened_for_an_unsafe_url(url: str, listener: Receiver, trust: ssl.SSLContext) -> None:
    names = Names(["127.0.0.1"])
    with watched_sockets() as connected:
        code = await failure(Sender(resolve=names, trust=trust), url.format(port=listener.port))
    assert code is AttemptCode.ADDRESS_REFUSED
    assert connected == []
    assert names.asked == []
    assert listener.connections == 0


@pytest.mark.parametrize("development", [[], ALLOWED])
@pytest.mark.parametrize("address", [one for one in SPECIAL_ADDRESSES if one != "127.0.0.1"])
async def test_no_socket_is_opened_to_an_internal_address_of_a_name(
    address: str, development: list[IPv4Network], listener: Receiver, trust: ssl.SSLContext
) -> None:
    with watched_sockets() as connected:
        sender = Sender(development, resolve=Names([address]), trust=trust)
        code = await failure(sender, f"https://{NAME}:{listener.port}/")
    assert code is AttemptCode.ADDRESS_REFUSED
    assert connected == []


@pytest.mark.parametrize(
    "addresses",
    [
        *([PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"], ["::1", PUBLIC]),
        *([PUBLIC, "::ffff:127.0.0.1"], [PUBLIC, "1.1.1.1", "10.0.0.1"], ["2606:4700:4700::1111", "127.0.0.1"]),
        *([PUBLIC] * 9 + ["127.0.0.1"], [PUBLIC, "not an address"]),
    ],
)
async def test_one_internal_address_among_others_refuses_them_all(addresses: list[str], listener: Receiver) -> None:
    with watched_sockets() as connected:
        code = await failure(Sender(resolve=Names(addresses)), f"https://{NAME}:{listener.port}/")
    assert code is AttemptCode.ADDRESS_REFUSED
    assert connected == []
    assert listener.connections == 0


async def test_a_name_that_changes_to_an_internal_address_is_refused_then(listener: Receiver) -> None:
    """DNS rebinding between two attempts."""
    url = f"https://{NAME}:{listener.port}/"
    sender = Sender(resolve=Names([PUBLIC], ["127.0.0.1"]))
    with watched_sockets() as connected:
        first = await failure(sender, url)
        second = await failure(sender, url)
    assert (first, second) == (AttemptCode.CONNECTION_FAILED, AttemptCode.ADDRESS_REFUSED)
    assert connected == [PUBLIC]
    assert listener.connections == 0


async def test_the_address_that_was_checked_is_the_one_connected_to(listener: Receiver, trust: ssl.SSLContext) -> None:
    """DNS rebinding between check and use: we resolve the name once for each connection, and nobody resolves it
    later."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    sender = Sender(ALLOWED, resolve=names, trust=trust)
    with watched_sockets() as connected:
        for _ in range(3):
            await sender.post(f"https://{NAME}:{listener.port}/", {}, b"{}")
        await sender.close()
    assert names.asked == [NAME]
    assert connected == ["127.0.0.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://127.0.0.2:{port}/", "https://localhost:{port}/", "//[::1]:{port}/", "/a"])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int, target: str, listener: Receiver) -> None:
    location = target.format(port=listener.port)
    answer = f"HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    async with receiver(answer.encode()) as there:
        sender = Sender(ALLOWED)
        with watched_sockets() as connected:
            given = await sender.post(f"http://127.0.0.1:{there.port}/", {}, b"{}")
            await sender.close()
        assert given.status == status
        assert len(there.requests) == 1
    assert connected == ["127.0.0.1"]
    assert listener.connections == 0


@pytest.mark.parametrize("development", [[], ALLOWED])
async def test_plain_http_goes_to_development_networks_only(development: list[IPv4Network]) -> None:
    with watched_sockets() as connected:
        for host in (NAME, PUBLIC):
            code = await failure(Sender(development, resolve=Names([PUBLIC])), f"http://{host}/")
            assert code is AttemptCode.ADDRESS_REFUSED
    assert connected == []


async def test_proxies_of_the_environment_are_not_used(
    listener: Receiver, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver(OK) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        sender = Sender(ALLOWED, resolve=Names(["127.0.0.1"]), trust=trust)
        await sender.post(f"https://{NAME}:{listener.port}/", {}, b"{}")
        await sender.close()
        assert proxy.connections == 0
    assert listener.connections == 1


async def test_the_next_of_the_checked_addresses_is_tried_and_no_more_than_four() -> None:
    async with receiver() as there:
        url = f"http://{NAME}:{there.port}/"
        with watched_sockets() as connected:
            sender = Sender([IPv4Network("127.0.0.0/8")], resolve=Names(["127.0.0.3", "127.0.0.2", "127.0.0.1"]))
            assert (await sender.post(url, {}, b"{}")).status == 200
            await sender.close()
        assert connected == ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
        with watched_sockets() as connected:
            many = Names([f"127.0.0.{number}" for number in range(2, 12)])
            code = await failure(Sender([IPv4Network("127.0.0.0/8")], resolve=many), url)
        assert code is AttemptCode.CONNECTION_FAILED
        assert connected == ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]


async def test_tls_proves_the_name_of_the_url_and_not_the_address(authority: Authority, tmp_path: Path) -> None:
    asked: list[str | None] = []
    tls = authority.server(NAME, tmp_path)
    tls.sni_callback = lambda _connection, name, _context: asked.append(name)
    async with receiver(tls=tls) as there:
        sender = Sender(ALLOWED, resolve=Names(["127.0.0.1"]), trust=authority.trust())
        answer = await sender.post(f"https://Hooks.Example.COM.:{there.port}/", {}, b"{}")
        await sender.close()
        assert answer.status == 200
        assert f"host: {NAME}:{there.port}".encode() in there.requests[0].lower()
    assert asked == [NAME]


@pytest.mark.parametrize("host", ["other.example.com", "example.com", "127.0.0.1"])
async def test_a_certificate_of_another_name_is_refused(host: str, listener: Receiver, trust: ssl.SSLContext) -> None:
    sender = Sender(ALLOWED, resolve=Names(["127.0.0.1"]), trust=trust)
    assert await failure(sender, f"https://{host}:{listener.port}/") is AttemptCode.TLS_FAILED
    assert listener.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(listener: Receiver) -> None:
    for trust in (None, new_authority().trust()):
        sender = Sender(ALLOWED, resolve=Names(["127.0.0.1"]), trust=trust)
        assert await failure(sender, f"https://{NAME}:{listener.port}/") is AttemptCode.TLS_FAILED
    assert listener.requests == []


async def test_a_server_without_tls_gets_nothing_of_the_event() -> None:
    seen: list[bytes] = []

    async def answer_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1000))
        writer.write(OK)
        seen.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(answer_anything, "127.0.0.1")
    url = f"https://{NAME}:{server.sockets[0].getsockname()[1]}/secret-path"
    assert await failure(Sender(ALLOWED, resolve=Names(["127.0.0.1"])), url) is AttemptCode.TLS_FAILED
    server.close()
    await server.wait_closed()
    assert seen[0].startswith(b"\x16\x03"), "a TLS handshake"
    assert b"secret-path" not in b"".join(seen)
