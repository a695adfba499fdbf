"""The ladder of an escalation: coordinators are told and reminded, then the sponsor is told, until it is decided."""

from collections.abc import Awaitable, Callable
from enum import Enum

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import LadderPlan

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
) -> None:
    """Tells the first rung at once, reminds it every `remind_every`, tells the next rung after `escalate_after`, and
    then waits without end. Returns when `decided` becomes true.

    `say` gets the rung, and the number of the time that this rung is told, from 1.
    """
    begun = clock.now()
    escalates_at = begun + plan.escalate_after
    await say(Rung.FIRST, 1)
    repeat = 1
    while (reminds_at := begun + plan.remind_every * repeat) < escalates_at:
        if not await clock.reach(reminds_at, unless=decided):
            return
        await say(Rung.REMINDER, repeat)
        repeat += 1
    if await clock.reach(escalates_at, unless=decided):
        await say(Rung.ESCALATED, 1)
        await workflow.wait_condition(decided)
