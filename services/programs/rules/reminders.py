"""The reminders of a round whose length an admin changed without a word about reminders. Pure.

Those that were there before are kept as far as they fit, because a round without reminders is hardly ever what somebody
wants who asks for a shorter one. What does not fit is told.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import TypeAdapter

from shared.contracts.programs import Calendar, RoundPlan

ISO = TypeAdapter(timedelta)


def keep_reminders(calendar: Calendar, before: Calendar) -> Calendar:
    """The calendar in which every round that was given without reminders has those of `before` that fall inside it."""
    kept = {
        name: RoundPlan.model_construct(
            {"length"},
            length=plan.length,
            reminders=tuple(reminder for reminder in getattr(before, name).reminders if reminder < plan.length),
        )
        for name, plan in _silent(calendar)
    }
    return calendar.model_copy(update=kept) if kept else calendar


def notes_on_request(calendar: Calendar, before: Calendar) -> tuple[str, ...]:
    """What `keep_reminders` did, a sentence for each round: which reminders were kept and which did not fit."""
    return tuple(_note(name, plan, getattr(before, name), "the program") for name, plan in _silent(calendar))


def notes_on_definition(calendar: Calendar) -> tuple[str, ...]:
    """For each round of a program that has the default reminders as far as they fit: which ones do not fit."""
    default = Calendar()
    return tuple(
        _note(name, plan, usual, "the default")
        for name, plan, usual in ((name, plan, getattr(default, name)) for name, plan in _rounds(calendar))
        if plan.reminders != usual.reminders
        and plan.reminders == tuple(one for one in usual.reminders if one < plan.length)
    )


def _rounds(calendar: Calendar) -> Iterator[tuple[str, RoundPlan]]:
    for name in Calendar.model_fields:
        if isinstance(plan := getattr(calendar, name), RoundPlan):
            yield name, plan


def _silent(calendar: Calendar) -> list[tuple[str, RoundPlan]]:
    """The rounds that were given without reminders."""
    given = calendar.model_fields_set
    return [
        (name, plan) for name, plan in _rounds(calendar) if name in given and "reminders" not in plan.model_fields_set
    ]


def _note(name: str, plan: RoundPlan, before: RoundPlan, whose: str) -> str:
    kept = [one for one in before.reminders if one < plan.length]
    lost = [one for one in before.reminders if one >= plan.length]
    said = [f"of the reminders of {whose}, {_listed(kept)} {'is' if len(kept) == 1 else 'are'} kept"] if kept else []
    if lost:
        said.append(f"{_listed(lost)} {'does' if len(lost) == 1 else 'do'} not fit into {_iso(plan.length)}")
    if not said:
        said.append(f"{whose} has no reminders to keep")
    return f"calendar.{name}: " + ", and ".join(said) + "."


def _listed(durations: Sequence[timedelta]) -> str:
    return ", ".join(map(_iso, durations))


def _iso(duration: timedelta) -> str:
    text: str = ISO.dump_python(duration, mode="json")
    return text
