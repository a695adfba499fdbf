"""An endpoint on real Postgres, and a real receiver behind it."""

from collections.abc import AsyncIterator
from ipaddress import ip_network
from uuid import UUID

import pytest

from services.events.webhooks.sender import Sender
from shared.contracts.endpoints import EndpointRef
from shared.database import Database
from tests.services.deliveries.stand import make_endpoint
from tests.webhook_receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender([ip_network("127.0.0.0/8")], seconds=2)
    yield sender
    await sender.close()


@pytest.fixture
async def endpoint(db: Database, organization_id: UUID, receiver: Receiver) -> EndpointRef:
    return await make_endpoint(db, organization_id, receiver)
