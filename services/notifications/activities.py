"""Temporal edge of notifications."""

from temporalio import activity

from services.notifications.channels.connections import Connections
from services.notifications.delivery import DeliveryRun
from services.notifications.dropping import drop_waiting
from services.notifications.preparing import prepare
from services.notifications.store import unfinished
from shared.config import Settings
from shared.contracts.notifications import (
    DeliverMessages,
    Delivery,
    DropMessages,
    MessagesDropped,
    MessagesPrepared,
    NotificationsActivities,
    PrepareMessages,
)
from shared.contracts.programs import CycleRef
from shared.contracts.recovery.facts import AnnouncementsFound, NotificationsRecovery
from shared.database import Database
from shared.http.internal import Internal
from shared.temporal import longer_pauses


class Activities(NotificationsActivities, NotificationsRecovery):
    """The activities use many short transactions: a delivery commits what it has sent at once (see `delivery`)."""

    def __init__(self, *, database: Database, internal: Internal, settings: Settings) -> None:
        self._database, self._internal, self._settings = database, internal, settings
        self._connections = Connections(settings)

    @activity.defn
    async def prepare_messages(self, request: PrepareMessages) -> MessagesPrepared:
        return await prepare(self._database, self._internal, self._settings.mail_domain, request)

    @activity.defn
    async def deliver_messages(self, request: DeliverMessages) -> Delivery:
        run = DeliveryRun(self._database, self._internal, self._settings, self._connections, request)
        with longer_pauses():
            return await run.deliver()

    @activity.defn
    async def drop_messages(self, request: DropMessages) -> MessagesDropped:
        dropped = await drop_waiting(self._database, request.organization_id, request.announcement_id, "given_up")
        return MessagesDropped(dropped=dropped)

    @activity.defn
    async def find_announcements(self, request: CycleRef) -> AnnouncementsFound:
        async with self._database.transaction() as session:
            return await unfinished.find_announcements(session, request)
