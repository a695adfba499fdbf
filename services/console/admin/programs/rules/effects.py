"""What matching rules would do, in words and figures. Pure."""

from typing import NamedTuple

from services.console.admin.programs.resources import DirectoryEffect, Outcome, PolicyEffect, RunEffect
from shared.language.words import Words, translatable

REASONS = {
    "level_gap": translatable("Nobody stands at a level that fits"),
    "same_manager": translatable("All who would fit have the same manager"),
    "language": translatable("Nobody who would fit speaks a common language"),
    "department": translatable("All who would fit are in the same department"),
    "meeting_windows": translatable("Too few hours in common"),
    "past_pair": translatable("All who would fit were a pair before"),
    "floor": translatable("Every possible pair fits too badly"),
    "no_counterpart": translatable("Nobody takes the other part"),
    "capacity": translatable("All who would fit have no free place"),
    "no_shared_topic": translatable("Nobody with a topic in common had a free place"),
    "other": translatable("The places went to others, or another reason"),
}
RULES = {
    "level_gap": translatable("Levels between the two"),
    "reporting_line": translatable("People on one reporting line"),
    "same_manager": translatable("People with the same manager"),
    "language": translatable("People without a common language"),
    "department": translatable("People of one department"),
    "meeting_windows": translatable("Hours in which both can meet"),
}
BUSY, TOO_LARGE, AWAY = "matching_busy", "trial_too_large", "away"
FAILURES = {
    BUSY: translatable("Other computations of your organization come first. Try the rules again in a moment."),
    TOO_LARGE: translatable("So many people take part that this takes too long to be tried here."),
    AWAY: translatable("The rules cannot be tried just now. Try them again in a minute."),
}
UNREAD = translatable("The rules can be tried once everything in the form can be read.")


class Tried(NamedTuple):
    """What was read."""

    effect: PolicyEffect
    period: str = ""
    """The cycle of the run; empty for the directory."""


class Figure(NamedTuple):
    label: str
    before: str
    after: str
    part: bool = False
    """Whether it is a part of the figure above it."""


class EffectView(NamedTuple):
    """What the form shows once rules were tried."""

    told: str
    """The result in a sentence, which assistive technology reads out."""
    run: list[Figure] = []
    """The last run as it was, and by these rules."""
    directory: list[tuple[str, str]] = []
    ruled_out: list[tuple[str, str, str]] = []
    """Each rule with the pairs that it forbids, and which part of all that is."""


def failed(words: Words, code: str) -> EffectView:
    return EffectView(words.gettext(FAILURES[code]))


def effect_view(words: Words, tried: Tried) -> EffectView:
    effect, people = tried.effect, words.number(tried.effect.people)
    if effect.match_run is not None:
        return EffectView(_told(words, effect.match_run, people, tried.period), run=_run(words, effect.match_run))
    found = effect.directory
    if found is None:
        return failed(words, AWAY)
    said = (
        words.gettext("Tried with %(people)s people who were drawn at random from the directory.", people=people)
        if effect.sampled
        else words.ngettext(
            "Tried with the one person of the directory who would be asked.",
            "Tried with the %(num)s people of the directory who would be asked.",
            effect.people,
        )
    )
    return EffectView(said, directory=_directory(words, found), ruled_out=_ruled_out(words, found))


def _told(words: Words, run: RunEffect, people: str, period: str) -> str:
    more = run.after.people - run.before.people
    said = words.gettext("Tried with the %(people)s people of the cycle %(period)s.", people=people, period=period)
    if more > 0:
        change = words.ngettext(
            "%(num)s more person would be in a pair.",
            "%(num)s more people would be in a pair.",
            more,
        )
    elif more < 0:
        change = words.ngettext(
            "%(num)s person fewer would be in a pair.",
            "%(num)s people fewer would be in a pair.",
            -more,
        )
    else:
        change = words.gettext("As many people as then would be in a pair.")
    return f"{said} {change}"


def _run(words: Words, run: RunEffect) -> list[Figure]:
    number, before, after = words.number, run.before, run.after

    def figure(label: str, one: int, other: int, *, part: bool = False) -> Figure:
        return Figure(label, number(one), number(other), part)

    return [
        figure(words.gettext("People in a pair"), before.people, after.people),
        figure(words.gettext("Pairs"), before.pairs, after.pairs),
        Figure(words.gettext("Pairs that stay"), "", number(run.pairs_kept), part=True),
        Figure(words.gettext("Pairs that come"), "", number(run.pairs_added), part=True),
        Figure(words.gettext("Pairs that go"), number(run.pairs_removed), "", part=True),
        figure(words.gettext("People without a partner"), before.unmatched, after.unmatched),
        *(
            figure(words.gettext(label), before.unmatched_by.get(code, 0), after.unmatched_by.get(code, 0), part=True)
            for code, label in REASONS.items()
            if _counts(before, code) or _counts(after, code)
        ),
    ]


def _counts(outcome: Outcome, code: str) -> bool:
    return bool(outcome.unmatched_by.get(code))


def _directory(words: Words, found: DirectoryEffect) -> list[tuple[str, str]]:
    number = words.number
    return [
        (words.gettext("Could mentor somebody"), number(found.mentors)),
        (words.gettext("Could be mentored by somebody"), number(found.mentees)),
        (words.gettext("Could be in no pair"), number(found.nobody)),
        (
            words.gettext("Pairs that the rules allow"),
            words.gettext(
                "%(allowed)s of %(possible)s", allowed=number(found.couples), possible=number(found.possible)
            ),
        ),
    ]


def _ruled_out(words: Words, found: DirectoryEffect) -> list[tuple[str, str, str]]:
    """The rule that forbids the most first."""
    counted = sorted(
        ((code, count) for code, count in found.ruled_out.items() if code in RULES), key=lambda one: -one[1]
    )
    return [
        (words.gettext(RULES[code]), words.number(count), words.percent(count / found.possible))
        for code, count in counted
        if count
    ]
