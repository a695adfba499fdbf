"""A committed database, a cycle's people and a real SMTP server for the tests of notifications."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update
from temporalio.testing import ActivityEnvironment

from services.notifications.activities import Activities
from services.notifications.main import create_activities
from services.notifications.models import AnnouncementRow, MessageRow
from shared.config import Settings
from shared.contracts.notifications import (
    Announcement,
    DeliverMessages,
    Delivery,
    PrepareMessages,
)
from shared.database import Database
from shared.events import StagedEvent
from shared.http.internal import Internal
from shared.rounds.models import Round, RoundRecipient
from tests.services.notifications.world import Post, World


@pytest.fixture
def post() -> Iterator[Post]:
    post = Post()
    post.start()
    yield post
    post.stop()


@pytest.fixture
def smtp_connections() -> int:
    """One, so that messages are sent in order. A test about several gives a parameter of this name."""
    return 1


@pytest.fixture
def world(organization_id: UUID) -> World:
    return World(organization_id)


@pytest.fixture
async def activities(
    database: Database, settings: Settings, world: World, post: Post, smtp_connections: int
) -> AsyncIterator[Activities]:
    """The activities on a database whose transactions commit for real, as locks on rows matter here. It is cleaned up
    afterwards."""
    settings = settings.model_copy(
        update={
            "smtp_port": post.port,
            "smtp_timeout_seconds": 5.0,
            "smtp_connections": smtp_connections,
            "public_url": "https://up.example",
        }
    )
    internal = Internal(settings, world.application(settings))
    yield create_activities(database=database, internal=internal, settings=settings)
    await internal.close()
    async with database.transaction() as session:
        for table in (MessageRow, AnnouncementRow, StagedEvent, RoundRecipient, Round):
            await session.execute(delete(table).where(table.organization_id == world.organization_id))


async def prepare(activities: Activities, announcement: Announcement) -> int:
    after, prepared = None, 0
    while True:
        page = await activities.prepare_messages(PrepareMessages(announcement=announcement, after=after))
        prepared += page.prepared
        if (after := page.after) is None:
            return prepared


async def deliver(
    activities: Activities, announcement: Announcement, activity_id: str | None = None, attempt: int = 1
) -> Delivery:
    """A delivery of its own, or an attempt of the one with this id."""
    request = DeliverMessages(organization_id=announcement.organization_id, announcement_id=announcement.id)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, activity_id=activity_id or uuid4().hex, attempt=attempt)
    answer = await environment.run(activities.deliver_messages, request)
    assert isinstance(answer, Delivery)
    return answer


async def messages(database: Database, world: World) -> dict[UUID, MessageRow]:
    async with database.transaction() as session:
        rows = await session.scalars(select(MessageRow).where(MessageRow.organization_id == world.organization_id))
        return {row.person_id: row for row in rows}


async def make_due(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(MessageRow)
            .where(MessageRow.organization_id == world.organization_id)
            .values(due_at=datetime.now(UTC) - timedelta(seconds=1))
        )
