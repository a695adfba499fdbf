"""A concern needs a human: the coordinators are told, reminded, and then the sponsor is told, until it is resolved.

What a check-in round raises about people who are silent is one matter, a digest, of which the coordinators read in the
Monday overview. A concern that somebody raised ("not a fit") is one by itself, and is told at once.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.feedback import ConcernRung, EscalateConcern, EscalateRound, FeedbackActivities
    from shared.contracts.notifications import Announcement, Audience, Template
    from shared.contracts.overview import overview_after
    from shared.contracts.programs import Calendar, CycleRef, OrganizationRef, ProgramsActivities
    from workflows.options import FEEDBACK, PROGRAMS
    from workflows.states.concern_state import Concern, Digest, RebuiltMatter

from workflows.announcement import Telling, announce
from workflows.ladder import Rung, climb
from workflows.pausing import Followers, PausableClock, pauses_of

TEMPLATES = {
    Rung.FIRST: Template.CONCERN_RAISED,
    Rung.REMINDER: Template.CONCERN_REMINDER,
    Rung.ESCALATED: Template.CONCERN_ESCALATED,
}


class Escalating:
    """What the workflows of concerns have in common: they belong to no other workflow, and tell by themselves. Their
    cycle signals them when it is paused or resumed, and when it ends."""

    def __init__(self) -> None:
        self.clock = PausableClock()
        self.resolved = False
        self._heard_of_pause = False
        self._tellings: list[tuple[Telling, asyncio.Task[None]]] = []

    def is_resolved(self) -> bool:
        return self.resolved

    @workflow.signal
    def resolve(self) -> None:
        self.resolved = True

    @workflow.signal
    async def pause(self) -> None:
        self._heard_of_pause = True
        self.clock.pause()
        await self.follow()

    @workflow.signal
    async def resume(self) -> None:
        self._heard_of_pause = True
        self.clock.resume()
        await self.follow()

    async def follow(self) -> None:
        """Tells the pause to workflows that this one has started."""

    async def read_calendar(self, cycle: CycleRef, rebuilt: RebuiltMatter | None = None) -> Calendar:
        """The cycle's plan says when a concern is escalated, and whether the cycle is paused now. A pause or a resume
        that is heard meanwhile is newer than what was read. Returns when the cycle is not paused."""
        plan = await workflow.execute_activity_method(
            ProgramsActivities.read_plan,
            CycleRef(organization_id=cycle.organization_id, cycle_id=cycle.cycle_id),
            **PROGRAMS,
        )
        if rebuilt is not None and not self._heard_of_pause:
            self.clock.set(pauses_of(plan.pauses), plan.paused_at)
        if plan.paused and not self._heard_of_pause:
            self.clock.pause()
        for announcement in rebuilt.unfinished if rebuilt is not None else ():
            self.tell(announcement)
        await self.clock.run(unless=self.is_resolved)
        return plan.calendar

    def tell(self, announcement: Announcement) -> None:
        """Tells something, without waiting until everybody has heard it."""
        telling = Telling(announcement, self.clock)
        self._tellings.append((telling, asyncio.create_task(telling.run())))

    async def end_tellings(self) -> None:
        """Waits until everything is told. What has not been sent is dropped as soon as the matter is resolved."""
        tasks = [task for _, task in self._tellings]
        if not tasks:
            return
        await workflow.wait_condition(lambda: self.resolved or all(task.done() for task in tasks))
        if self.resolved:
            for telling, _ in self._tellings:
                telling.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


@workflow.defn
class ConcernWorkflow(Escalating):
    """Tells one person after the other of a concern until it is resolved. It stands still while the cycle is paused."""

    def __init__(self) -> None:
        super().__init__()
        self._announcements = Followers(self.clock)
        """Announcements of their own, where a cycle is the parent of the concern."""

    @workflow.run
    async def run(self, concern: Concern) -> None:
        self._concern = concern
        ladder, counting = concern.ladder, None
        if ladder is None:
            calendar = await self.read_calendar(concern, concern.rebuilt)
            ladder, counting = calendar.concern, concern if calendar.working_days else None
        since = concern.rebuilt.since if concern.rebuilt is not None else None
        await climb(ladder, self.clock, self.is_resolved, self._say, counting, since)
        await self._announcements.stop()
        await self.end_tellings()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def follow(self) -> None:
        await self._announcements.follow()

    async def _say(self, rung: Rung, occurrence: int) -> None:
        to_sponsor = rung is Rung.ESCALATED
        state = await workflow.execute_activity_method(
            FeedbackActivities.escalate_concern,
            EscalateConcern(
                organization_id=self._concern.organization_id,
                concern_id=self._concern.concern_id,
                rung=ConcernRung.SPONSOR if to_sponsor else ConcernRung.COORDINATOR,
            ),
            **FEEDBACK,
        )
        if not state.open:
            self.resolved = True
            return
        announcement = _about(self._concern, self._concern.concern_id, rung, occurrence)
        if self._concern.ladder is None:
            self.tell(announcement)
        else:
            paused = self.clock.paused
            await self._announcements.add(await announce(announcement, paused=paused), paused=paused)


@workflow.defn
class DigestWorkflow(Escalating):
    """Tells of all concerns that a round raised about missed check-ins, as long as one of them is open. Silence can
    wait: the Monday overview tells the coordinators, and the sponsor is told if nothing happens after that. A program
    that sends at any hour of any day tells the coordinators at once, with one message to each. After the sponsor was
    told nobody else is, and the workflow ends."""

    @workflow.run
    async def run(self, digest: Digest) -> None:
        self._digest = digest
        self._told_all = False
        calendar = await self.read_calendar(digest, digest.rebuilt)
        since = digest.rebuilt.since if digest.rebuilt is not None else None
        ladder, counting = calendar.concern, digest if calendar.working_days else None
        self._in_overview = calendar.sending_hours is not None and workflow.patched("silence-waits-for-monday")
        if self._in_overview:
            since = None if since is None else self._monday_after(since)
            if since is None or since > workflow.now():
                await self._wait_for_monday()
                since = None
            ladder = ladder.model_copy(update={"remind_every": ladder.escalate_after})  # the next overview reminds
        if not self._is_over():
            await climb(ladder, self.clock, self._is_over, self._say, counting, since)
        await self.end_tellings()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _say(self, rung: Rung, occurrence: int) -> None:
        to_sponsor = rung is Rung.ESCALATED
        concerns = await workflow.execute_activity_method(
            FeedbackActivities.escalate_round,
            EscalateRound(
                organization_id=self._digest.organization_id,
                cycle_id=self._digest.cycle_id,
                round_id=self._digest.round_id,
                rung=ConcernRung.SPONSOR if to_sponsor else ConcernRung.COORDINATOR,
            ),
            **FEEDBACK,
        )
        if concerns.open == 0:
            self.resolved = True
            return
        if to_sponsor or not self._in_overview:
            self.tell(_about(self._digest, self._digest.round_id, rung, occurrence))
        self._told_all = to_sponsor

    async def _wait_for_monday(self) -> None:
        """Until the coordinators have read of it. After a pause that is the next Monday."""
        organization = OrganizationRef(organization_id=self._digest.organization_id)
        await workflow.execute_activity_method(ProgramsActivities.ensure_overview, organization, **PROGRAMS)
        while not self._is_over():
            await self.clock.run(unless=self._is_over)
            known = len(self.clock.pauses)

            def moved(known: int = known) -> bool:
                return self._is_over() or self.clock.paused or len(self.clock.pauses) != known

            monday = self.clock.off_the_wall(overview_after(workflow.now()))
            if await self.clock.reach(monday, unless=moved):
                return

    def _monday_after(self, since: datetime) -> datetime:
        """When the coordinators read of what was raised then."""
        return overview_after(max([since, *(end for _, end in self.clock.pauses)]))

    def _is_over(self) -> bool:
        return self.resolved or self._told_all


def _about(cycle: CycleRef, scope_id: UUID, rung: Rung, occurrence: int) -> Announcement:
    return Announcement(
        organization_id=cycle.organization_id,
        cycle_id=cycle.cycle_id,
        scope_id=scope_id,
        template=TEMPLATES[rung],
        audience=Audience.SPONSOR if rung is Rung.ESCALATED else Audience.COORDINATORS,
        occurrence=occurrence,
    )
