"""What a cycle waits for, since when, until when, and who can do something about it. Pure."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from shared.attention.calendar import What, happenings
from shared.attention.resources import Cycle
from shared.contracts.base import Contract, Vocabulary
from shared.contracts.overview import Stall, StallReason
from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundKind, RoundState

OVERDUE = timedelta(minutes=3)
"""A round that is open for so long after its deadline is not closed by anything any more. Closing one takes seconds."""


class WaitsFor(Vocabulary):
    """What a cycle waits for."""

    START = "start"
    """For its date."""
    ANSWERS = "answers"
    """For answers in an open round, or its deadline."""
    MATCHING = "matching"
    """Pairs are being computed."""
    APPROVAL = "approval"
    """For a coordinator who approves the pairs."""
    NEXT_ROUND = "next_round"
    """For the date of the next round."""
    RESUMPTION = "resumption"
    """It is paused."""
    CANCELLATION = "cancellation"
    """It is being cancelled."""
    NEXT_STEP = "next_step"
    """For Upward itself, which takes its next step in a moment."""


class Party(Vocabulary):
    """Who can do something."""

    PARTICIPANTS = "participants"
    COORDINATORS = "coordinators"
    UPWARD = "upward"
    """Upward does it by itself."""
    OPERATOR = "operator"
    """Whoever runs Upward: the cycle is stalled."""


class Wait(Contract):
    """What a cycle waits for now."""

    code: WaitsFor
    since: AwareDatetime | None = None
    """Null if it was not recorded."""
    until: AwareDatetime | None = None
    """Null if it waits without end, or for something that happens in a moment."""
    at_the_earliest: bool = False
    """Whether a pause may have moved `until`."""
    who: tuple[Party, ...] = ()
    """Who can do something so that it goes on sooner. Empty if only time helps."""
    round_kind: RoundKind | None = None
    round_number: int | None = None


def wait_of(cycle: Cycle, now: datetime) -> Wait | None:
    """None for a cycle that has ended."""
    if cycle.stage in (Stage.COMPLETED, Stage.CANCELLED):
        return None
    wait = _wait_of(cycle, now)
    stalled = stall_of(cycle, now) is not None
    return wait.model_copy(update={"who": (Party.OPERATOR,)}) if stalled else wait


def stall_of(cycle: Cycle, now: datetime) -> Stall | None:
    """That the cycle does not move, as far as it was noticed; a round that is overdue is seen at once."""
    if cycle.stalled is not None or cycle.paused:
        return cycle.stalled
    opened = cycle.last_round
    if opened is None or opened.state is not RoundState.OPEN or now - opened.closes_at < OVERDUE:
        return None
    return Stall(reason=StallReason.ROUND_OVERDUE, since=opened.closes_at + OVERDUE)


def _wait_of(cycle: Cycle, now: datetime) -> Wait:
    if cycle.cancellation_requested_at is not None:
        return Wait(code=WaitsFor.CANCELLATION, since=cycle.cancellation_requested_at, who=(Party.UPWARD,))
    if cycle.paused:
        return Wait(code=WaitsFor.RESUMPTION, since=cycle.paused_at, who=(Party.COORDINATORS,))
    if (opened := cycle.last_round) is not None and opened.state is RoundState.OPEN:
        return Wait(
            code=WaitsFor.ANSWERS,
            since=opened.opened_at,
            until=opened.closes_at,
            who=(Party.PARTICIPANTS, Party.COORDINATORS),
            round_kind=opened.kind,
            round_number=opened.number,
        )
    if cycle.stage is Stage.SCHEDULED and cycle.starts_at > now:
        since = cycle.stage_changed_at
        return Wait(code=WaitsFor.START, since=since, until=cycle.starts_at, who=(Party.COORDINATORS,))
    if cycle.stage is Stage.REVIEW:
        return Wait(code=WaitsFor.APPROVAL, since=cycle.stage_changed_at, who=(Party.COORDINATORS,))
    if cycle.stage is Stage.MATCHING:
        return Wait(code=WaitsFor.MATCHING, since=cycle.stage_changed_at, who=(Party.UPWARD,))
    return _between_rounds(cycle, now)


def _between_rounds(cycle: Cycle, now: datetime) -> Wait:
    over = cycle.last_round.closed_at if cycle.last_round is not None else None
    since = max(over or cycle.stage_changed_at, cycle.stage_changed_at)
    coming = next((one for one in happenings(cycle, now) if one.what is What.ROUND_OPENS), None)
    if coming is None:
        return Wait(code=WaitsFor.NEXT_STEP, since=since, who=(Party.UPWARD,))
    return Wait(
        code=WaitsFor.NEXT_ROUND,
        since=since,
        until=coming.at,
        at_the_earliest=coming.earliest,
        round_kind=coming.kind,
        round_number=coming.number,
    )
