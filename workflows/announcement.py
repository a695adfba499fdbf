"""An announcement tells an audience something: its messages are prepared, and each is delivered when it is due. Those
of a large audience are prepared while the first of them go out."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

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
    from workflows.options import DELIVERY, NOTIFICATIONS, PREPARING
    from workflows.searching import attributes_of_child, summary_of

from workflows.pausing import PausableClock
from workflows.versions.upgrading import newer_code_waits, with_current_code

SMALLEST_SLEEP, LONGEST_IDLE_SLEEP = timedelta(seconds=1), timedelta(minutes=1)
"""So long an announcement sleeps at least after a delivery in which nothing was sent, and twice as long each time."""


class Telling:
    """One announcement on its way. It obeys the clock of the workflow that runs it, and can be stopped."""

    def __init__(self, announcement: Announcement, clock: PausableClock) -> None:
        self._announcement = announcement
        self._clock = clock
        self._stopped = False
        self._preparing: asyncio.Task[None] | None = None
        """What prepares the messages after the first ones."""

    def stop(self) -> None:
        """The messages that have not been sent are dropped."""
        self._stopped = True

    async def run(self, *, prepared: bool = False, goes_on: Callable[[], None] = lambda: None) -> None:
        """Prepares the messages, unless that was done before, and delivers each when it is due. Between two deliveries
        `goes_on` is called, which may end this run of the workflow."""
        if not prepared:
            await self._prepare()
        ref = AnnouncementRef(organization_id=self._announcement.organization_id, announcement_id=self._announcement.id)
        done, sleep = 0, SMALLEST_SLEEP
        while not self._stopped:
            await self._clock.run(unless=self._is_stopped)
            prepared = self._is_prepared()
            delivery = await self._deliver(ref)
            if delivery is not None and delivery.waiting == 0 and prepared:
                return
            if delivery is not None:
                now = workflow.now()
                left = max((delivery.next_due_at or now) - now, timedelta(0))
                idle = delivery.sent + delivery.failed <= done
                done = delivery.sent + delivery.failed
                if idle and left < sleep and workflow.patched("smallest-sleep"):
                    # The clocks of Postgres and Temporal differ, so that a message is due here and not yet there.
                    left, sleep = sleep, min(sleep * 2, LONGEST_IDLE_SLEEP)
                else:
                    sleep = SMALLEST_SLEEP
                if left or delivery.next_due_at is not None:
                    # What is prepared meanwhile may be due earlier than what was known.
                    wakes = self._is_stopped if prepared else self._is_stopped_or_prepared
                    await self._clock.reach(now + left - (now - self._clock.now()), unless=wakes)
                if not self._stopped and not self._clock.paused and prepared:
                    goes_on()
        await workflow.execute_activity_method(
            NotificationsActivities.drop_messages, DropMessages(**dict(ref)), **NOTIFICATIONS
        )

    async def _prepare(self) -> None:
        """Prepares the first messages, and begins with the others. They can be left alone once the messages are
        dropped, as none is added then."""
        if self._stopped:
            return
        first = PrepareMessages(announcement=self._announcement)
        page = await workflow.execute_activity_method(NotificationsActivities.prepare_messages, first, **NOTIFICATIONS)
        if page.after is None:
            return
        self._preparing = asyncio.create_task(self._prepare_rest(page.after))
        if not workflow.patched("prepared-meanwhile"):
            await self._preparing

    async def _prepare_rest(self, cursor: UUID) -> None:
        after: UUID | None = cursor
        while after is not None and not self._stopped:
            rest = PrepareMessages(announcement=self._announcement, after=after, rest=True)
            page = await workflow.execute_activity_method(NotificationsActivities.prepare_messages, rest, **PREPARING)
            after = page.after

    async def _deliver(self, ref: AnnouncementRef) -> Delivery | None:
        """Delivers what is due. Returns None if the announcement was paused or stopped, which cancels the delivery."""
        if self._stopped or self._clock.paused:
            return None
        delivering = workflow.start_activity_method(
            NotificationsActivities.deliver_messages,
            DeliverMessages(**dict(ref), again=self._announcement.again),
            **DELIVERY,
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

    def _is_prepared(self) -> bool:
        """Whether all messages are prepared. Raises that they cannot be, if that is so."""
        if self._preparing is None or not self._preparing.done():
            return self._preparing is None
        self._preparing.result()
        return True

    def _is_stopped_or_prepared(self) -> bool:
        return self._stopped or self._preparing is None or self._preparing.done()


@workflow.defn
class AnnouncementWorkflow:
    """Runs until every message is sent, has failed for good or is dropped. While it is paused it sends nothing. When it
    is stopped, it drops the messages that it has not sent."""

    @workflow.init
    def __init__(self, announcement: Announcement) -> None:
        self._announcement = announcement.model_copy(update={"paused": False})
        self._clock = PausableClock()
        if announcement.paused:
            self._clock.pause()
        self._telling = Telling(self._announcement, self._clock)

    @workflow.run
    async def run(self, announcement: Announcement) -> None:
        prepared = announcement.again or workflow.info().continued_run_id is not None
        await self._telling.run(prepared=prepared, goes_on=self._go_on)

    @workflow.signal
    def pause(self) -> None:
        self._clock.pause()

    @workflow.signal
    def resume(self) -> None:
        self._clock.resume()

    @workflow.signal
    def stop(self) -> None:
        self._telling.stop()

    def _go_on(self) -> None:
        """Goes on in a new run when the history of this one is long, as when a mail server puts off for weeks, or when
        workers have a newer version."""
        ends = workflow.info().is_continue_as_new_suggested() or newer_code_waits()
        if ends and workflow.patched("announcement-goes-on"):
            workflow.continue_as_new(self._announcement, initial_versioning_behavior=with_current_code())


async def announce(announcement: Announcement, *, paused: bool = False) -> str:
    """Starts the announcement, once, without waiting for its end. If it is `paused`, it sends nothing before it is told
    to resume. Returns its workflow id."""
    workflow_id = announcement_workflow_id(announcement.id)
    if paused:
        announcement = announcement.model_copy(update={"paused": True})
    try:
        await workflow.start_child_workflow(
            AnnouncementWorkflow.run,
            announcement,
            id=workflow_id,
            parent_close_policy=ParentClosePolicy.ABANDON,
            search_attributes=attributes_of_child(announcement.cycle_id),
            static_summary=summary_of(announcement),
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("announcement.repeated")
    return workflow_id
