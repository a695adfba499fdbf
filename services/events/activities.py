"""Temporal edge of the event log: draining endpoints."""

from temporalio import activity

from services.events.deliveries import Schedule
from services.events.delivering import Drain
from services.events.outbound import Sender
from shared.contracts.endpoints import Drained, EndpointRef, EventsActivities
from shared.database import Database


class Activities(EventsActivities):
    def __init__(self, database: Database, sender: Sender, schedule: Schedule) -> None:
        self._database = database
        self._sender = sender
        self._schedule = schedule

    @activity.defn
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        return await Drain(self._database, self._sender, request, self._schedule).run(activity.heartbeat)
