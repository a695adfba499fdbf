"""A name server that hangs costs one thread, and does not delay other names."""

import asyncio
import socket
import threading

import pytest

from services.events.webhooks import connection
from services.events.webhooks.connection import AttemptCode, AttemptFailed
from services.events.webhooks.sender import Sender


async def failure(sender: Sender, url: str) -> AttemptCode:
    with pytest.raises(AttemptFailed) as failed:
        await sender.post(url, {}, b"{}")
    return failed.value.code


class System:
    """It replaces the system's resolver. Names that hang do so until they are released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()

    def getaddrinfo(self, name: bytes, port: None, **kind: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        self.asked.append(name.decode())
        if name.startswith(b"slow"):
            self.release.wait(30)
        if name.startswith((b"slow", b"gone")):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    monkeypatch.setattr(socket, "getaddrinfo", system.getaddrinfo)
    return system


async def test_a_name_without_addresses_is_not_resolved(system: System) -> None:
    sender = Sender()
    assert await failure(sender, "https://gone.example.com/") is AttemptCode.NAME_NOT_RESOLVED
    assert system.asked == ["gone.example.com."], "a whole name, to which no search domain is added"
    await sender.close()


async def test_a_name_that_hangs_takes_one_thread_however_often_it_is_tried(system: System) -> None:
    sender = Sender(seconds=1)
    attempts = [failure(sender, "https://slow.example.com/") for _ in range(connection.LOOKUPS_AT_ONCE * 2)]
    assert set(await asyncio.gather(*attempts)) == {AttemptCode.TIMED_OUT}
    assert system.asked == ["slow.example.com."]
    assert await failure(sender, "https://quick.example.com/") is AttemptCode.ADDRESS_REFUSED
    system.release.set()
    await sender.close()


async def test_lookups_that_hang_never_take_more_threads_than_there_may_be(system: System) -> None:
    sender = Sender(seconds=0.3)
    before = threading.active_count()
    names = range(connection.LOOKUPS_AT_ONCE + 20)
    codes = await asyncio.gather(*(failure(sender, f"https://slow{name}.example.com/") for name in names))
    assert set(codes) == {AttemptCode.TIMED_OUT}
    assert threading.active_count() - before <= connection.LOOKUPS_AT_ONCE
    system.release.set()
    await sender.close()
