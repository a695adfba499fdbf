"""The words that the pages of a cycle and of concerns use for codes. They are translated where they are shown."""

from shared.contracts.feedback import ConcernReason, Resolution
from shared.contracts.matching import EndReason
from shared.contracts.overview import StallReason
from shared.contracts.rounds import RoundKind
from shared.language.words import Words, translatable

ROUNDS = {
    RoundKind.ENROLMENT: translatable("Enrolment"),
    RoundKind.ACCEPTANCE: translatable("Acceptance"),
    RoundKind.CHECK_IN: translatable("Check-in"),
    RoundKind.SURVEY: translatable("Closing survey"),
}
"""What the rounds of each kind are called, as their own pages call them."""
END_REASONS = {
    EndReason.NOT_A_FIT: translatable("not a good fit"),
    EndReason.NO_TIME: translatable("no time"),
    EndReason.LEFT_COMPANY: translatable("somebody has left"),
    EndReason.DECLINED: translatable("one of the two declined"),
    EndReason.NO_ANSWER: translatable("an answer was missing"),
    EndReason.CYCLE_CANCELLED: translatable("the cycle was cancelled"),
    EndReason.OTHER: translatable("another reason"),
}
END_CHOICES = {
    EndReason.NOT_A_FIT.value: translatable("They are not a good fit"),
    EndReason.NO_TIME.value: translatable("One of them has no time"),
    EndReason.LEFT_COMPANY.value: translatable("One of them has left"),
    EndReason.OTHER.value: translatable("Another reason"),
}
CONCERNS = {
    ConcernReason.MISSED_CHECK_INS: translatable("Two check-ins missed in a row"),
    ConcernReason.NOT_A_FIT: translatable("Says that it is not a good fit"),
}
RESOLUTIONS = {
    Resolution.TALKED.value: translatable("Somebody talked to both, and the pair goes on"),
    Resolution.PAIR_ENDED.value: translatable("The pair was ended"),
    Resolution.NOT_NEEDED.value: translatable("It was no concern after all, such as silence during a leave"),
    Resolution.OTHER.value: translatable("Another way"),
}
ADVICE = {
    "smtp": translatable(
        "The mail server refuses this address for good. Correct it in your HR system and import again."
    ),
    "invalid_address": translatable("This is not a valid address. Correct it in your HR system and import again."),
    "smtputf8_unsupported": translatable("Your mail server cannot send to addresses with such letters."),
    "undeliverable": translatable("The mail server put this message off too often. The next one may get through."),
}
OTHER_ADVICE = translatable("Look at the address of this person.")

STALLS = {
    StallReason.WORKFLOW_MISSING: translatable("Nothing moves it any more: its workflow is gone."),
    StallReason.WORKFLOW_FAILING: translatable("Its workflow fails at the same place again and again."),
    StallReason.NO_WORKER: translatable(
        "Nothing takes its next step: a part of Upward does not run, or has too much to do."
    ),
    StallReason.ACTIVITY_FAILING: translatable("One of its steps fails again and again."),
    StallReason.EVENT_SET_ASIDE: translatable("Something that happened could not be handled, and the rest waits."),
    StallReason.EVENTS_WAITING: translatable("What happens in it is not handed on any more."),
    StallReason.ROUND_OVERDUE: translatable("Its round is still open though the deadline is over."),
}
"""Why a cycle does not move though it should."""


def round_name(kind: str, number: object, words: Words) -> str:
    """What one round is called, such as `Check-in 2`; without a number if there is none."""
    title = words.gettext(ROUNDS[RoundKind(kind)]) if kind in ROUNDS else str(kind)
    return title if number is None else f"{title} {number}"
