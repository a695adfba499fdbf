"""The workflow of an endpoint that cannot be called holds up no other endpoint's."""

from uuid import uuid4

import pytest
from temporalio.service import RPCError, RPCStatusCode

from services.events.log.dispatcher import TemporalAway
from services.events.webhooks.fan_out import FanOut
from services.events.webhooks.rules.delivery import DrainState
from shared.database import Database
from tests.services.deliveries.stand import make_endpoint, paused, row_of, tell
from tests.services.faulty_temporal import FaultyTemporal
from tests.webhook_receiver import Receiver
from workflows.ids import endpoint_workflow_id


@pytest.mark.parametrize("fault", [RuntimeError(), RPCError("", RPCStatusCode.INVALID_ARGUMENT, b"")])
async def test_a_bug_at_one_endpoint_is_no_outage_of_temporal(fault: Exception, db: Database) -> None:
    ends = [await make_endpoint(db, uuid4(), Receiver("http://127.0.0.1:9/")) for _ in range(2)]
    temporal = FaultyTemporal()
    bad, good = ends
    temporal.faults[endpoint_workflow_id(bad.endpoint_id)] = lambda: fault
    for endpoint in ends:
        await tell(db, endpoint.organization_id, paused(1))
    await FanOut(db, temporal.as_client).step()
    assert [(await row_of(db, end)).drain_state for end in (good, bad)] == [DrainState.DRAINING, DrainState.CALLED]

    temporal.is_well = False
    temporal.faults[endpoint_workflow_id(bad.endpoint_id)] = RuntimeError
    with pytest.raises(TemporalAway):
        await FanOut(db, temporal.as_client).step()
