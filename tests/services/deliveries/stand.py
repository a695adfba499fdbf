"""An endpoint whose deliveries are tested: events are emitted, sequenced, fanned out and drained, and time passes."""

from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from services.events.log.positions import sequence_batch
from services.events.webhooks.drain import Drain, Limits
from services.events.webhooks.models import DeliveryRow, EndpointRow, SubjectQueue
from services.events.webhooks.rules.delivery import Schedule
from services.events.webhooks.rules.endpoints import EndpointDefinition
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import endpoints
from services.events.webhooks.store.fan_out import fan_out
from shared.contracts.endpoints import Drained, EndpointRef
from shared.contracts.events import CyclePaused, EventData
from shared.database import Database
from shared.events import emit
from tests.webhook_receiver import Received, Receiver, Reply

OWNER = uuid4()
SECRET = new_secret()
QUICK = Limits(linger=0.05, longest=20)


async def make_endpoint(
    db: Database, organization_id: UUID, receiver: Receiver, types: tuple[str, ...] = (), rate_limit: int = 500
) -> EndpointRef:
    definition = EndpointDefinition(url=receiver.url, owner_id=OWNER, types=types, rate_limit=rate_limit)
    async with db.transaction() as session:
        made = await endpoints.create_endpoint(session, organization_id, definition, SECRET)
    return EndpointRef(organization_id=organization_id, endpoint_id=made.id)


async def tell(db: Database, organization_id: UUID, *events: EventData) -> None:
    """Emits events that are sequenced and fanned out at once."""
    async with db.transaction() as session:
        await emit(session, organization_id, *events)
    await spread(db)


async def spread(db: Database) -> None:
    async with db.transaction() as session:
        await sequence_batch(session)
    async with db.transaction() as session:
        while await fan_out(session, 100):
            pass


async def drain(db: Database, sender: Sender, endpoint: EndpointRef, pace: float = 1.0) -> Drained:
    return await Drain(db, sender, endpoint, Schedule(pace=pace), QUICK).run(lambda: None)


async def switch_off(db: Database, endpoint: EndpointRef) -> None:
    async with db.transaction() as session:
        await endpoints.disable_endpoint(session, endpoint)


async def states(db: Database, endpoint: EndpointRef) -> dict[int, str]:
    async with db.transaction() as session:
        rows = await session.scalars(
            select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint.endpoint_id).order_by(DeliveryRow.sequence)
        )
        return {row.sequence: row.state for row in rows}


async def row_of(db: Database, endpoint: EndpointRef) -> EndpointRow:
    async with db.transaction() as session:
        row = await session.get(EndpointRow, endpoint.endpoint_id)
        assert row is not None
        return row


async def make_due(db: Database, endpoint: EndpointRef) -> None:
    """Makes all waiting deliveries due, as if the time until their next attempts had passed."""
    async with db.transaction() as session:
        for table in (DeliveryRow, SubjectQueue):
            await session.execute(
                update(table).where(table.endpoint_id == endpoint.endpoint_id).values(due_at=func.clock_timestamp())
            )


def paused(number: int) -> CyclePaused:
    return CyclePaused(cycle_id=UUID(int=number))


async def fail(received: Received) -> Reply:
    return Reply(500, {}, b"no")
