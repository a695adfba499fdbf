"""An upgrade under load, as production does it: migrations first, then processes one after another. No answer is 5xx.

The processes of the previous release go on beside the new schema, and then beside those of this release. Those of this
release wait for the new schema. They are the two processes of the small installation: the API asks itself, and workers
ask the APIs of both releases.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from shared.contracts.base import Service
from shared.database import Database
from tests.clusters import copy_cluster
from tests.e2e.company import Company as SmallCompany
from tests.e2e.company import at_company
from tests.e2e.processes import ROOT, Running, upward
from tests.faults.balancing import Balancer, addresses_without_ids
from tests.faults.driver import PatientAdmin, staffed
from tests.faults.five_cycles import PLACES, FiveCycles
from tests.faults.releases import previous_release, unpack
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Mailbox
from upward.embedded import EmbeddedPostgres, EmbeddedTemporal, MailCatcher, free_port
from upward.serving.command import WORKERS

pytestmark = pytest.mark.long
TOKEN = "a-service-token-of-the-tests-only-0123456789"
PREVIOUS, THIS = "previous", "this"
ORGANIZATION = "select id from programs.organization where name = :name"


class Release(NamedTuple):
    name: str
    sources: Path


class Pair(NamedTuple):
    """The two processes of the small installation."""

    api: Running
    worker: Running
    api_url: str
    worker_url: str


class Installation:
    """Postgres, Temporal, a mail server, and processes of two releases behind a proxy."""

    def __init__(self, folder: Path, balancer: Balancer, settings: dict[str, str], mail: MailCatcher) -> None:
        self.folder, self.balancer, self.settings, self.mail = folder, balancer, settings, mail
        self.started: list[Running] = []

    def run(self, release: Release, *arguments: str) -> str:
        ran = upward(*arguments, sources=str(release.sources), **self.settings)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def start(self, release: Release) -> Pair:
        """Starts its API, which the proxy asks once it is ready, and its worker."""
        api, worker = free_port(), free_port()
        urls = [f"http://127.0.0.1:{port}" for port in (api, worker)]
        ports = {"UPWARD_PORT": str(api), "UPWARD_WORKER_PORT": str(worker)}
        parts = {"serve": [service.value for service in Service], "worker": list(WORKERS)}
        started = []
        for part, names in parts.items():
            log = self.folder / f"{release.name}-{part}-{len(self.started)}.log"
            given = self.settings | ports | ({"UPWARD_SERVICE_URLS": "{}"} if part == "serve" else {})
            process = Running(log, part, *names, sources=str(release.sources), **given)
            self.started.append(process)
            started.append(process)
        self.balancer.add(urls[0], release.name)
        return Pair(started[0], started[1], *urls)

    async def end(self, pair: Pair) -> None:
        """Ends the worker first. The proxy sends the API nothing more, and what it has begun it finishes."""
        assert await asyncio.to_thread(pair.worker.terminate) == 0, pair.worker.output[-3000:]
        self.balancer.remove(pair.api_url)
        assert await asyncio.to_thread(pair.api.terminate) == 0, pair.api.output[-3000:]


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    async with AsyncExitStack() as cleanup:
        name = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="upward-up-", ignore_cleanup_errors=True))
        folder = Path(name).resolve()
        folder.chmod(0o755)
        copy_cluster(folder / "postgres", migrated=False)
        postgres, temporal = EmbeddedPostgres(folder / "postgres"), EmbeddedTemporal(folder / "temporal")
        mail = MailCatcher(folder / "mail")
        for server in (postgres, temporal, mail):
            cleanup.callback(server.stop)
        database_url = await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(temporal.start)
        mail.start()
        balancer = await cleanup.enter_async_context(Balancer().running())
        settings = {
            "UPWARD_DATABASE_URL": database_url,
            "UPWARD_SERVICE_TOKEN": TOKEN,
            "UPWARD_SERVICE_URLS": json.dumps({service.value: balancer.url for service in Service}),
            "UPWARD_PUBLIC_URL": balancer.url,
            "UPWARD_SMTP_PORT": str(mail.port),
            "TEMPORAL_ADDRESS": temporal.address,
        }
        found = Installation(folder, balancer, settings, mail)
        yield found
        for process in found.started:
            await asyncio.to_thread(process.terminate)


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, Release]:
    unpack(previous_release(), tmp_path / "previous")
    return Release(PREVIOUS, tmp_path / "previous"), Release(THIS, ROOT)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():
            await asyncio.sleep(0.2)


async def until_asked(balancer: Balancer, release: str) -> None:
    """Until the proxy has had an answer of this release."""
    since = len(balancer.answered)

    async def answered() -> bool:
        return release in balancer.releases(since)

    await until(answered)


async def until_missing(url: str, code: str) -> None:
    """Until the process says that this is what it misses."""

    async def says() -> bool:
        try:
            answer = await http.get(f"{url}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == 503 and answer.json()["missing"] == [code]

    async with httpx.AsyncClient(timeout=60) as http:
        await until(says)


@asynccontextmanager
async def load(company: SmallCompany, cycle_ids: list[str]) -> AsyncIterator[None]:
    """Somebody reads every page and every list, and imports people, all the time."""

    async def read() -> None:
        headers = {"authorization": f"Bearer {company.key}"}
        async with httpx.AsyncClient(base_url=company.url, headers=headers, timeout=120) as http:
            while True:
                for number, path in enumerate(addresses_without_ids()):
                    cycle_id = cycle_ids[number % len(cycle_ids)]
                    await http.get(path.format(cycle_id=cycle_id))
                await company.hire("junior")

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        (ended,) = await asyncio.gather(reading, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def play_one(company: SmallCompany) -> None:
    """A cycle from its beginning to its end."""
    cycle_id = await company.start_cycle()
    cycle = await company.play(cycle_id, lambda cycle: cycle["stage"] == "completed")
    assert cycle["outcome"] == "completed"


async def test_an_upgrade_under_load_is_answered_without_a_failure(
    installation: Installation, releases: tuple[Release, Release]
) -> None:
    previous, this = releases
    balancer = installation.balancer
    await asyncio.to_thread(installation.run, previous, "migrate")
    before = installation.start(previous)
    await before.api.until_ready(before.api_url)
    keys = [
        await asyncio.to_thread(installation.run, previous, "keys", "create", "--organization", name)
        for name in ("Small", "Five")
    ]
    async with AsyncExitStack() as cleanup:
        small = await cleanup.enter_async_context(
            at_company(balancer.url, keys[0], "small.example", installation.mail.folder)
        )
        five = await five_cycles(installation, keys[1])
        await five.begin()
        await cleanup.enter_async_context(load(small, [await small.start_cycle(enrolment={"length": "P9D"})]))

        # The other way round: this release on the schema of the previous one.
        early = installation.start(this)
        await until_missing(early.api_url, "database_schema")
        await until_missing(early.worker_url, "database_schema")
        await until_asked(balancer, PREVIOUS)
        assert balancer.releases() == {PREVIOUS}
        await installation.end(early)

        await asyncio.to_thread(installation.run, this, "migrate")
        await play_one(small)
        assert balancer.releases() == {PREVIOUS}

        after = installation.start(this)
        await until_asked(balancer, THIS)
        await play_one(small)
        await installation.end(before)
        since = len(balancer.answered)

        await five.control("paused", "resume")
        five.free = True
        await five.play(five.are_over)
        assert balancer.releases(since) == {THIS}
        assert [five.seen[place]["outcome"] for place in PLACES] == ["completed"] * len(PLACES)
        await five.company.admin.close()
    assert balancer.failures() == []
    assert set(five.letters_by_id().values()) == {1}, "nobody gets a message twice"
    for process in (before.api, after.api):
        assert not re.findall(r'"event": "request.failed".*', process.output)


async def five_cycles(installation: Installation, key: str) -> FiveCycles:
    database = Database(installation.settings["UPWARD_DATABASE_URL"])
    async with database.transaction() as session:
        organization_id: UUID = (await session.scalars(text(ORGANIZATION), {"name": "Five"})).one()
    await database.close()
    url = installation.balancer.url
    admin = PatientAdmin(url, key)
    company = await staffed(organization_id, admin, "five.example", url, installation.folder)
    return FiveCycles(company, Mailbox(installation.mail.folder, skip_old=False))
