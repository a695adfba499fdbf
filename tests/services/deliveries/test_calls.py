"""The workflow of an endpoint that cannot be called holds up no other endpoint's."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from temporalio.service import RPCStatusCode

from services.events.log.dispatcher import TemporalAway
from services.events.webhooks import fan_out
from services.events.webhooks.fan_out import CALLS_AT_ONCE, FanOut
from services.events.webhooks.models import EndpointRow
from services.events.webhooks.rules.delivery import DrainState
from shared.database import Database
from tests.services.deliveries.stand import make_endpoint, paused, row_of, tell
from tests.services.faulty_temporal import ABOUT_ALL, ABOUT_ONE, FaultyTemporal, answer, exhausted, no_namespace
from tests.webhook_receiver import Receiver
from workflows.ids import endpoint_workflow_id

HERE = Receiver("http://127.0.0.1:9/")
OF_ONE = [RuntimeError(), TimeoutError(), KeyError(), exhausted(busy_workflow=True), *map(answer, ABOUT_ONE)]
OF_ALL = [no_namespace(), answer(RPCStatusCode.NOT_FOUND), exhausted(busy_workflow=False), *map(answer, ABOUT_ALL)]


@pytest.mark.parametrize("fault", OF_ONE, ids=str)
async def test_a_failure_at_one_endpoint_is_no_outage_of_temporal(fault: Exception, db: Database) -> None:
    bad, good = [await make_endpoint(db, uuid4(), HERE) for _ in range(2)]
    temporal = FaultyTemporal()
    temporal.faults[endpoint_workflow_id(bad.endpoint_id)] = lambda: fault
    for endpoint in (bad, good):
        await tell(db, endpoint.organization_id, paused(1))
    await FanOut(db, temporal.as_client).step()
    assert [(await row_of(db, end)).drain_state for end in (good, bad)] == [DrainState.DRAINING, DrainState.CALLED]


@pytest.mark.parametrize("fault", OF_ALL, ids=str)
async def test_what_would_befall_every_endpoint_is_an_outage(fault: Exception, db: Database) -> None:
    endpoint, temporal = await make_endpoint(db, uuid4(), HERE), FaultyTemporal()
    temporal.faults[endpoint_workflow_id(endpoint.endpoint_id)] = lambda: fault
    await tell(db, endpoint.organization_id, paused(1))
    with pytest.raises(TemporalAway):
        await FanOut(db, temporal.as_client).step()


@pytest.mark.parametrize("fault", [RuntimeError(), TimeoutError()], ids=str)
async def test_an_error_that_may_be_a_bug_is_an_outage_if_temporal_does_not_say_that_it_is_well(
    fault: Exception, db: Database
) -> None:
    endpoint, temporal = await make_endpoint(db, uuid4(), HERE), FaultyTemporal()
    temporal.is_well = False
    temporal.faults[endpoint_workflow_id(endpoint.endpoint_id)] = lambda: fault
    await tell(db, endpoint.organization_id, paused(1))
    with pytest.raises(TemporalAway):
        await FanOut(db, temporal.as_client).step()


async def many_endpoints(db: Database, count: int) -> Sequence[UUID]:
    """Endpoints that have something to send, in the order in which they are called."""
    made = await make_endpoint(db, uuid4(), HERE)
    ids = sorted([made.endpoint_id, *(uuid4() for _ in range(count - 1))])
    async with db.transaction() as session:
        row = (await session.execute(select(EndpointRow.__table__))).mappings().one()
        await session.execute(insert(EndpointRow), [dict(row) | {"id": id} for id in ids if id != made.endpoint_id])
        await session.execute(update(EndpointRow).values(drain_state=DrainState.CALLED, calls=1))
    return ids


async def test_however_many_cannot_be_called_the_others_are_and_these_are_called_again_later(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(fan_out, "monotonic", lambda: now)
    *bad, good = await many_endpoints(db, 2 * CALLS_AT_ONCE + 1)
    temporal = FaultyTemporal()
    calls = FanOut(db, temporal.as_client)
    for endpoint_id in bad:
        temporal.faults[endpoint_workflow_id(endpoint_id)] = lambda: answer(RPCStatusCode.INTERNAL)
    assert [await calls.step() for _ in range(3)] == [True, True, False]
    assert temporal.heard == [(endpoint_workflow_id(good), "start")]

    temporal.faults.clear()
    assert not await calls.step(), "they wait for a moment"
    now += 1.5
    while await calls.step():
        pass
    assert len(temporal.heard) == 2 * CALLS_AT_ONCE + 1
