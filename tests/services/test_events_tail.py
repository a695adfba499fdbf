"""`upward events tail` as its users type it, with the API on a port."""

import asyncio
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from typer.testing import CliRunner

from services.events import main
from services.events.log.models import OrganizationDay
from services.events.log.store.epoch import change_epoch
from shared.config import Settings
from shared.contracts.events import CycleCancelled, CyclePaused
from shared.database import Database
from shared.http.application import create_application
from shared.keys import new_key
from tests.e2e.processes import Running, upward
from tests.patience import PATIENCE_SECONDS
from tests.services.test_events_wait import headers, record, served
from upward.cli import app as command_line
from upward.embedded import free_port
from upward.failures import CannotRun
from upward.serving.server import listen, serve_http
from upward.tail import Tail, read_events

__all__ = ["headers"]


@pytest.fixture
def key(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


@pytest.fixture
def app(database: Database, settings: Settings) -> FastAPI:
    return create_application([main.router], database, settings)


def sequences(text: str) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in text.splitlines() if line.startswith("{")]


async def tailed(request: Tail) -> list[str]:
    """All lines that the command prints, or what it says is wrong (CannotRun)."""
    return await asyncio.to_thread(lambda: list(read_events(request, print)))


async def test_it_prints_the_events_asked_for_as_lines_of_json_and_ends(
    app: FastAPI, database: Database, organization_id: UUID, key: str
) -> None:
    kinds = (CyclePaused, CycleCancelled, CyclePaused)
    await record(database, organization_id, *(kind(cycle_id=uuid4()) for kind in kinds))
    async with served(app) as (url, _, _):
        options = ("events", "tail", "--no-follow", "--url", url)
        every = await asyncio.to_thread(upward, *options, UPWARD_KEY=key)
        some = await tailed(Tail(url, key, after=1, types="cycle.paused", follow=False))
        with pytest.raises(CannotRun, match=r"cycle\.requested"):
            await tailed(Tail(url, key, types="nonsense", follow=False))
        with pytest.raises(CannotRun, match="access key"):
            await tailed(Tail(url, new_key().key, follow=False))
    assert (every.returncode, sequences(every.stdout), every.stderr) == (0, [1, 2, 3], "")
    assert sequences("\n".join(some)) == [3]


async def test_where_the_log_does_not_go_on_it_says_what_to_do(
    app: FastAPI, database: Database, organization_id: UUID, key: str
) -> None:
    await record(database, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(3)))
    async with database.transaction() as session:  # as when the events before the third are dropped
        own = OrganizationDay.organization_id == organization_id
        await session.execute(update(OrganizationDay).where(own).values(first_sequence=3))
    async with served(app) as (url, _, _):
        with pytest.raises(CannotRun, match="--after 2"):
            await tailed(Tail(url, key))
        with pytest.raises(CannotRun, match="restored"):
            await tailed(Tail(url, key, after=4))


async def test_it_ends_when_the_log_was_restored_and_says_what_to_do(
    app: FastAPI, database: Database, organization_id: UUID, key: str
) -> None:
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    async with served(app) as (url, _, _), asyncio.timeout(PATIENCE_SECONDS):
        tail = read_events(Tail(url, key), print)
        assert sequences(await asyncio.to_thread(next, tail)) == [1]
        async with database.transaction() as session:
            await change_epoch(session)
        with pytest.raises(CannotRun, match="restored after 1"):
            await asyncio.to_thread(next, tail)


async def test_it_waits_for_a_server_that_is_away_follows_it_and_ends_with_ctrl_c(
    app: FastAPI, database: Database, organization_id: UUID, key: str, tmp_path: Path
) -> None:
    port = free_port()
    tail = Running(tmp_path / "log", "events", "tail", UPWARD_URL=f"http://127.0.0.1:{port}", UPWARD_KEY=key)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "does not answer" not in tail.output:
                assert tail.is_running(), tail.output
                await asyncio.sleep(0.1)
            for number in (1, 2):  # the second time the server has been away in between
                app.state.stopping = stop = asyncio.Event()
                with listen("127.0.0.1", port) as address:
                    serving = asyncio.create_task(serve_http(app, address, stop))
                    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
                    while len(sequences(tail.output)) < number:
                        assert tail.is_running(), tail.output
                        await asyncio.sleep(0.1)
                    stop.set()
                    await serving
        assert await asyncio.to_thread(tail.interrupt) == 0
    finally:
        tail.terminate()
    assert sequences(tail.output) == [1, 2]
    assert "Traceback" not in tail.output


@pytest.mark.parametrize(
    ("url", "words"),
    [("ftp://upward.example", "URL"), ("nonsense", "URL"), ("http://", "URL"), ("http://127.0.0.1:1", "again later")],
)
def test_what_cannot_work_is_said_at_once(url: str, words: str) -> None:
    result = CliRunner().invoke(
        command_line, ["events", "tail", "--no-follow", "--url", url], env={"UPWARD_KEY": new_key().key}
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_a_key_that_is_cut_off_is_said_at_once() -> None:
    result = CliRunner().invoke(command_line, ["events", "tail", "--url", "http://127.0.0.1:1", "--key", "upw_abc"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "key" in result.stderr
