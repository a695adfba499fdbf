"""Talking to the other workflows of a cycle: starting announcements, passing pauses on, signalling those that may be
over."""

from collections.abc import Iterable
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import Announcement

from workflows.announcement import AnnouncementWorkflow
from workflows.clock import PausableClock


class Kin:
    """The workflows that stand still with a clock, and what each was told last.

    They are told one after the other, each what it does not know yet: nobody hears of a pause's end before its
    beginning, and one that starts while others are told is told too."""

    def __init__(self, clock: PausableClock, workflow_ids: Iterable[str] = ()) -> None:
        self._clock = clock
        self._paused = dict.fromkeys(workflow_ids, False)
        self._telling = False

    async def add(self, workflow_id: str) -> None:
        self._paused[workflow_id] = False
        await self.follow()

    async def follow(self) -> None:
        """Passes on that the clock stands still or runs again. Whoever is over is forgotten."""
        if self._telling:
            return
        self._telling = True
        try:
            while (late := self._late()) is not None:
                paused = self._clock.paused
                if await tell([late], "pause" if paused else "resume"):
                    self._paused[late] = paused
                else:
                    del self._paused[late]
        finally:
            self._telling = False

    async def stop(self) -> None:
        await tell(list(self._paused), "stop")

    def _late(self) -> str | None:
        """The youngest first: the older are more likely to be over."""
        known = reversed(self._paused.items())
        return next((found for found, paused in known if paused is not self._clock.paused), None)


async def announce(announcement: Announcement) -> str:
    """Starts the announcement, once, and does not wait for it; answers its workflow id."""
    workflow_id = announcement_id(announcement.id)
    try:
        await workflow.start_child_workflow(
            AnnouncementWorkflow.run, announcement, id=workflow_id, parent_close_policy=ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("announcement.repeated")
    return workflow_id


async def tell(workflow_ids: Iterable[str], signal: str, argument: object = None) -> list[str]:
    """Signals each workflow; answers the ids of those that are still there to hear it."""
    heard = []
    for workflow_id in workflow_ids:
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await (handle.signal(signal, argument) if argument is not None else handle.signal(signal))
        except ApplicationError:
            continue  # it is over
        heard.append(workflow_id)
    return heard


def announcement_id(announcement: UUID) -> str:
    return f"announcement-{announcement}"


def round_workflow_id(round_id: UUID) -> str:
    return f"round-{round_id}"


def endpoint_workflow_id(endpoint_id: UUID) -> str:
    return f"endpoint-{endpoint_id}"


def concern_workflow_id(concern_id: UUID) -> str:
    return f"concern-{concern_id}"


def cycle_workflow_id(cycle_id: UUID) -> str:
    return f"cycle-{cycle_id}"
