"""The sentences of a review: what forbids a pair, why somebody has no partner, what would change. Pure."""

import re
from typing import NamedTuple

from services.console.admin.review.rules.facts import Alternative, Fit, Preview, UnmatchedFacts
from services.console.admin.review.rules.steps import Kind
from services.console.admin.review.rules.view import Names
from shared.contracts.programs import MatchingPolicy
from shared.language.words import Words, translatable

OBSTACLES = {
    "level_gap": translatable("outside the level gap"),
    "same_manager": translatable("under the same manager"),
    "language": translatable("without a common language"),
    "department": translatable("in the same department"),
    "meeting_windows": translatable("with too few common hours"),
    "past_pair": translatable("a pair in an earlier cycle"),
    "forbidden": translatable("forbidden by an admin"),
    "floor": translatable("with too low a fit"),
    "capacity": translatable("without a free place"),
    "dropped": translatable("left out by an admin"),
    "not_possible": translatable("not possible"),
}
REASONS = {
    "no_counterpart": translatable("Nobody enrolled for the other part."),
    "level_gap": translatable("Nobody stands at a level that the rules allow."),
    "same_manager": translatable("All who would fit have the same manager."),
    "language": translatable("Nobody who would fit speaks the same language."),
    "department": translatable("All who would fit are in the same department."),
    "meeting_windows": translatable("Nobody who would fit has enough hours in common."),
    "past_pair": translatable("All who would fit were a partner in an earlier cycle."),
    "forbidden": translatable("An admin has forbidden the pairs that would be possible."),
    "floor": translatable("Every possible pair would fit too badly."),
    "capacity": translatable("All who would fit have no free place."),
    "no_shared_topic": translatable("Nobody with a topic in common had a free place."),
    "candidates_taken": translatable("There were possible partners; their places went to others."),
    "dropped": translatable("An admin has left this person out."),
    "not_approved": translatable("The proposed pair was not approved in time."),
    "not_possible": translatable("No pair with the others is possible."),
}
GROUPS = {
    "no_counterpart": translatable("Nobody for the other part"),
    "level_gap": translatable("Level"),
    "same_manager": translatable("Same manager"),
    "language": translatable("Language"),
    "department": translatable("Department"),
    "meeting_windows": translatable("Common hours"),
    "past_pair": translatable("Earlier pairs"),
    "forbidden": translatable("Forbidden"),
    "floor": translatable("Low fit"),
    "capacity": translatable("No free place"),
    "no_shared_topic": translatable("No shared topic"),
    "candidates_taken": translatable("Places went to others"),
    "dropped": translatable("Left out"),
    "not_approved": translatable("Not approved"),
    "not_possible": translatable("Not possible"),
}
SWITCHED = {
    "same_manager": ("same_manager", "false", translatable("Allow pairs under the same manager")),
    "language": ("common_language", "false", translatable("Allow pairs without a common language")),
    "department": ("different_department", "false", translatable("Allow pairs in the same department")),
    "meeting_windows": ("min_common_hours", "0", translatable("Ask for no common hours")),
    "past_pair": ("repeat_past_pairs", "true", translatable("Allow pairs of earlier cycles")),
    "floor": ("floor", "0", translatable("Allow pairs of any fit")),
}
"""The setting of the policy that lifts a constraint, its value as JSON, and what that is called."""
CODES = re.compile(r"\(([a-z_]+)\)")


class Remedy(NamedTuple):
    """The smallest change that would help somebody without a partner, to be tried at once."""

    label: str
    step: str
    """Empty where somebody chooses first: the possible partners are the way then."""
    promise: str


def remedy_of(person: UnmatchedFacts, words: Words) -> Remedy | None:
    """None where nothing that an admin changes here would help."""
    if person.reason == "dropped":
        return Remedy(words.gettext("Put back in"), f"{Kind.PUT_BACK}:{person.person_id}", "")
    change = person.change
    if change is None:
        return None
    promise = words.ngettext("%(num)s possible partner then.", "%(num)s possible partners then.", change.candidates)
    if change.free:
        promise = words.ngettext(
            "%(num)s possible partner then, %(free)s with a free place.",
            "%(num)s possible partners then, %(free)s with a free place.",
            change.candidates,
            free=words.number(change.free),
        )
    if change.min_level_gap is not None:
        label = words.gettext("Set the smallest level gap to %(number)s", number=words.number(change.min_level_gap))
        return Remedy(label, f"{Kind.RULE}:min_level_gap={change.min_level_gap}", promise)
    if change.max_level_gap is not None:
        label = words.gettext("Set the largest level gap to %(number)s", number=words.number(change.max_level_gap))
        return Remedy(label, f"{Kind.RULE}:max_level_gap={change.max_level_gap}", promise)
    if change.constraint in SWITCHED:
        setting, value, said = SWITCHED[change.constraint]
        return Remedy(words.gettext(said), f"{Kind.RULE}:{setting}={value}", promise)
    if change.constraint == "capacity":
        told = words.ngettext("%(num)s possible partner.", "%(num)s possible partners.", change.candidates)
        return Remedy("", "", told)
    return None


def blocked_of(person: UnmatchedFacts, words: Words) -> str:
    """How many couples each rule leaves out, as one phrase."""
    known = ((OBSTACLES[name], count) for name, count in person.blocked.items() if name in OBSTACLES and count)
    counted = [
        words.gettext("%(count)s %(obstacle)s", count=words.number(count), obstacle=words.gettext(said))
        for said, count in sorted(known, key=lambda one: -one[1])
    ]
    return words.listed(counted)


