"""What one organization's endpoint sends too much decides about no other organization's deliveries."""

from collections.abc import Sequence
from uuid import uuid4

import pytest

from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.sender import Sender
from shared.contracts.endpoints import EndpointRef
from shared.database import Database
from tests.services.deliveries.stand import drain, make_endpoint, paused, row_of, states, tell
from tests.services.receivers import OK, receiver
from tests.webhook_receiver import Receiver

GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"


async def two_endpoints(db: Database, port: int) -> Sequence[EndpointRef]:
    """Endpoints of two organizations on one host."""
    return [await make_endpoint(db, uuid4(), Receiver(f"http://127.0.0.1:{port}/{path}")) for path in "ab"]


async def test_a_surplus_answer_delivers_nothing_of_another_organization(db: Database, sender: Sender) -> None:
    async with receiver(OK * 2, FAILED) as there:
        for endpoint in (ends := await two_endpoints(db, there.port)):
            await tell(db, endpoint.organization_id, paused(1))
            await drain(db, sender, endpoint)
        assert [(await states(db, end))[1] for end in ends] == [DeliveryState.DELIVERED, DeliveryState.WAITING]


@pytest.mark.parametrize("answer", [OK + GONE, b"HTTP/1.1 204 No Content\r\n\r\n" + GONE])
async def test_a_surplus_410_disables_nobody(answer: bytes, db: Database, sender: Sender) -> None:
    async with receiver(answer, OK) as there:
        for endpoint in (ends := await two_endpoints(db, there.port)):
            await tell(db, endpoint.organization_id, paused(1), paused(1))
            await drain(db, sender, endpoint)
        assert [set((await states(db, end)).values()) for end in ends] == [{DeliveryState.DELIVERED}] * 2
        assert [(await row_of(db, end)).disabled_at for end in ends] == [None, None]
