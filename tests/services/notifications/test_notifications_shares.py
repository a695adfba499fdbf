"""An organization with few messages has its share of the connections, however many messages another one has."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import delete

from services.notifications.activities import Activities
from services.notifications.channels.connections import Connections
from services.notifications.delivery import DeliveryRun
from services.notifications.main import create_activities
from services.notifications.models import AnnouncementRow, MessageRow
from shared.config import Settings
from shared.contracts.notifications import Announcement, DeliverMessages
from shared.database import Database
from shared.events import StagedEvent
from shared.http.internal import Internal
from shared.rounds.models import Round, RoundRecipient
from tests.services.notifications.conftest import prepare
from tests.services.notifications.world import Post, World

CONNECTIONS, LARGE, SMALL = 3, 150, 4


class Sender:
    """What one process sends of one organization."""

    def __init__(self, database: Database, settings: Settings, connections: Connections) -> None:
        self.world = World(uuid4())
        self._database, self._settings, self._connections = database, settings, connections
        self.internal = Internal(settings, self.world.application(settings))

    async def announce(self, domain: str, people: int) -> Announcement:
        self.world.ask(*(f"p{number}@{domain}" for number in range(people)))
        await self.world.open_round(self._database)
        announcement = self.world.announcement()
        activities: Activities = create_activities(
            database=self._database, internal=self.internal, settings=self._settings
        )
        await prepare(activities, announcement)
        return announcement

    async def deliver(self, announcement: Announcement) -> int:
        request = DeliverMessages(organization_id=announcement.organization_id, announcement_id=announcement.id)
        run = DeliveryRun(self._database, self.internal, self._settings, self._connections, request)
        return (await run.deliver()).sent


@pytest.fixture
async def senders(database: Database, settings: Settings, post: Post) -> AsyncIterator[tuple[Sender, Sender]]:
    """Those of two organizations in one process. They share its connections."""
    settings = settings.model_copy(update={"smtp_port": post.port, "smtp_connections": CONNECTIONS})
    connections = Connections(settings)
    both = Sender(database, settings, connections), Sender(database, settings, connections)
    yield both
    for one in both:
        await one.internal.close()
        async with database.transaction() as session:
            for table in (MessageRow, AnnouncementRow, StagedEvent, RoundRecipient, Round):
                await session.execute(delete(table).where(table.organization_id == one.world.organization_id))


async def test_few_messages_are_among_the_first_though_another_organization_began_with_many(
    senders: tuple[Sender, Sender], post: Post
) -> None:
    large, small = senders
    many, few = await large.announce("large.example", LARGE), await small.announce("small.example", SMALL)
    delivering = asyncio.create_task(large.deliver(many))
    while len(post.received) < 2 * CONNECTIONS:
        await asyncio.sleep(0)
    begun = len(post.received)
    assert await small.deliver(few) == SMALL
    assert len(post.received) < LARGE, "the large organization was not done before"
    assert await delivering == LARGE
    order = [email["To"].addresses[0].domain for email in post.received]
    places = [place for place, domain in enumerate(order) if domain == "small.example"]
    assert len(places) == SMALL
    # From its first message on it is served in turn. Before that, its delivery leases and reads what it sends.
    assert places[-1] - places[0] <= 2 * SMALL + CONNECTIONS
    assert begun <= places[0]
