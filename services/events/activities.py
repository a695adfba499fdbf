"""Temporal edge of events: the activity that sends what is due to one endpoint."""

from temporalio import activity

from services.events.webhooks.drain import Drain
from services.events.webhooks.rules.delivery import Schedule
from services.events.webhooks.sender import Sender
from services.events.webhooks.wake_ups import WakeUps
from shared.contracts.endpoints import Drained, EndpointRef, EventsActivities
from shared.database import Database


class Activities(EventsActivities):
    def __init__(self, database: Database, sender: Sender, schedule: Schedule) -> None:
        self._database = database
        self._sender = sender
        self._schedule = schedule
        self._wake_ups = WakeUps(database)

    @activity.defn
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        with self._wake_ups.of(request.endpoint_id) as woken:
            drain = Drain(self._database, self._sender, request, self._schedule, woken=woken)
            return await drain.run(activity.heartbeat, activity.is_worker_shutdown)
