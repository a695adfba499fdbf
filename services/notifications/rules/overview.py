"""The Monday overview of one coordinator: what needs a human in their programs, and what happens in the next 14 days.
It tells what the home page of the console tells (`shared/attention/home.py`), and names nobody. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.notifications.rules.rendering import Ahead, Entry, OverviewFacts, one_line
from services.notifications.rules.sending_hours import zone_of
from shared.attention.calendar import Happening, NextStep, Step, What
from shared.attention.home import Found, Home, Kind, Task, home_of
from shared.attention.resources import Concerns, Cycle, Cycles, Messages, Programs, Running
from shared.contracts.intake import Contact
from shared.contracts.programs import SendingHours
from shared.contracts.rounds import RoundKind
from shared.language.words import Words, translatable

ROUNDS = {
    RoundKind.ENROLMENT: translatable("Enrolment"),
    RoundKind.ACCEPTANCE: translatable("Acceptance"),
    RoundKind.CHECK_IN: translatable("Check-in"),
    RoundKind.SURVEY: translatable("Closing survey"),
}
STEPS = {
    Step.OVERVIEW: translatable("The coordinators read of it in the overview of Monday, %(date)s."),
    Step.REMINDER: translatable("The coordinators are reminded on %(date)s at the earliest."),
    Step.SPONSOR: translatable("The sponsor is told on %(date)s at the earliest."),
    Step.SPONSOR_TOLD: translatable("The sponsor was told on %(date)s."),
}


class Overview(NamedTuple):
    """What was read once for all coordinators of an organization."""

    running: Running
    found: Found
    stand_ins: Mapping[UUID, frozenset[UUID]] = {}
    """For whom each deputy stands in just now."""


def coordinators_of(running: Running) -> tuple[UUID, ...]:
    """Everybody who coordinates a program of which a cycle runs, in the order of ids."""
    programs = {cycle.program_id for cycle in running.cycles}
    return tuple(sorted({who for one in running.programs if one.id in programs for who in one.coordinator_ids}))


def hours_of(running: Running, person_id: UUID) -> SendingHours:
    """In which hours the coordinator is written to: those of their cycles that begin last. Monday morning it is also
    for whoever may be written to at any hour."""
    hours = [cycle.calendar.sending_hours for cycle in _of(running, person_id).cycles]
    return max((one for one in hours if one is not None), key=lambda one: one.start, default=SendingHours())


def home_for(overview: Overview, person_id: UUID, now: datetime) -> Home:
    """What the home page would tell, of this coordinator's programs alone. Cycles that are paused stand still, and
    nothing is told about them."""
    mine = _of(overview.running, person_id, *overview.stand_ins.get(person_id, ()))
    cycles = tuple(cycle for cycle in mine.cycles if not cycle.paused)
    ids, found = {cycle.id for cycle in cycles}, overview.found
    concerns = tuple(one for one in found.concerns.items if one.cycle_id in ids)
    failed = tuple(one for one in found.failed.items if one.cycle_id in ids)
    return home_of(
        Found(
            Cycles(items=cycles),
            Programs(items=mine.programs),
            concerns=Concerns(items=concerns, total=len(concerns)),
            failed=Messages(items=failed),
            runs={cycle_id: runs for cycle_id, runs in found.runs.items() if cycle_id in ids},
            left={cycle_id: pairs for cycle_id, pairs in found.left.items() if cycle_id in ids},
        ),
        now,
    )


def overview_facts(overview: Overview, contact: Contact, words: Words, public_url: str, now: datetime) -> OverviewFacts:
    """Times are in the time zone of the reader."""
    home, zone = home_for(overview, contact.person_id, now), zone_of(contact.time_zone).key
    return OverviewFacts(
        given_name=one_line(contact.given_name) or one_line(contact.name),
        organization_name=one_line(overview.running.organization_name),
        console_url=f"{public_url}/console",
        entries=tuple(_entries(overview, home, words, zone, public_url)),
        ahead=tuple(Ahead(words.short_moment(one.at, zone), _what(words, one), _about(one)) for one in home.soon),
        more=home.more_soon,
    )


def _entries(overview: Overview, home: Home, words: Words, zone: str, public_url: str) -> Iterator[Entry]:
    """The most urgent first. Concerns are told as one number for each cycle, because the mail is about nobody."""
    counted = Counter(one.cycle_id for one in overview.found.concerns.items)
    concerned = [line.cycle for line in home.lines if counted[line.cycle.id]]
    for task in home.tasks:
        if task.kind is Kind.CONCERN:
            for cycle in concerned:
                text = words.ngettext("%(num)s concern is open", "%(num)s concerns are open", counted[cycle.id])
                yield Entry(text, _named(cycle), "", f"{public_url}/console/concerns?cycle_id={cycle.id}")
            concerned = []
        elif (entry := _entry(task, words, zone, public_url)) is not None:
            yield entry


def _entry(task: Task, words: Words, zone: str, public_url: str) -> Entry | None:
    about = _named(task.cycle) if task.cycle is not None else ""
    page = f"{public_url}/console/cycles/{task.cycle.id}" if task.cycle is not None else ""
    if task.kind is Kind.STALLED:
        tell = words.gettext("Tell whoever runs Upward for you.")
        return Entry(words.gettext("A cycle does not move"), about, tell, page)
    if task.kind is Kind.APPROVAL:
        more = _step(words, task.step, zone)
        return Entry(words.gettext("Matches wait for approval"), about, more, f"{page}/review")
    if task.kind is Kind.REPLACEMENT:
        text = words.gettext("Replacements for declined pairs wait for approval")
        return Entry(text, about, "", f"{page}/review")
    if task.kind is Kind.FAILED_MESSAGES:
        text = words.ngettext(
            "%(num)s message of the last 14 days could not be delivered",
            "%(num)s messages of the last 14 days could not be delivered",
            task.number,
        )
        return Entry(text, about, "", f"{public_url}/console/messages?state=failed")
    if task.kind is Kind.PEOPLE_LEFT:
        text = words.ngettext(
            "%(num)s pair or offer has ended in the last 7 days because somebody left",
            "%(num)s pairs or offers have ended in the last 7 days because people left",
            task.number,
        )
        return Entry(text, about, "", f"{page}/pairs")
    return None


def _step(words: Words, step: NextStep | None, zone: str) -> str:
    if step is None or step.at is None or step.step not in STEPS:
        return ""
    return words.gettext(STEPS[step.step], date=words.short_moment(step.at, zone))


def _what(words: Words, one: Happening) -> str:
    told = ""
    if one.kind is not None:
        numbered = one.number > 1 or one.kind is RoundKind.CHECK_IN
        name = words.gettext(ROUNDS[one.kind]) if one.kind in ROUNDS else str(one.kind)
        told = f"{name} {one.number}" if numbered else name
    match one.what:
        case What.STARTS:
            return words.gettext("The cycle starts")
        case What.ROUND_CLOSES:
            return words.gettext("%(round)s closes", round=told)
        case What.ROUND_OPENS:
            return words.gettext("%(round)s opens", round=told)
        case What.REMINDER:
            return words.gettext("%(round)s: those who have not answered are reminded", round=told)
        case What.APPROVAL_REMINDER:
            return words.gettext("The coordinators are reminded of the approval")
        case What.APPROVAL_ESCALATED:
            return words.gettext("The sponsor is told that the approval is missing")
        case What.RECURS:
            return words.gettext("The next cycle starts by itself")


def _about(one: Happening) -> str:
    if one.cycle is not None:
        return _named(one.cycle)
    return one_line(one.program.name) if one.program is not None else ""


def _named(cycle: Cycle) -> str:
    return f"{one_line(cycle.program_name)}, {one_line(cycle.period)}"


def _of(running: Running, *people: UUID) -> Running:
    programs = tuple(one for one in running.programs if set(people) & set(one.coordinator_ids))
    ids = {one.id for one in programs}
    cycles = tuple(cycle for cycle in running.cycles if cycle.program_id in ids)
    return running.model_copy(update={"programs": programs, "cycles": cycles})
