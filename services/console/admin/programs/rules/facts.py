"""A program's definition in plain words, one fact a line. Pages show the facts, and compare two definitions by them."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from services.console.admin.programs.resources import Definition, Names
from services.console.words.codes import DIRECTIONS
from shared.contracts.programs import (
    Calendar,
    Direction,
    LadderPlan,
    LocationPreference,
    MatchingPolicy,
    Objective,
    RoundPlan,
    Topic,
    Weights,
)
from shared.language.words import Words, translatable

AT_ONCE = ("name", "time_zone", "language", "sponsor_id", "coordinator_ids")
"""The fields that hold for running cycles too, as soon as they are changed."""
FIELDS = {
    "name": translatable("Name"),
    "direction": translatable("Direction"),
    "topics": translatable("Topics"),
    "language": translatable("Language"),
    "time_zone": translatable("Time zone"),
    "sponsor_id": translatable("Sponsor"),
    "coordinator_ids": translatable("Coordinators"),
    "calendar": translatable("Calendar"),
    "policy": translatable("Matching rules"),
    "recurs": translatable("Start by itself"),
}
WEIGHTS = {
    "topics": translatable("topics fit"),
    "cross_functional": translatable("another department"),
    "meeting_windows": translatable("time to meet"),
    "wishes": translatable("wishes"),
    "level_gap": translatable("the best level gap"),
    "location": translatable("location"),
    "waited": translatable("waited since an earlier cycle"),
}


class Fact(NamedTuple):
    field: str
    """The field of the definition that it is about."""
    key: str
    label: str
    value: str
    """In the words of the reader. Empty if there is nothing."""


class Change(NamedTuple):
    field: str
    label: str
    before: str
    after: str


def facts_of(words: Words, definition: Definition, names: Names) -> list[Fact]:
    single = {
        "name": definition.name,
        "direction": words.gettext(DIRECTIONS[definition.direction]),
        "language": words.language_name(definition.language),
        "time_zone": definition.time_zone,
        "sponsor_id": people(words, [definition.sponsor_id] if definition.sponsor_id else [], names),
        "coordinator_ids": people(words, definition.coordinator_ids, names),
        "recurs": words.gettext("every quarter") if definition.recurs else words.gettext("no"),
    }
    topics = [
        Fact("topics", f"topics.{topic.code}", words.gettext("Topic"), _topic(words, topic))
        for topic in definition.topics
    ]
    return [
        *(Fact(field, field, words.gettext(FIELDS[field]), value) for field, value in single.items()),
        *topics,
        *(Fact("calendar", f"calendar.{key}", *rest) for key, *rest in _calendar(words, definition.calendar)),
        *(Fact("policy", f"policy.{key}", *rest) for key, *rest in _policy(words, definition)),
    ]


def changes_between(words: Words, before: Definition, after: Definition, names: Names) -> list[Change]:
    """What is different, in the order of the facts. A topic that is in one of the two alone has an empty side."""
    old = {fact.key: fact for fact in facts_of(words, before, names)}
    new = {fact.key: fact for fact in facts_of(words, after, names)}
    found = []
    for key in dict.fromkeys([*new, *old]):
        one, other = old.get(key), new.get(key)
        was, now = one.value if one else "", other.value if other else ""
        if was != now and (fact := other or one):
            found.append(Change(fact.field, fact.label, was, now))
    return found


def people(words: Words, ids: Iterable[UUID], names: Names) -> str:
    unknown = words.gettext("somebody who is not in the directory")
    return words.listed(names[one].name if one in names else unknown for one in ids)


def _topic(words: Words, topic: Topic) -> str:
    if not topic.aliases:
        return topic.label
    return words.gettext("%(label)s (also: %(also)s)", label=topic.label, also=", ".join(topic.aliases))


def _calendar(words: Words, calendar: Calendar) -> list[tuple[str, str, str]]:
    every = words.duration(calendar.check_in_every)
    first = words.duration(calendar.wait_for_check_in(1))
    return [
        ("enrolment", words.gettext("Enrolment"), _round(words, calendar.enrolment)),
        ("acceptance", words.gettext("Acceptance"), _round(words, calendar.acceptance)),
        (
            "check_ins",
            words.gettext("Check-ins"),
            words.ngettext(
                "%(num)s check-in; time before it: %(first)s",
                "%(num)s check-ins; time before the first: %(first)s, between two: %(every)s",
                calendar.check_ins,
                first=first,
                every=every,
            )
            if calendar.check_ins
            else words.gettext("none"),
        ),
        ("check_in", words.gettext("Answering a check-in"), _round(words, calendar.check_in)),
        ("survey", words.gettext("Closing survey"), _round(words, calendar.survey)),
        ("approval", words.gettext("Approval is overdue"), _ladder(words, calendar.approval)),
        ("concern", words.gettext("A concern is open"), _ladder(words, calendar.concern)),
        ("working_days", words.gettext("Days that count until then"), _days(words, calendar)),
        ("sending_hours", words.gettext("Messages are sent"), _hours(words, calendar)),
    ]


def _round(words: Words, plan: RoundPlan) -> str:
    length = words.duration(plan.length)
    if not plan.reminders:
        return words.gettext("%(length)s, no reminder", length=length)
    reminders = words.listed(map(words.duration, plan.reminders))
    return words.gettext("%(length)s (reminders: %(reminders)s after the opening)", length=length, reminders=reminders)


def _ladder(words: Words, plan: LadderPlan) -> str:
    remind, tell = words.duration(plan.remind_every), words.duration(plan.escalate_after)
    return words.gettext(
        "time between reminders: %(remind)s, until the sponsor is told: %(tell)s", remind=remind, tell=tell
    )


def _days(words: Words, calendar: Calendar) -> str:
    if not calendar.working_days:
        return words.gettext("every day")
    if not calendar.holidays:
        return words.gettext("Monday to Friday")
    return words.gettext("Monday to Friday, except %(days)s", days=words.listed(map(words.day, calendar.holidays)))


def _hours(words: Words, calendar: Calendar) -> str:
    if (hours := calendar.sending_hours) is None:
        return words.gettext("at any hour of any day")
    start, end = f"{hours.start:%H:%M}", f"{hours.end:%H:%M}"
    return words.gettext("Monday to Friday, %(start)s to %(end)s on each reader's own clock", start=start, end=end)


def _policy(words: Words, definition: Definition) -> list[tuple[str, str, str]]:
    policy = definition.policy
    return [
        ("objective", words.gettext("What matters most"), _objective(words, policy)),
        ("gap", words.gettext("Levels between the two"), _gap(words, definition.direction, policy)),
        ("apart", words.gettext("Never a pair"), _apart(words, policy)),
        ("hours", words.gettext("Time to meet"), _common_hours(words, policy)),
        ("past", words.gettext("Former pairs"), _past(words, policy)),
        ("weights", words.gettext("What makes a good pair"), _weights(words, policy)),
    ]


def _objective(words: Words, policy: MatchingPolicy) -> str:
    if policy.objective is Objective.COVERAGE_FIRST:
        return words.gettext("as many people as possible in a pair")
    floor = words.number(policy.floor)
    return words.gettext("good pairs only, with at least %(floor)s percent of the best score", floor=floor)


def _gap(words: Words, direction: Direction, policy: MatchingPolicy) -> str:
    least, most = policy.min_level_gap, policy.max_level_gap
    if direction is Direction.MUTUAL:
        least = max(1, least)
    number = words.number
    told = (
        words.gettext("at least %(least)s", least=number(least))
        if most is None
        else words.gettext("%(least)s to %(most)s", least=number(least), most=number(most))
    )
    if policy.target_level_gap is None:
        return told
    return words.gettext("%(gap)s, best %(best)s", gap=told, best=number(policy.target_level_gap))


def _apart(words: Words, policy: MatchingPolicy) -> str:
    rules = [
        (policy.reporting_line, words.gettext("people on one reporting line")),
        (policy.same_manager, words.gettext("people with the same manager")),
        (policy.different_department, words.gettext("people of one department")),
        (policy.common_language, words.gettext("people without a common language")),
    ]
    return words.listed(told for holds, told in rules if holds) or words.gettext("nobody")


def _common_hours(words: Words, policy: MatchingPolicy) -> str:
    hours = policy.min_common_hours
    if not hours:
        return words.gettext("not required")
    return words.ngettext("at least %(num)s hour a week", "at least %(num)s hours a week", hours)


def _past(words: Words, policy: MatchingPolicy) -> str:
    if policy.repeat_past_pairs:
        return words.gettext("may be a pair again")
    if policy.repeat_after_cycles is None:
        return words.gettext("are never a pair again")
    return words.ngettext(
        "may be a pair again after %(num)s other cycle",
        "may be a pair again after %(num)s other cycles",
        policy.repeat_after_cycles,
    )


def _weights(words: Words, policy: MatchingPolicy) -> str:
    """The preferences that count, the heaviest first."""
    counted = [(getattr(policy.weights, name), weight_label(words, name, policy)) for name in Weights.model_fields]
    told = [f"{label} {words.number(weight)}" for weight, label in sorted(counted, key=lambda one: -one[0]) if weight]
    return ", ".join(told) or words.gettext("nothing counts")


def weight_label(words: Words, name: str, policy: MatchingPolicy) -> str:
    if name == "location":
        same = policy.location is LocationPreference.SAME
        return words.gettext("the same location") if same else words.gettext("another location")
    return words.gettext(WEIGHTS[name])
