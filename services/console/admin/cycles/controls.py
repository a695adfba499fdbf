"""What an admin can do to a whole cycle, and what happens then, to how many. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.console.admin.cycles.resources import Cycle
from services.console.admin.cycles.view import ENDED, open_round
from services.console.words.cycles import round_name
from shared.contracts.accounts import Role
from shared.contracts.matching import PairState
from shared.contracts.programs import Stage
from shared.contracts.round_kinds import declaration_of
from shared.contracts.rounds import REMINDERS_APART, RoundCounts, RoundKind
from shared.language.words import Words, translatable


class Action(StrEnum):
    """The value is also the last part of its address, in the console and in the API."""

    REMIND = "remind"
    ADVANCE = "advance"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


ROLES = {action: Role.ADMIN if action is Action.CANCEL else Role.COORDINATOR for action in Action}
TITLES = {
    Action.REMIND: translatable("Remind everybody who has not answered"),
    Action.ADVANCE: translatable("Close the round early"),
    Action.PAUSE: translatable("Pause the cycle"),
    Action.RESUME: translatable("Resume the cycle"),
    Action.CANCEL: translatable("Cancel the cycle"),
}
START_NOW = translatable("Start the cycle now")
LABELS = {
    Action.REMIND: translatable("Remind now"),
    Action.ADVANCE: translatable("Close early"),
    Action.PAUSE: translatable("Pause"),
    Action.RESUME: translatable("Resume"),
    Action.CANCEL: translatable("Cancel the cycle"),
}
"""The buttons that lead to the page of an action."""
DONE = {
    Action.REMIND: translatable("Reminders are on their way to everybody who has not answered."),
    Action.ADVANCE: translatable("What the cycle was waiting for is being closed. This takes a moment."),
    Action.PAUSE: translatable("The cycle is paused."),
    Action.RESUME: translatable("The cycle goes on."),
    Action.CANCEL: translatable("The cycle is being cancelled. This takes a moment."),
}


class Counts(NamedTuple):
    """How many people and pairs an action is about."""

    pairs: Mapping[PairState, int]
    pending_people: int | None = None
    """People who have not answered the open round, if that may be known; else only missing answers are counted."""
    directory: int = 0
    """People whom an enrolment would ask."""
    open_concerns: int = 0


class Consequences(NamedTuple):
    title: str
    button: str
    sentences: tuple[str, ...]
    possible: bool = True
    """False: the sentences say why it cannot be done now."""
    destroys: bool = False


def actions_of(cycle: Cycle) -> tuple[Action, ...]:
    """What can be done now, in the order in which it is offered."""
    if cycle.stage in ENDED or cycle.cancellation_requested_at is not None:
        return ()
    if cycle.paused:
        return (Action.RESUME, Action.CANCEL)
    open_now = open_round(cycle) is not None
    closes = (Action.ADVANCE,) if open_now or cycle.stage is Stage.SCHEDULED else ()
    return (*((Action.REMIND,) if open_now else ()), *closes, Action.PAUSE, Action.CANCEL)


def label_of(action: Action, cycle: Cycle, words: Words) -> str:
    if action is Action.ADVANCE and cycle.stage is Stage.SCHEDULED:
        return words.gettext(START_NOW)
    return words.gettext(LABELS[action])


def seen_of(cycle: Cycle) -> str:
    """How the cycle stood when a page was made. What somebody confirms is about this and nothing else."""
    now = open_round(cycle)
    return f"{cycle.stage.value} {cycle.paused} {now.id if now is not None else ''}"


def consequences(
    action: Action, cycle: Cycle, counts: Counts, words: Words, time_zone: str, now: datetime
) -> Consequences:
    title = words.gettext(TITLES[action])
    if action not in actions_of(cycle):
        return Consequences(title, "", (_why_not(action, cycle, words),), possible=False)
    match action:
        case Action.PAUSE:
            return Consequences(title, words.gettext("Pause now"), _pause(cycle, counts, words))
        case Action.RESUME:
            return Consequences(title, words.gettext("Resume now"), _resume(cycle, words))
        case Action.CANCEL:
            sentences = _cancel(cycle, counts, words)
            return Consequences(title, words.gettext("Cancel for good"), sentences, destroys=True)
        case Action.ADVANCE:
            return _advance(cycle, counts, words, time_zone)
        case Action.REMIND:
            return _remind(cycle, counts, words, time_zone, now)


def _why_not(action: Action, cycle: Cycle, words: Words) -> str:
    if cycle.stage in ENDED:
        return words.gettext("This cycle has ended; it cannot be changed any more.")
    if cycle.cancellation_requested_at is not None:
        return words.gettext("This cycle is being cancelled; it cannot be changed any more.")
    if action is Action.RESUME:
        return words.gettext("This cycle is not paused.")
    if cycle.paused:
        return words.gettext("This cycle is paused; resume it first.")
    return words.gettext("No round of this cycle is open just now.")


def _pause(cycle: Cycle, counts: Counts, words: Words) -> tuple[str, ...]:
    found = [words.gettext("Until somebody resumes the cycle, nothing is sent and nothing new begins.")]
    if (now := open_round(cycle)) is not None:
        found.append(
            words.ngettext(
                "%(round)s still takes answers: %(num)s is missing. Its deadline moves by the length of the pause.",
                "%(round)s still takes answers: %(num)s are missing. Its deadline moves by the length of the pause.",
                now.pending,
                round=_title(now, words),
            )
        )
    if counts.open_concerns:
        found.append(
            words.ngettext(
                "%(num)s open concern is not escalated meanwhile.",
                "%(num)s open concerns are not escalated meanwhile.",
                counts.open_concerns,
            )
        )
    found.append(words.gettext("Nobody is told about the pause."))
    return tuple(found)


def _resume(cycle: Cycle, words: Words) -> tuple[str, ...]:
    found = [words.gettext("The cycle goes on where it stopped. All dates move by the length of the pause.")]
    if (now := open_round(cycle)) is not None:
        found.append(
            words.ngettext(
                "%(round)s has %(num)s answer missing; its reminders go out again.",
                "%(round)s has %(num)s answers missing; its reminders go out again.",
                now.pending,
                round=_title(now, words),
            )
        )
    return tuple(found)


def _cancel(cycle: Cycle, counts: Counts, words: Words) -> tuple[str, ...]:
    found = [words.gettext("The cycle ends now and for good: it cannot be started again.")]
    going = counts.pairs.get(PairState.ACTIVE, 0) + counts.pairs.get(PairState.ON_HOLD, 0)
    if going:
        found.append(words.ngettext("%(num)s active pair is ended.", "%(num)s active pairs are ended.", going))
    if offered := counts.pairs.get(PairState.OFFERED, 0):
        found.append(
            words.ngettext("%(num)s offered pair is withdrawn.", "%(num)s offered pairs are withdrawn.", offered)
        )
    if cycle.enrolled:
        found.append(
            words.ngettext(
                "%(num)s person who has enrolled is told, once.",
                "%(num)s people who have enrolled are told, once.",
                cycle.enrolled,
            )
        )
    if cycle.stage is Stage.INTAKE and counts.pending_people:
        found.append(
            words.ngettext(
                "%(num)s person who is still asked to enrol is told, too.",
                "%(num)s people who are still asked to enrol are told, too.",
                counts.pending_people,
            )
        )
    if counts.open_concerns:
        found.append(
            words.ngettext(
                "%(num)s open concern is resolved.", "%(num)s open concerns are resolved.", counts.open_concerns
            )
        )
    found.append(words.gettext("What was not sent yet is dropped. A report is compiled."))
    return tuple(found)


def _advance(cycle: Cycle, counts: Counts, words: Words, time_zone: str) -> Consequences:
    now = open_round(cycle)
    if now is None:
        starts = words.moment(cycle.starts_at, time_zone)
        asked = words.ngettext(
            "%(num)s person of the directory is asked to enrol.",
            "%(num)s people of the directory are asked to enrol.",
            counts.directory,
        )
        title = words.gettext(START_NOW)
        sentences = (words.gettext("The cycle starts at once instead of on %(date)s.", date=starts), asked)
        return Consequences(title, words.gettext("Start now"), sentences)
    closes = words.moment(now.closes_at, time_zone)
    title = words.gettext("Close %(round)s early", round=_title(now, words))
    first = words.gettext("It closes at once instead of on %(date)s, and takes no more answers.", date=closes)
    return Consequences(title, words.gettext("Close now"), (first, *_closing(now, cycle, counts, words)))


def _closing(now: RoundCounts, cycle: Cycle, counts: Counts, words: Words) -> tuple[str, ...]:
    missing = words.ngettext("%(num)s answer is still missing.", "%(num)s answers are still missing.", now.pending)
    match now.kind:
        case RoundKind.ENROLMENT:
            silent = words.ngettext(
                "%(num)s person has not answered and does not take part.",
                "%(num)s people have not answered and do not take part.",
                now.pending,
            )
            pool = words.ngettext(
                "Then pairs are proposed for the %(num)s person who has enrolled.",
                "Then pairs are proposed for the %(num)s people who have enrolled.",
                cycle.enrolled or 0,
            )
            return (silent, pool)
        case RoundKind.ACCEPTANCE:
            offered = words.ngettext(
                "%(num)s offered pair that lacks an answer is declined.",
                "%(num)s offered pairs that lack an answer are declined.",
                counts.pairs.get(PairState.OFFERED, 0),
            )
            live = words.ngettext(
                "%(num)s active pair gets the message for its first meeting. Who is left without a pair is told so.",
                "%(num)s active pairs get the message for their first meeting. Who is left without a pair is told so.",
                counts.pairs.get(PairState.ACTIVE, 0),
            )
            return (offered, live)
        case RoundKind.CHECK_IN:
            return (missing, words.gettext("Who misses two check-ins in a row raises a concern."))
        case _:
            after = words.ngettext(
                "Then %(num)s active pair is completed, the report is compiled, and the cycle is over.",
                "Then %(num)s active pairs are completed, the report is compiled, and the cycle is over.",
                counts.pairs.get(PairState.ACTIVE, 0),
            )
            return (missing, after)


def _remind(cycle: Cycle, counts: Counts, words: Words, time_zone: str, now: datetime) -> Consequences:
    round_ = open_round(cycle)
    title = words.gettext(TITLES[Action.REMIND])
    if round_ is None:
        return Consequences(title, "", (_why_not(Action.REMIND, cycle, words),), possible=False)
    told = round_.told_at
    if told is not None and told + REMINDERS_APART > now:
        again = words.moment(told + REMINDERS_APART, time_zone)
        told_at = words.moment(told, time_zone)
        why = words.gettext("Everybody was told on %(date)s, and nobody is told twice within 24 hours.", date=told_at)
        return Consequences(
            title, "", (why, words.gettext("You can remind them from %(date)s on.", date=again)), possible=False
        )
    if not round_.pending:
        return Consequences(title, "", (words.gettext("Everybody has answered."),), possible=False)
    if declaration_of(round_.kind).tells_who_answered and counts.pending_people is not None:
        who = words.ngettext(
            "%(num)s person who has not answered %(round)s gets one reminder.",
            "%(num)s people who have not answered %(round)s get one reminder each.",
            counts.pending_people,
            round=_title(round_, words),
        )
    else:
        who = words.ngettext(
            "Everybody who has not answered %(round)s gets one reminder: %(num)s answer is missing.",
            "Everybody who has not answered %(round)s gets one reminder: %(num)s answers are missing.",
            round_.pending,
            round=_title(round_, words),
        )
    apart = words.gettext(
        "It is sent within the hours of the program. A planned reminder within the next 24 hours is left out."
    )
    return Consequences(title, words.gettext("Send reminders"), (who, apart))


def _title(round_: RoundCounts, words: Words) -> str:
    return round_name(round_.kind, words.number(round_.number), words)
