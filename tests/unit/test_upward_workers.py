"""A worker waits for Temporal, and for nothing else: a bug ends the process, where somebody sees it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from shared.temporal import connect, is_away
from upward import process
from upward.composition import Resources


class NothingShared:
    temporal_address = None
    telemetry = None


async def refused() -> RuntimeError:
    """How the client says that nobody listens."""
    with pytest.raises(RuntimeError) as caught:
        await connect("127.0.0.1:1", lazy=False)
    return caught.value


def wrapped(error: BaseException) -> RuntimeError:
    """How a worker passes on why it failed."""
    try:
        raise RuntimeError("Workflow worker failed") from error
    except RuntimeError as failure:
        return failure


def bug() -> RuntimeError:
    try:
        raise RuntimeError("Failed validating workflow CycleWorkflow")
    except RuntimeError as failure:
        return failure


async def test_only_temporal_s_own_errors_say_that_temporal_is_away() -> None:
    by_temporal = [await refused(), RPCError("canary", RPCStatusCode.UNAVAILABLE, b"")]
    assert [is_away(error) for error in (*by_temporal, *map(wrapped, by_temporal))] == [True] * 4
    by_us = [bug(), RuntimeError(), wrapped(bug()), TimeoutError(), KeyError()]
    assert not [error for error in by_us if is_away(error)]


async def test_a_lazy_client_s_first_call_says_so_too() -> None:
    client = await connect("127.0.0.1:1")
    with pytest.raises(RuntimeError) as caught:
        await client.service_client.check_health()
    assert is_away(caught.value)


async def run(monkeypatch: pytest.MonkeyPatch, *failures: BaseException) -> int:
    """Runs a worker that fails in these ways, one after the other, and is told to stop after that. Returns how often it
    was started."""
    stop, left, started = asyncio.Event(), list(failures), 0

    @asynccontextmanager
    async def queue_worker(*_: Any) -> AsyncIterator[None]:
        nonlocal started
        started += 1
        if not left:
            stop.set()
        else:
            raise left.pop(0)
        yield

    async def connected(*_: Any, **options: Any) -> None:
        return None

    monkeypatch.setattr(process, "connect", connected)
    monkeypatch.setattr(process, "queue_worker", queue_worker)
    monkeypatch.setattr(process, "RETRY_SECONDS", 0.01)
    await process.run_worker("matching", cast(Resources, NothingShared()), stop)
    return started


async def test_a_worker_is_started_again_while_temporal_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    away = await refused()
    assert await run(monkeypatch, away, wrapped(away), RPCError("", RPCStatusCode.UNAVAILABLE, b"")) == 4


async def test_a_bug_in_a_worker_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="Failed validating workflow"):
        await run(monkeypatch, bug())
