"""A round asks many people, reminds those who have not answered, and closes. It is the same for every kind of round."""

from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import Announcement
    from shared.contracts.round_kinds import declaration_of
    from shared.contracts.rounds import (
        REMINDERS_APART,
        CloseReason,
        CloseRound,
        ExtendRound,
        OpenRound,
        RoundActivities,
        RoundClosed,
        round_id_for,
    )
    from workflows.options import OPTIONS
    from workflows.states.round_state import (
        Closing,
        RebuiltRound,
        Reminding,
        RoundOver,
        RoundRequest,
        RoundStatus,
        Watcher,
    )

from workflows.announcement import announce
from workflows.pausing import Followers, PausableClock, pauses_of, tell

NEARLY = timedelta(minutes=1)
"""So much apart are a pause that an admin asked for and the same pause as a workflow heard of it."""


def deadline_of(clock: PausableClock, rebuilt: RebuiltRound, wanted: datetime) -> datetime:
    """When a round closes that was begun before, in active time: as its row says, which people were told. Only if the
    cycle was resumed and nobody has extended the round for that, it is `wanted`, which is later."""
    told = clock.off_the_wall(rebuilt.closes_at)
    return told if told >= wanted - NEARLY else wanted


@workflow.defn
class RoundWorkflow:
    """One round. It closes at the deadline, as soon as everyone has answered, or when it is told to close."""

    @workflow.init
    def __init__(self, request: RoundRequest) -> None:
        self._clock = PausableClock()
        if request.rebuilt is not None:
            self._clock.set(pauses_of(request.rebuilt.pauses), request.rebuilt.paused_at)
        self._closing: CloseReason | None = None
        self._announcements = Followers(self._clock)
        self._is_open = False
        self._closes_at: datetime | None = None
        """In active time."""
        self._watchers: list[str] = []
        self._told_at: datetime | None = None
        self._reminded_at: datetime | None = None
        """When an admin had people reminded last."""

    @workflow.run
    async def run(self, request: RoundRequest) -> RoundClosed:
        self._request = request
        self._declaration = declaration_of(request.kind)
        opened_at = self._clock.now()
        self._closes_at = request.closes_at or opened_at + request.plan.length
        if request.rebuilt is not None:
            self._told_at = request.rebuilt.told_at
            opened_at = self._clock.was(request.rebuilt.opened_at)
            wanted = opened_at + request.plan.length
            if request.closes_at is not None:
                wanted = self._clock.off_the_wall(request.closes_at)
            self._closes_at = deadline_of(self._clock, request.rebuilt, wanted)
        await self._open()
        for occurrence in request.rebuilt.unfinished if request.rebuilt is not None else ():
            await self._say(occurrence)
        if not self._was_told(0):
            await self._invite(occurrence=0)
        for occurrence, delay in enumerate(request.plan.reminders, start=1):
            reminds_at = opened_at + delay
            if reminds_at < self._closes_at and await self._clock.reach(reminds_at, unless=self._is_closing):
                if self._was_recent(self._reminded_at):
                    continue  # an admin had them reminded
                if not self._was_told(occurrence) and not self._is_overtaken(opened_at, occurrence):
                    await self._invite(occurrence)
        if await self._clock.reach(self._closes_at, unless=self._is_closing):
            self._closing = CloseReason.DEADLINE
        await self._announcements.stop()
        closed = await self._close()
        await workflow.wait_condition(workflow.all_handlers_finished)
        over = RoundOver(round_id=self._round_id, recipients=closed.recipients, answered=closed.answered)
        while self._watchers:
            await tell([self._watchers.pop(0)], "round_over", over)
        return closed

    @workflow.query
    def status(self) -> RoundStatus:
        """How far the round is, for whoever looks at it in Temporal."""
        closes_at = self._clock.on_the_wall(self._closes_at) if self._closes_at is not None else None
        return RoundStatus(open=self._is_open, closes_at=closes_at, closing=self._closing, paused=self._clock.paused)

    @workflow.signal
    def watch(self, watcher: Watcher) -> None:
        if watcher.workflow_id not in self._watchers:
            self._watchers.append(watcher.workflow_id)

    @workflow.signal
    def everyone_answered(self) -> None:
        self._closing = self._closing or CloseReason.ANSWERED

    @workflow.signal
    def close(self, closing: Closing) -> None:
        self._closing = self._closing or closing.reason

    @workflow.signal
    async def remind(self, reminding: Reminding) -> None:
        """Reminds those who have not answered, unless they were told anything in the last day: the round's own reminder
        may have come between the wish and this signal."""
        if not workflow.patched("reminded-on-request"):
            return
        if self._told_at is None or self._was_recent(self._told_at):
            return
        self._reminded_at = workflow.now()
        await self._invite(reminding.occurrence)

    @workflow.signal
    async def pause(self) -> None:
        self._clock.pause()
        await self._announcements.follow()

    @workflow.signal
    async def resume(self) -> None:
        self._clock.resume()
        await self._announcements.follow()
        if self._is_open and self._closing is None:
            await self._extend()

    async def _open(self) -> None:
        assert self._closes_at is not None
        closes_at = self._clock.on_the_wall(self._closes_at)
        opened = await workflow.execute_activity_method(
            RoundActivities.open_round,
            OpenRound(
                organization_id=self._request.organization_id,
                cycle_id=self._request.cycle_id,
                round_id=self._round_id,
                kind=self._request.kind,
                number=self._request.number,
                closes_at=closes_at,
            ),
            **OPTIONS[self._declaration.owner],
        )
        self._is_open = True
        rebuilt = self._request.rebuilt is not None
        if rebuilt:
            closes_at = opened.closes_at
        elif opened.closes_at != closes_at and workflow.patched("stored-deadline-stands"):
            # An earlier run of this workflow opened the round; what people were told then still holds.
            self._closes_at += opened.closes_at - closes_at
            closes_at = opened.closes_at
        if opened.recipients == 0 or not opened.open or (rebuilt and opened.pending == 0):
            self._closing = self._closing or CloseReason.ANSWERED  # nobody is asked, so nobody is missing
        elif self._closing is None and self._clock.on_the_wall(self._closes_at) != closes_at:
            await self._extend()  # a pause came and went while the round was being opened

    async def _extend(self) -> None:
        assert self._closes_at is not None
        await workflow.execute_activity_method(
            RoundActivities.extend_round,
            ExtendRound(
                organization_id=self._request.organization_id,
                round_id=self._round_id,
                closes_at=self._clock.on_the_wall(self._closes_at),
            ),
            **OPTIONS[self._declaration.owner],
        )

    async def _invite(self, occurrence: int) -> None:
        """Invites everyone who is asked (occurrence 0), or reminds those who have not answered (1 and up)."""
        await self._clock.run(unless=self._is_closing)
        if self._closing is not None:
            return
        self._told_at = workflow.now()
        await self._say(occurrence)

    async def _say(self, occurrence: int) -> None:
        announcement = Announcement(
            organization_id=self._request.organization_id,
            cycle_id=self._request.cycle_id,
            scope_id=self._round_id,
            template=self._declaration.reminder if occurrence else self._declaration.invitation,
            audience=self._declaration.audience,
            round_kind=self._request.kind,
            occurrence=max(occurrence, 1),
        )
        paused = self._clock.paused
        await self._announcements.add(await announce(announcement, paused=paused), paused=paused)

    async def _close(self) -> RoundClosed:
        assert self._closing is not None
        return await workflow.execute_activity_method(
            RoundActivities.close_round,
            CloseRound(organization_id=self._request.organization_id, round_id=self._round_id, reason=self._closing),
            **OPTIONS[self._declaration.owner],
        )

    @property
    def _round_id(self) -> UUID:
        return round_id_for(self._request.cycle_id, self._request.kind, self._request.number)

    def _was_told(self, occurrence: int) -> bool:
        return self._request.rebuilt is not None and occurrence in self._request.rebuilt.told

    def _is_overtaken(self, opened_at: datetime, occurrence: int) -> bool:
        """Whether the next reminder is due as well, because nobody reminded while the workflow was lost."""
        following = self._request.plan.reminders[occurrence : occurrence + 1]
        return self._request.rebuilt is not None and any(opened_at + delay <= self._clock.now() for delay in following)

    def _was_recent(self, moment: datetime | None) -> bool:
        return moment is not None and workflow.now() - moment < REMINDERS_APART

    def _is_closing(self) -> bool:
        return self._closing is not None
