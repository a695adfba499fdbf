"""Temporal edge of the event log: draining endpoints."""

from temporalio import activity

from services.events.webhooks.calling import Calls
from services.events.webhooks.deliveries import Schedule
from services.events.webhooks.delivering import Drain
from services.events.webhooks.outbound import Sender
from shared.contracts.endpoints import Drained, EndpointRef, EventsActivities
from shared.database import Database


class Activities(EventsActivities):
    def __init__(self, database: Database, sender: Sender, schedule: Schedule) -> None:
        self._database = database
        self._sender = sender
        self._schedule = schedule
        self._calls = Calls(database)

    @activity.defn
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        with self._calls.of(request.endpoint_id) as called:
            drain = Drain(self._database, self._sender, request, self._schedule, called=called)
            return await drain.run(activity.heartbeat, activity.is_worker_shutdown)
