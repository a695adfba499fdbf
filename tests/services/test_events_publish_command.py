"""`upward events publish` as its users type it, and the consumer in its document as they copy it."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from services.events.log.store import reading
from shared.config import Settings
from shared.database import Database
from tests.e2e.processes import ROOT, Running, environment
from tests.nats_server import NatsServer
from tests.patience import PATIENCE_SECONDS
from tests.services import nats_stand
from tests.services.nats_stand import publishing, record, until_held
from upward.cli import app
from upward.embedded import free_port

__all__ = ["server"]
server = nats_stand.server
CONSUMER = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENT = ROOT / "docs/events-nats.md"


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    yield
    await nats_stand.empty_log(database)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--nats", "http://canary:canary@localhost"), "NATS URL"),
        (("--nats", "canary"), "NATS URL"),
        (("--nats", "nats://canary:canary@:4222"), "NATS URL"),
        (("--nats", "nats://canary:canary@localhost:port"), "NATS URL"),
        (("--nats", "nats://canary:canary@localhost:4222, "), "NATS URL"),
        (("--nats", "nats://localhost,tls://canary@localhost"), "URLs differ"),
        (("--nats", "nats://localhost", "--stream", "a.canary"), "stream's name"),
        (("--nats", "nats://localhost", "--nats-credentials", str(DOCUMENT)), "credentials file"),
    ],
)
def test_wrong_options_get_one_clear_line_without_what_was_given(options: tuple[str, ...], word: str) -> None:
    answer = CliRunner().invoke(app, ["events", "publish", *options])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert len(answer.stderr.splitlines()) == 1
    assert word in answer.stderr
    assert "canary" not in answer.stderr


def test_credentials_without_the_package_that_signs_with_them_are_answered_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user.creds").write_text(
        "-----BEGIN NATS USER JWT-----\ncanary\n-----BEGIN USER NKEY SEED-----\ncanary\n"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    options = ["--nats", "nats://localhost", "--nats-credentials", str(tmp_path / "user.creds")]
    answer = CliRunner().invoke(app, ["events", "publish", *options])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "pip install nkeys" in answer.stderr
    assert "canary" not in answer.stderr


@pytest.mark.parametrize("end", ["terminate", "interrupt"])
async def test_it_ends_cleanly_while_it_waits_for_the_broker_and_never_tells_the_address(
    settings: Settings, tmp_path: Path, end: str
) -> None:
    url = f"nats://canary-user:canary-password@localhost:{free_port()}"
    publisher = Running(
        tmp_path / "log", "events", "publish", UPWARD_NATS_URL=url, UPWARD_DATABASE_URL=settings.database_url
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while publisher.output.count("broker_away") < 2:
            assert publisher.is_running(), publisher.output
            await asyncio.sleep(0.05)
    assert getattr(publisher, end)() == 0
    for secret in ("canary", "localhost", "Traceback"):
        assert secret not in publisher.output


async def test_the_documents_consumer_gets_everything_notices_gaps_and_proves_it(
    database: Database, server: NatsServer, organization_id: UUID, tmp_path: Path
) -> None:
    [program] = CONSUMER.findall(DOCUMENT.read_text())
    (tmp_path / "consume.py").write_text(program)

    def consume(events: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "consume.py", server.url, str(organization_id), str(events)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env=environment(),
        )

    await record(database, organization_id, 12)
    async with publishing(database, server):
        await until_held(server, 12)
        first = await asyncio.to_thread(consume, 7)
        second = await asyncio.to_thread(consume, 5)
        async with database.transaction() as session:
            head = await reading.read_head(session, organization_id)
    assert head is not None
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert [line.split()[0] for line in (first.stdout + second.stdout).splitlines()] == [
        str(number) for number in range(1, 13)
    ]
    assert second.stdout.splitlines()[-1].split()[-1] == head.digest.hex()