def obstacles_of(codes: tuple[str, ...], words: Words) -> str:
    return words.listed(words.gettext(OBSTACLES.get(code, OBSTACLES["not_possible"])) for code in codes)


def loss_of(points: int, fit: Fit | None, words: Words) -> str:
    """What it means that all pairs together have so many points less, compared with a usual pair of the run."""
    middle = fit.middle if fit is not None and fit.middle > 0 else 1
    if points < 0:
        return words.gettext("All pairs together would fit better.")
    if points == 0:
        return words.gettext("All pairs together would fit just as well.")
    if points * 10 < middle:
        return words.gettext("All pairs together would fit almost as well.")
    if points * 10 < middle * 4:
        return words.gettext("All pairs together would fit a little less well.")
    if points < middle:
        return words.gettext("All pairs together would fit noticeably less well.")
    return words.gettext("All pairs together would fit much less well, as if a usual pair were missing.")


def cost_of(alternative: Alternative, fit: Fit | None, words: Words) -> str:
    """What it would cost to make this one a pair. In a large run it is the least that it can cost."""
    if alternative.people:
        if alternative.exact:
            return words.ngettext(
                "%(num)s more person would have no partner.",
                "%(num)s more people would have no partner.",
                alternative.people,
            )
        return words.ngettext(
            "At least %(num)s more person would have no partner.",
            "At least %(num)s more people would have no partner.",
            alternative.people,
        )
    if not alternative.costs and not alternative.exact:
        return words.gettext("What it costs is not known before you look.")
    return loss_of(alternative.costs, fit, words)


def changes_of(preview: Preview, names: Names, fit: Fit | None, words: Words) -> tuple[str, ...]:
    """What a change would do, the gravest first."""
    found = []
    lost = [one for one in preview.first_topic_lost if one not in preview.no_longer_matched]
    won = [one for one in preview.first_topic_won if one not in preview.newly_matched]
    if preview.no_longer_matched:
        people = names.listed(preview.no_longer_matched)
        found.append(words.gettext("Without a partner then: %(people)s.", people=people))
    if preview.newly_matched:
        people = names.listed(preview.newly_matched)
        found.append(words.gettext("With a partner then: %(people)s.", people=people))
    if lost:
        people = names.listed(lost)
        found.append(words.gettext("Without the topic that they want most: %(people)s.", people=people))
    if won:
        people = names.listed(won)
        found.append(words.gettext("With the topic that they want most: %(people)s.", people=people))
    if preview.changed:
        found.append(
            words.ngettext(
                "%(num)s person would have another partner.",
                "%(num)s people would have other partners.",
                len(preview.changed),
            )
        )
    if not preview.pairs_added and not preview.pairs_removed:
        return (words.gettext("No pair would change."),)
    if preview.before.pairs == preview.after.pairs:
        found.append(loss_of(preview.before.points - preview.after.points, fit, words))
    return tuple(found)


REFUSALS = (
    ("write why", translatable("This pair is %(obstacles)s. Write why you make it all the same.")),
    (
        "a pair by hand may override",
        translatable("This pair is %(obstacles)s. You can make it by hand, with a reason."),
    ),
    (" free place", translatable("One of the two has no free place. Take back another decision about them first.")),
    ("did not enrol as", translatable("One of the two did not enrol for this part.")),
    ("not in this run's pool", translatable("One of the two did not enrol in this cycle.")),
    ("offered to each other", translatable("These two are a pair of this cycle already.")),
    ("their own partner", translatable("Nobody can be their own partner.")),
    ("line breaks", translatable("Write the reason in one line.")),
)
DOES_NOT_FIT = translatable("This does not fit the other decisions any more. Take one of them back first.")


def refusal_of(detail: str, words: Words) -> str:
    """What the API says against a steering, in the reader's words. The codes that it names stand in brackets."""
    codes = tuple(code for code in CODES.findall(detail) if code in OBSTACLES)
    for part, said in REFUSALS:
        if part in detail:
            return words.gettext(said, obstacles=obstacles_of(codes, words))
    return words.gettext(DOES_NOT_FIT)


def needs_reason(detail: str) -> bool:
    return "write why" in detail


RULES = {
    "reporting_line": translatable("Nobody meets someone on their own reporting line"),
    "same_manager": translatable("Nobody meets someone with the same manager"),
    "different_department": translatable("Nobody meets someone of their own department"),
    "common_language": translatable("The two share a language"),
    "repeat_past_pairs": translatable("People who were a pair in an earlier cycle may be one again"),
}
WEIGHTS = {
    "topics": translatable("Topics wanted and taught"),
    "wishes": translatable("Wishes for each other"),
    "cross_functional": translatable("Different departments"),
    "meeting_windows": translatable("Hours in common"),
    "level_gap": translatable("The right distance of levels"),
    "location": translatable("The location"),
    "waited": translatable("Found nobody last time"),
}


def rules_shown(policy: MatchingPolicy) -> dict[str, str]:
    """The fields of the form for rules with what is in them now."""
    found = {name: "on" for name in RULES if getattr(policy, name)}
    found["min_level_gap"] = str(policy.min_level_gap)
    found["max_level_gap"] = "" if policy.max_level_gap is None else str(policy.max_level_gap)
    found["min_common_hours"] = f"{policy.min_common_hours:g}"
    return found | {f"weight-{name}": str(value) for name, value in policy.weights}
