"""Pausing: a clock that stands still during a pause, and the other workflows that pause together with this one."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import Pause

BATCH = 100
"""So many workflows are signalled at a time."""


def pauses_of(pauses: Iterable[Pause]) -> list[tuple[datetime, datetime]]:
    return [(pause.begins_at, pause.ends_at) for pause in pauses]


class PausableClock:
    """A clock of active time: the workflow's time less the length of all pauses. The moments that its methods take and
    return are in active time, unless they say otherwise."""

    def __init__(self) -> None:
        self._lost = timedelta(0)
        self._paused_at: datetime | None = None
        self.pauses: list[tuple[datetime, datetime]] = []
        """When the pauses began and ended that are over, by the wall clock."""

    def set(self, pauses: Iterable[tuple[datetime, datetime]], paused_at: datetime | None) -> None:
        """Makes the clock go as one that has seen these pauses, and that is paused since then."""
        self.pauses = list(pauses)
        self._lost = sum((end - begin for begin, end in self.pauses), timedelta(0))
        self._paused_at = paused_at

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    @property
    def paused_at(self) -> datetime | None:
        """Since when it is paused, by the wall clock."""
        return self._paused_at

    def pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = workflow.now()

    def resume(self) -> None:
        if self._paused_at is not None:
            self._lost += workflow.now() - self._paused_at
            self.pauses.append((self._paused_at, workflow.now()))
            self._paused_at = None

    def now(self) -> datetime:
        return (self._paused_at or workflow.now()) - self._lost

    def on_the_wall(self, moment: datetime) -> datetime:
        """When this moment of active time comes on the wall clock, if nobody pauses again."""
        return moment + self._lost

    def off_the_wall(self, moment: datetime) -> datetime:
        """The moment of active time that the wall clock shows as `moment`, if nobody pauses again."""
        return moment - self._lost

    def was(self, moment: datetime) -> datetime:
        """What this clock showed when the wall clock showed `moment`, which is over."""
        pauses = [*self.pauses, *([(self._paused_at, moment)] if self._paused_at is not None else [])]
        lost = (min(end, moment) - begin for begin, end in pauses if begin < moment)
        return moment - sum(lost, timedelta(0))

    async def reach(self, moment: datetime, unless: Callable[[], bool]) -> bool:
        """Waits until the moment. Returns True if it came, and False if `unless` came true first."""
        while not unless():
            if self.paused:
                await workflow.wait_condition(lambda: not self.paused or unless())
                continue
            left = moment - self.now()
            if left <= timedelta(0):
                return True
            try:
                await workflow.wait_condition(lambda: self.paused or unless(), timeout=left)
            except TimeoutError:
                return not unless()
        return False

    async def run(self, unless: Callable[[], bool]) -> None:
        """Waits until the clock is not paused, or until `unless` comes true."""
        await workflow.wait_condition(lambda: not self.paused or unless())


class Followers:
    """The workflows that pause and resume together with a clock, and what each of them was told last.

    They are told in batches, and each is told only what it does not know yet. So no follower hears of the end
    of a pause before its beginning, and a follower that is added while others are being told is told too.
    """

    def __init__(self, clock: PausableClock, workflow_ids: Iterable[str] = ()) -> None:
        self._clock = clock
        self._paused: dict[str, bool | None] = dict.fromkeys(workflow_ids, False)
        """None: it was told nothing yet, and may have been started as paused or not."""
        self._telling = False

    async def add(self, workflow_id: str, *, paused: bool = False) -> None:
        """Adds a workflow that was just started: as one that runs, or as `paused`, if it did not run before. The pause
        may be over by now, so that one is told in any case."""
        unknown = paused and workflow.patched("told-how-it-is")
        self._paused[workflow_id] = None if unknown else False
        await self.follow()

    async def follow(self) -> None:
        """Tells the followers that the clock was paused or runs again. A follower that is over is forgotten."""
        if self._telling:
            return
        self._telling = True
        try:
            while behind := self._behind():
                if len(behind) > 1 and not workflow.patched("followers-in-batches"):
                    behind = behind[:1]
                paused = self._clock.paused
                told = await tell(behind, "pause" if paused else "resume")
                for workflow_id in behind:
                    if workflow_id in told:
                        self._paused[workflow_id] = paused
                    else:
                        del self._paused[workflow_id]
        finally:
            self._telling = False

    async def prune(self) -> None:
        """Forgets the followers that are over. The others hear once more that the clock runs, which changes nothing."""
        if self._telling or self._clock.paused:
            return
        self._telling = True
        try:
            asked = list(self._paused)
            running = await tell(asked, "resume")
            for workflow_id in asked:
                if workflow_id in running:
                    self._paused[workflow_id] = False
                else:
                    del self._paused[workflow_id]
        finally:
            self._telling = False
        await self.follow()  # a pause may have come meanwhile

    def know(self, workflow_id: str) -> bool:
        """Whether this workflow was running when it was told something last."""
        return workflow_id in self._paused

    async def stop(self) -> None:
        """Tells all followers to stop."""
        await tell(list(self._paused), "stop")

    def _behind(self) -> list[str]:
        """The followers that do not know yet what the clock does now. The youngest come first, as the older ones are
        more likely to be over."""
        return [found for found, paused in reversed(self._paused.items()) if paused is not self._clock.paused]


async def tell(workflow_ids: Iterable[str], signal: str, argument: object = None) -> list[str]:
    """Signals each workflow, many at a time. Returns the ids of those that were still running and heard it."""
    given = list(workflow_ids)
    if len(given) < 2 or not workflow.patched("told-in-batches"):
        return [workflow_id for workflow_id in given if await _tell_one(workflow_id, signal, argument)]
    heard: list[str] = []
    for start in range(0, len(given), BATCH):
        batch = given[start : start + BATCH]
        told = await asyncio.gather(*(_tell_one(workflow_id, signal, argument) for workflow_id in batch))
        heard += [workflow_id for workflow_id, was_told in zip(batch, told, strict=True) if was_told]
    return heard


async def _tell_one(workflow_id: str, signal: str, argument: object) -> bool:
    handle = workflow.get_external_workflow_handle(workflow_id)
    try:
        await (handle.signal(signal, argument) if argument is not None else handle.signal(signal))
    except ApplicationError:
        return False  # it is over
    return True
