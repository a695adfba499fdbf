"""An announcement tells an audience something: its messages are prepared, and each is delivered when it is due."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ActivityCancellationType, ActivityConfig, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import (
        Announcement,
        AnnouncementRef,
        DeliverMessages,
        Delivery,
        DropMessages,
        NotificationsActivities,
        PrepareMessages,
    )

from workflows.ids import announcement_workflow_id
from workflows.options import NOTIFICATIONS
from workflows.pausing import PausableClock

DELIVERY = ActivityConfig(**NOTIFICATIONS, cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
NOTHING = Delivery(sent=0, failed=0, waiting=0)


@workflow.defn
class AnnouncementWorkflow:
    """Runs until every message is sent, has failed for good or is dropped. While it is paused it sends nothing. When it
    is stopped, it drops the messages that it has not sent."""

    def __init__(self) -> None:
        self._clock = PausableClock()
        self._stopped = False

    @workflow.run
    async def run(self, announcement: Announcement) -> None:
        await self._prepare(announcement)
        ref = AnnouncementRef(organization_id=announcement.organization_id, announcement_id=announcement.id)
        while not self._stopped:
            await self._clock.run(unless=self._is_stopped)
            delivery = await self._deliver(ref)
            if delivery is not None and delivery.waiting == 0:
                return
            if delivery is not None and delivery.next_due_at is not None:
                moment = workflow.now() + max(delivery.next_due_at - workflow.now(), timedelta(0))
                await self._clock.reach(moment - (workflow.now() - self._clock.now()), unless=self._is_stopped)
        await workflow.execute_activity_method(
            NotificationsActivities.drop_messages, DropMessages(**dict(ref)), **NOTIFICATIONS
        )

    @workflow.signal
    def pause(self) -> None:
        self._clock.pause()

    @workflow.signal
    def resume(self) -> None:
        self._clock.resume()

    @workflow.signal
    def stop(self) -> None:
        self._stopped = True

    async def _prepare(self, announcement: Announcement) -> None:
        request = PrepareMessages(announcement=announcement)
        while not self._stopped:
            page = await workflow.execute_activity_method(
                NotificationsActivities.prepare_messages, request, **NOTIFICATIONS
            )
            if page.after is None:
                return
            request = PrepareMessages(announcement=announcement, after=page.after)

    async def _deliver(self, ref: AnnouncementRef) -> Delivery | None:
        """Delivers what is due. Returns None if the announcement was paused or stopped, which cancels the delivery."""
        if self._stopped or self._clock.paused:
            return None
        delivering = workflow.start_activity_method(
            NotificationsActivities.deliver_messages, DeliverMessages(**dict(ref)), **DELIVERY
        )
        await workflow.wait_condition(lambda: delivering.done() or self._clock.paused or self._stopped)
        if not delivering.done():
            delivering.cancel()
            await workflow.wait([delivering])
            if not delivering.cancelled():
                delivering.exception()  # read, so that asyncio does not report it
            return None
        return delivering.result()

    def _is_stopped(self) -> bool:
        return self._stopped


async def announce(announcement: Announcement) -> str:
    """Starts the announcement, once, without waiting for its end. Returns its workflow id."""
    workflow_id = announcement_workflow_id(announcement.id)
    try:
        await workflow.start_child_workflow(
            AnnouncementWorkflow.run, announcement, id=workflow_id, parent_close_policy=ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("announcement.repeated")
    return workflow_id
