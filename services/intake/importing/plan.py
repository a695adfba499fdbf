"""What an import will do, by comparing the rows of the file with each other and with the directory. Pure.

People whom the file does not name stay as they are, and people whom it names as leavers become inactive. A field for
which the file has no column keeps its value. `store/people.py` carries the plan out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from services.intake.importing.columns import MANAGER_FIELDS
from services.intake.importing.drafts import Draft, ParsedFile
from services.intake.importing.hierarchy import derive_levels, find_cycles, nearest_above
from services.intake.importing.problems import ImportInvalid, Problem
from services.intake.importing.recognition import Recognition, recognise_people, reject_taken_addresses
from services.intake.importing.reporting_line import ReportingLine, find_reporting_line
from services.intake.person import PersonRecord
from shared.contracts.imports import ProblemCode

TEXT_FIELDS = ("external_id", "job_title", "department", "location", "time_zone", "language")


class RowPerson(NamedTuple):
    """Whom a row is about, as the file says."""

    name: str
    email: str


@dataclass(slots=True)
class ImportPlan:
    created: list[PersonRecord] = field(default_factory=list)
    changed: list[PersonRecord] = field(default_factory=list)
    """The complete new records of the people who change, leavers among them."""
    unchanged: int = 0
    left: list[UUID] = field(default_factory=list)
    """The active people of the directory whom the file names as leavers. They are in `changed` too."""
    returned: list[UUID] = field(default_factory=list)
    """The people who had left and whom the file names again. They are in `changed` too."""
    skipped_leavers: int = 0
    left_out: list[Problem] = field(default_factory=list)
    refused: dict[int, RowPerson] = field(default_factory=dict)
    """The people of the rows that are left out, by their lines."""
    notes: list[Problem] = field(default_factory=list)
    """What the admin should know about rows that are imported."""


def plan_import(parsed: ParsedFile, directory: Sequence[PersonRecord], *, skip_invalid: bool = False) -> ImportPlan:
    """The plan. Raises ImportInvalid if a row cannot be used, unless `skip_invalid` leaves such rows out."""
    found = recognise_people(parsed, directory)
    line = find_reporting_line(parsed, directory, found)
    reject_taken_addresses(parsed, directory, found)
    if parsed.problems and not skip_invalid:
        raise ImportInvalid(parsed.problems, skippable=True)
    plan = ImportPlan(left_out=sorted(parsed.problems, key=lambda problem: problem.line))
    plan.refused = {
        draft.line: RowPerson(draft.name.name, draft.email or "") for draft in parsed.drafts if draft.rejected
    }
    ids = [found.known[node].id if node in found.known else uuid4() for node in range(len(parsed.drafts))]
    ids += [known.id for known in line.others]
    managers = _managers(parsed, found, line, plan)
    levels = _levels(parsed, found, line, plan)
    for node, draft in enumerate(parsed.drafts):
        known = found.known.get(node)
        if draft.leaver:
            plan.skipped_leavers += 1
            if known is not None and known.active:
                plan.left.append(known.id)
                plan.changed.append(found.released.get(known.id, known)._replace(active=False))
        elif not draft.rejected:
            manager = managers[node]
            manager_id = ids[manager] if manager is not None else None
            record = _record(draft, known, ids[node], found.emails[node], manager_id, levels[node], parsed)
            _sort_in(plan, record, known)
    written = {record.id for record in plan.changed}
    plan.changed += [record for record in found.released.values() if record.id not in written]
    plan.notes += parsed.remarks.notes()
    plan.notes.sort(key=lambda note: note.line)
    return plan


def _sort_in(plan: ImportPlan, record: PersonRecord, known: PersonRecord | None) -> None:
    if known is None:
        plan.created.append(record)
    elif record == known:
        plan.unchanged += 1
    else:
        plan.changed.append(record)
        if not known.active:
            plan.returned.append(known.id)


def _record(
    draft: Draft,
    known: PersonRecord | None,
    id_: UUID,
    email: str,
    manager_id: UUID | None,
    level: int,
    parsed: ParsedFile,
) -> PersonRecord:
    base = known or PersonRecord(
        id_, None, email, "", "", "", "", "", "", "UTC", "en", 1, None, None, True, language_known=False
    )
    values: dict[str, Any] = {name: value for name in TEXT_FIELDS if (value := getattr(draft, name)) is not None}
    if draft.language is not None:
        values["language_known"] = True
    values |= draft.name._asdict() | {"email": email, "active": True}
    if "hired_on" in parsed.layout:
        values["hired_on"] = draft.hired_on
    if draft.availability is not None:
        values |= {"availability": draft.availability, "available_from": draft.available_from}
    if parsed.names_managers:
        values["manager_id"] = manager_id
    if draft.level is not None:
        values["level"] = draft.level
    elif known is None or parsed.names_managers:
        values["level"] = level
    return base._replace(**values)


def _managers(parsed: ParsedFile, found: Recognition, line: ReportingLine, plan: ImportPlan) -> list[int | None]:
    """The node that becomes the manager of each row.

    People who have left, or whose row is left out, are passed over.
    """
    drafts = parsed.drafts
    left_out = {
        node
        for node, draft in enumerate(drafts)
        if draft.rejected and not draft.leaver and not (node in found.known and found.known[node].active)
    }
    managers = nearest_above(line.above, line.left | left_out)
    for node, draft in enumerate(drafts):
        if draft.leaver or draft.rejected or not draft.managers:
            continue
        direct = line.above[node]
        column = parsed.header(next(iter(draft.managers), "manager"))
        if direct is None and node in line.incomplete:
            plan.notes.append(Problem.of(draft.line, column, ProblemCode.MANAGER_UNKNOWN_ACCEPTED))
        elif direct is not None and direct in left_out:
            taken = managers[node] is not None
            code = ProblemCode.MANAGER_LEFT_OUT if taken else ProblemCode.MANAGER_LEFT_OUT_NOBODY
            plan.notes.append(Problem.of(draft.line, column, code, line=drafts[direct].line))
        elif managers[node] is None and node in line.incomplete:
            plan.notes.append(Problem.of(draft.line, column, ProblemCode.MANAGER_GONE))
    return _without_new_cycles(parsed, found, line, managers, plan)


def _without_new_cycles(
    parsed: ParsedFile, found: Recognition, line: ReportingLine, managers: list[int | None], plan: ImportPlan
) -> list[int | None]:
    """The managers without those that would close a circle.

    A person whose row is left out keeps the old manager. Together with the new managers of others, this can be a
    circle.
    """
    drafts = parsed.drafts
    nodes = {known.id: node for node, known in found.known.items()}
    nodes |= {known.id: node for node, known in enumerate(line.others, len(drafts))}
    after = list(managers)
    for node, draft in enumerate(drafts):
        if draft.rejected or draft.leaver:
            old = found.known[node].manager_id if node in found.known else None
            after[node] = nodes.get(old) if old else None
    for node in find_cycles(after):
        if node < len(drafts) and not drafts[node].rejected and not drafts[node].leaver:
            managers[node] = None
            column = parsed.header(next(iter(drafts[node].managers), "manager"))
            plan.notes.append(Problem.of(drafts[node].line, column, ProblemCode.CIRCLE_LEFT_OUT))
    return managers


def _levels(parsed: ParsedFile, found: Recognition, line: ReportingLine, plan: ImportPlan) -> list[int]:
    if parsed.gives_levels or not parsed.names_managers:
        return [1] * len(parsed.drafts)
    start = len(parsed.drafts)
    above = nearest_above(line.above, line.left)
    above = [None if node in line.left else manager for node, manager in enumerate(above)]
    anchors = {node: known.level for node, known in enumerate(line.others, start)}
    tops = [
        node
        for node, draft in enumerate(parsed.drafts)
        if above[node] is None and not draft.leaver and not draft.rejected and node not in line.incomplete
    ]
    if len(tops) > 1:
        for node in tops:
            column = parsed.header(_manager_field(parsed))
            plan.notes.append(Problem.of(parsed.drafts[node].line, column, ProblemCode.TOP_OF_LINE))
    staff = [node for node, draft in enumerate(parsed.drafts) if not draft.leaver and not draft.rejected]
    before = {node: found.known[node].level for node in staff if node in found.known}
    levels = derive_levels(above, anchors, line.incomplete | line.left, before)
    for node in staff:
        manager = above[node]
        if manager is not None and levels[manager] == 1 == levels[node]:
            parsed.remarks.add(parsed.drafts[node].line, parsed.header(_manager_field(parsed)), ProblemCode.BELOW_SCALE)
    return levels


def _manager_field(parsed: ParsedFile) -> str:
    return next(name for name in MANAGER_FIELDS if name in parsed.layout)
