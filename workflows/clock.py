"""Time that stands still while a cycle is paused."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow


class PausableClock:
    """Active time: the wall's time less the length of all pauses. Moments given to it are in active time."""

    def __init__(self) -> None:
        self._lost = timedelta(0)
        self._paused_at: datetime | None = None

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    def pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = workflow.now()

    def resume(self) -> None:
        if self._paused_at is not None:
            self._lost += workflow.now() - self._paused_at
            self._paused_at = None

    def now(self) -> datetime:
        return (self._paused_at or workflow.now()) - self._lost

    def on_the_wall(self, moment: datetime) -> datetime:
        """When the moment comes, if nobody pauses again."""
        return moment + self._lost

    async def reach(self, moment: datetime, unless: Callable[[], bool]) -> bool:
        """Waits until the moment. True when it came, False when `unless` came true first."""
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
        """Waits while paused, unless `unless` comes true."""
        await workflow.wait_condition(lambda: not self.paused or unless())
