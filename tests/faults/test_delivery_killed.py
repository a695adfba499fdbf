"""A worker is killed while it sends, or while it prepares: another one goes on within 15 seconds, and nobody gets a
message twice.

`tests/unit/test_notifications_resuming.py` asserts in `make test` what this follows from.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.notifications import audience
from services.notifications.main import create_activities
from services.notifications.preparing import prepare_page
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.notifications import Announcement, PrepareMessages
from shared.database import Database
from shared.http.internal import Internal
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, connect, create_worker
from tests.clusters import copy_cluster
from tests.faults.stack_process import ROOT
from tests.patience import PATIENCE_SECONDS
from tests.services.notifications.world import Post, World
from tests.temporal_server import Server
from upward.embedded import EmbeddedPostgres
from workflows.announcement import AnnouncementWorkflow

pytestmark = pytest.mark.long
TOKEN = "a-service-token-of-the-tests-only-0123456789"
PEOPLE = 60
"""Several for each connection, so that some have arrived while others are asked for."""
PAGE = 5
PAGE_SECONDS = 1.5
"""So long the doomed worker takes at least for a page. After the first two pages it begins to tell by heartbeats, every
six seconds, how far it is."""


class Stand(NamedTuple):
    settings: Settings
    database: Database
    temporal: Server
    post: Post


@pytest.fixture(scope="module")
async def stand(faults_folder: Path) -> AsyncIterator[Stand]:
    folder = faults_folder / "killed"
    folder.mkdir()
    copy_cluster(folder / "postgres", migrated=True, durable=True)
    postgres, temporal, post = EmbeddedPostgres(folder / "postgres"), Server(folder), Post()
    url = await asyncio.to_thread(postgres.start)
    temporal.start()
    post.start()
    database = Database(url)
    settings = Settings(database_url=url, service_token=SecretStr(TOKEN), smtp_port=post.port)
    try:
        yield Stand(settings, database, temporal, post)
    finally:
        await database.close()
        post.stop()
        temporal.stop()
        await asyncio.to_thread(postgres.stop)


async def test_another_worker_goes_on_within_fifteen_seconds(stand: Stand) -> None:
    settings, database, temporal, post = stand
    post.received.clear()
    world = World(uuid4())
    world.ask(*(f"p{number}@people.example" for number in range(PEOPLE)))
    await world.open_round(database)
    internal = Internal(settings, world.application(settings))
    announcement = world.announcement()
    await prepare_page(database, internal, settings.mail_domain, PrepareMessages(announcement=announcement))
    asked, go_on = threading.Event(), threading.Event()

    def hold_up(address: str) -> None:
        if len(post.received) > PEOPLE // 4:
            asked.set()
            go_on.wait(PATIENCE_SECONDS)

    post.answers = hold_up
    client = await connect(temporal.address, lazy=False)
    activities = create_activities(database=database, internal=internal, settings=settings)
    async with create_worker(client, WORKFLOWS_QUEUE, workflows=[AnnouncementWorkflow]):
        doomed = _worker(settings, temporal.address, world)
        running = await client.start_workflow(
            AnnouncementWorkflow.run,
            announcement.model_copy(update={"again": True}),
            id=f"announcement-{announcement.id}",
            task_queue=WORKFLOWS_QUEUE,
        )
        try:
            assert await asyncio.to_thread(asked.wait, PATIENCE_SECONDS)
        finally:
            doomed.kill()
        killed_at = datetime.now(UTC)
        await asyncio.to_thread(doomed.wait)
        go_on.set()
        async with create_worker(client, Service.NOTIFICATIONS, activities=activity_methods(activities)):
            await asyncio.wait_for(running.result(), PATIENCE_SECONDS)
    await internal.close()
    sent = await _sent(database, announcement)
    assert len(sent) == PEOPLE
    later = [moment for moment in sent if moment > killed_at]
    assert later
    assert max(later) - killed_at <= timedelta(seconds=15)
    _check_copies(settings, post)


async def test_another_worker_goes_on_preparing_where_the_one_that_was_killed_had_come(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, database, temporal, post = stand
    monkeypatch.setattr(audience, "PAGE", PAGE)
    post.received.clear()
    post.answers = lambda address: None
    world = World(uuid4())
    world.ask(*(f"p{number}@people.example" for number in range(PEOPLE)))
    await world.open_round(database)
    internal = Internal(settings, world.application(settings))
    announcement = world.announcement()
    client = await connect(temporal.address, lazy=False)
    activities = create_activities(database=database, internal=internal, settings=settings)
    async with create_worker(client, WORKFLOWS_QUEUE, workflows=[AnnouncementWorkflow]):
        doomed = _worker(settings, temporal.address, world, page=PAGE, pause=PAGE_SECONDS)
        running = await client.start_workflow(
            AnnouncementWorkflow.run,
            announcement,
            id=f"announcement-{announcement.id}",
            task_queue=WORKFLOWS_QUEUE,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await _stored(database, announcement) < PEOPLE - 3 * PAGE:
                    await asyncio.sleep(0.05)
        finally:
            doomed.kill()
        await asyncio.to_thread(doomed.wait)
        stored = await _stored(database, announcement)
        assert stored < PEOPLE
        async with create_worker(client, Service.NOTIFICATIONS, activities=activity_methods(activities)):
            await asyncio.wait_for(running.result(), PATIENCE_SECONDS)
    await internal.close()
    people = sorted(world.pending)
    assert world.read_after[0] is not None
    assert people[2 * PAGE - 1] < world.read_after[0] <= people[stored - 1], "it did not begin anew"
    assert len(await _sent(database, announcement)) == PEOPLE
    _check_copies(settings, post)


async def _stored(database: Database, announcement: Announcement) -> int:
    async with database.engine.connect() as connection:
        query = text("select count(*) from notifications.message where announcement_id = :id")
        return int((await connection.execute(query, {"id": announcement.id})).scalar_one())


async def _sent(database: Database, announcement: Announcement) -> list[datetime]:
    """When each of its messages was sent. All of them were."""
    async with database.engine.connect() as connection:
        query = text("select state, sent_at from notifications.message where announcement_id = :id")
        rows = (await connection.execute(query, {"id": announcement.id})).all()
    assert {row.state for row in rows} == {"sent"}
    return [row.sent_at for row in rows]


def _check_copies(settings: Settings, post: Post) -> None:
    """Nobody got a message twice but those whose messages were being sent."""
    copies = Counter(email["Message-ID"] for email in post.received)
    assert len(copies) == PEOPLE
    assert max(copies.values()) <= 2
    assert len([times for times in copies.values() if times == 2]) <= settings.smtp_connections


def _worker(settings: Settings, temporal: str, world: World, **pace: float) -> "subprocess.Popen[str]":
    order: dict[str, Any] = {
        "settings": {"database_url": settings.database_url, "smtp_port": settings.smtp_port, "service_token": TOKEN},
        "temporal": temporal,
        "organization_id": str(world.organization_id),
        "cycle_id": str(world.cycle_id),
        "round_id": str(world.round_id),
        "contacts": [contact.model_dump(mode="json") for contact in world.contacts.values()],
        **pace,
    }
    command = [sys.executable, "-m", "tests.faults.delivery_worker"]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.close()
    return process
