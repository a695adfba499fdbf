"""What the page of a cycle shows: its stages with dates, the open round, and what happened to messages. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from services.console.admin.cycles.resources import (
    CloudEvent,
    Cycle,
    FailedMessage,
    MatchRun,
    MessageCount,
    Messages,
    TopicFigures,
)
from shared.contracts.matching import MatchRunState, PairState
from shared.contracts.programs import Stage
from shared.contracts.round_kinds import declaration_of
from shared.contracts.rounds import REMINDERS_APART, RoundCounts, RoundKind, RoundState

PROGRESS = tuple(stage for stage in Stage if stage is not Stage.CANCELLED)
ENDED = {Stage.COMPLETED, Stage.CANCELLED}
SENT, WAITING, FAILED = "sent", "waiting", "failed"
COUNTED_PAIRS = (
    *(PairState.PROPOSED, PairState.OFFERED, PairState.ACTIVE, PairState.ON_HOLD),
    *(PairState.ENDED, PairState.COMPLETED, PairState.DECLINED),
)


class Step(NamedTuple):
    """One stage on the line. Its state is `done`, `current` or `ahead`."""

    stage: Stage
    state: str
    at: datetime | None = None
    """When the cycle entered it, or will enter it."""
    expected: bool = False
    """Whether the date lies ahead, and moves if the cycle is paused, or if everybody answers early."""


class OpenRound(NamedTuple):
    """The round that is open, with what became of its invitations."""

    counts: RoundCounts
    undelivered: int
    waiting: int
    names: bool
    """Whether coordinators may read who has not answered."""
    remind_from: datetime | None
    """When everybody may be reminded again. None if now."""


class MessageFigures(NamedTuple):
    sent: int
    waiting: int
    failed: int


def steps_of(cycle: Cycle, entered: Mapping[Stage, datetime], now: datetime) -> tuple[Step, ...]:
    """All stages in their order, and how far the cycle has come. A cancelled cycle shows how far it had come."""
    ahead = {} if cycle.paused or cycle.cancellation_requested_at else expected(cycle, now)
    if cycle.stage is Stage.CANCELLED:
        return tuple(Step(stage, "done" if stage in entered else "ahead", entered.get(stage)) for stage in PROGRESS)
    here = PROGRESS.index(cycle.stage)
    finished = cycle.stage is Stage.COMPLETED
    steps = []
    for place, stage in enumerate(PROGRESS):
        if place < here or (place == here and finished):
            steps.append(Step(stage, "done", entered.get(stage)))
        elif place == here:
            steps.append(Step(stage, "current", cycle.stage_changed_at))
        else:
            steps.append(Step(stage, "ahead", ahead.get(stage), expected=True))
    return tuple(steps)


def entered_at(cycle: Cycle, events: Iterable[CloudEvent]) -> dict[Stage, datetime]:
    """When the cycle entered its stages, as far as events are kept."""
    found = {Stage.SCHEDULED: cycle.requested_at}
    for event in events:
        name = str(event.data.get("stage", ""))
        if ".cycle.stage_changed." in event.type and name in set(Stage):
            found[Stage(name)] = event.time
    if cycle.stage not in ENDED or cycle.stage is Stage.COMPLETED:
        found[cycle.stage] = cycle.stage_changed_at
    return found


def expected(cycle: Cycle, now: datetime) -> dict[Stage, datetime]:
    """When the stages ahead begin if nobody answers early and nobody pauses the cycle, as far as it can be told: nobody
    knows when matches will be approved."""
    calendar, last = cycle.calendar, open_round(cycle)
    found: dict[Stage, datetime] = {}
    match cycle.stage:
        case Stage.SCHEDULED:
            found[Stage.INTAKE] = cycle.starts_at
            found[Stage.MATCHING] = found[Stage.REVIEW] = cycle.starts_at + calendar.enrolment.length
        case Stage.INTAKE if last is not None:
            found[Stage.MATCHING] = found[Stage.REVIEW] = last.closes_at
        case Stage.KICKOFF if last is not None:
            found[Stage.ACTIVE] = last.closes_at
            found |= _after(cycle, last.closes_at + _check_ins(cycle, 0))
        case Stage.ACTIVE:
            found |= _after(cycle, _last_check_in_closes(cycle))
        case Stage.CLOSING if last is not None:
            found[Stage.COMPLETED] = last.closes_at
    return {stage: at for stage, at in found.items() if at > now}


def _after(cycle: Cycle, closing: datetime) -> dict[Stage, datetime]:
    return {Stage.CLOSING: closing, Stage.COMPLETED: closing + cycle.calendar.survey.length}


def _check_ins(cycle: Cycle, asked: int) -> timedelta:
    """From the opening of the check-in before, or from the start of the stage, to the end of the last check-in."""
    calendar = cycle.calendar
    if asked >= calendar.check_ins:
        return timedelta()
    waits = sum(
        (calendar.wait_for_check_in(number) for number in range(asked + 1, calendar.check_ins + 1)), timedelta()
    )
    return waits + calendar.check_in.length


def _last_check_in_closes(cycle: Cycle) -> datetime:
    asked = [one for one in cycle.rounds if one.kind is RoundKind.CHECK_IN]
    if not asked:
        return cycle.stage_changed_at + _check_ins(cycle, 0)
    last = asked[-1]
    if last.number >= cycle.calendar.check_ins:
        return last.closes_at
    return last.opened_at + _check_ins(cycle, last.number)


def open_round(cycle: Cycle) -> RoundCounts | None:
    """The round that opened last, if it is open: the one that is reminded of, and closed early."""
    found = [one for one in cycle.rounds if one.state is RoundState.OPEN]
    return found[-1] if found else None


def live_round(cycle: Cycle, messages: Messages, now: datetime) -> OpenRound | None:
    counts = open_round(cycle)
    if counts is None:
        return None
    declared = declaration_of(counts.kind)
    kinds = {declared.invitation.value, declared.reminder.value}
    told = [one for one in messages.counts if one.template in kinds]
    again = counts.told_at + REMINDERS_APART if counts.told_at is not None else None
    return OpenRound(
        counts,
        undelivered=_count(told, {FAILED}),
        waiting=_count(told, {WAITING}),
        names=declared.tells_who_answered,
        remind_from=again if again is not None and again > now else None,
    )


def message_figures(messages: Messages) -> MessageFigures:
    """Of reminders of check-ins and surveys nobody is told what became of them: they count as neither."""
    counts = messages.counts
    return MessageFigures(_count(counts, {SENT}), _count(counts, {WAITING}), _count(counts, {FAILED}))


def _count(counts: Iterable[MessageCount], states: set[str]) -> int:
    return sum(one.messages for one in counts if one.state in states)


def advice_code(message: FailedMessage) -> str:
    """Which advice helps: the code itself, or `smtp` for any refusal of a mail server."""
    return "smtp" if message.code.startswith("smtp_") else message.code


def awaiting_approval(cycle: Cycle, runs: Iterable[MatchRun]) -> MatchRun | None:
    """The match run that waits for an approval, if the cycle still takes one."""
    if cycle.stage in ENDED or cycle.cancellation_requested_at is not None:
        return None
    return next((run for run in reversed(tuple(runs)) if run.state is MatchRunState.PROPOSED), None)


def last_run(runs: Iterable[MatchRun]) -> MatchRun | None:
    """The newest run that holds or held the present pairs."""
    kept = [run for run in runs if run.state in (MatchRunState.PROPOSED, MatchRunState.APPROVED)]
    return kept[-1] if kept else None


class TopicLine(NamedTuple):
    label: str
    teachers: int | None
    wanted_by: int | None
    gap: int | None
    hidden: bool


def topic_lines(topics: Iterable[TopicFigures]) -> tuple[TopicLine, ...]:
    return tuple(TopicLine(one.label, one.teachers, one.wanted_by, one.gap, one.suppressed) for one in topics)
