"""The ladder of an escalation: coordinators are told and reminded, then the sponsor is told, until it is decided."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import CycleRef, LadderDates, LadderPlan, Pause, PlanLadder, ProgramsActivities
    from workflows.options import PROGRAMS

from workflows.pausing import PausableClock


class Rung(Enum):
    """The steps of the ladder."""

    FIRST = "first"
    REMINDER = "reminder"
    ESCALATED = "escalated"


async def climb(
    plan: LadderPlan,
    clock: PausableClock,
    decided: Callable[[], bool],
    say: Callable[[Rung, int], Awaitable[None]],
    counting: CycleRef | None = None,
    since: datetime | None = None,
) -> None:
    """Tells the first rung at once, reminds it every `remind_every`, tells the next rung after `escalate_after`, and
    then waits without end. Returns when `decided` becomes true.

    `say` gets the rung, and the number of the time that this rung is told, from 1. `counting` is the cycle whose
    working days are counted; if it is None, every day counts. `since` is when the ladder began by the wall clock, if an
    earlier workflow began it: of what has become due since then, only the last is told.
    """
    if counting is not None and workflow.patched("ladder-counts-working-days"):
        await _climb_on_working_days(WorkingLadder(plan, clock, decided, counting, since), decided, say)
        return
    begun = clock.now() if since is None else clock.was(since)
    escalates_at = begun + plan.escalate_after

    def overtaken(repeat: int) -> bool:
        following = min(begun + plan.remind_every * (repeat + 1), escalates_at)
        return since is not None and following <= clock.now()

    if not overtaken(0):
        await say(Rung.FIRST, 1)
    repeat = 1
    while (reminds_at := begun + plan.remind_every * repeat) < escalates_at:
        if not await clock.reach(reminds_at, unless=decided):
            return
        if not overtaken(repeat):
            await say(Rung.REMINDER, repeat)
        repeat += 1
    if await clock.reach(escalates_at, unless=decided):
        await say(Rung.ESCALATED, 1)
        await workflow.wait_condition(decided)


class WorkingLadder:
    """When the rungs come of a ladder that counts working days. Programs knows the time zone and the holidays. It is
    asked again after a pause, because what remains is then counted from another day."""

    def __init__(
        self,
        plan: LadderPlan,
        clock: PausableClock,
        decided: Callable[[], bool],
        counting: CycleRef,
        since: datetime | None = None,
    ) -> None:
        self._plan, self._clock, self._decided, self._cycle = plan, clock, decided, counting
        self._since = since
        self._begun_at = since or clock.on_the_wall(clock.now())
        self.reminders = -(-plan.escalate_after // plan.remind_every) - 1
        """How often the coordinators are reminded before the sponsor is told."""
        self._known: tuple[int, LadderDates] | None = None
        """The dates, and how many pauses were over when they were asked for."""

    async def reach(self, number: int) -> bool:
        """Waits until the reminder of this number, or the escalation if there are fewer reminders. Returns False if it
        was decided before."""
        while not self._decided():
            known, dates = await self._read_dates()
            wanted = self._date_of(number, dates)

            def moved(known: int = known) -> bool:
                return self._decided() or self._clock.paused or len(self._clock.pauses) != known

            if await self._clock.reach(self._clock.off_the_wall(wanted), unless=moved):
                return True
            await self._clock.run(unless=self._decided)
        return False

    async def overtaken(self, number: int) -> bool:
        """Whether an earlier workflow began the ladder, and what follows this reminder is due by now."""
        if self._since is None:
            return False
        _, dates = await self._read_dates()
        return self._clock.off_the_wall(self._date_of(number + 1, dates)) <= self._clock.now()

    def _date_of(self, number: int, dates: LadderDates) -> datetime:
        return dates.reminds_at[number - 1] if number <= self.reminders else dates.escalates_at

    async def _read_dates(self) -> tuple[int, LadderDates]:
        number = len(self._clock.pauses)
        if self._known is None or self._known[0] != number:
            self._known = number, await self._ask()
        return self._known

    async def _ask(self) -> LadderDates:
        pauses = [Pause(begins_at=begin, ends_at=end) for begin, end in self._clock.pauses if end > self._begun_at]
        return await workflow.execute_activity_method(
            ProgramsActivities.plan_ladder,
            PlanLadder(
                organization_id=self._cycle.organization_id,
                cycle_id=self._cycle.cycle_id,
                ladder=self._plan,
                begun_at=self._begun_at,
                pauses=tuple(pauses),
            ),
            **PROGRAMS,
        )


async def _climb_on_working_days(
    ladder: WorkingLadder, decided: Callable[[], bool], say: Callable[[Rung, int], Awaitable[None]]
) -> None:
    if not await ladder.overtaken(0):
        await say(Rung.FIRST, 1)
    for repeat in range(1, ladder.reminders + 1):
        if not await ladder.reach(repeat):
            return
        if not await ladder.overtaken(repeat):
            await say(Rung.REMINDER, repeat)
    if await ladder.reach(ladder.reminders + 1):
        await say(Rung.ESCALATED, 1)
        await workflow.wait_condition(decided)
