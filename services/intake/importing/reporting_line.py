"""Who reports to whom once an export is imported: the rows of the file together with the rest of the directory."""

from collections.abc import Sequence
from typing import NamedTuple

from services.intake.importing.drafts import ParsedFile
from services.intake.importing.hierarchy import find_cycles, nearest_above
from services.intake.importing.manager_index import ManagerIndex, Unresolved
from services.intake.importing.names import PersonName
from services.intake.importing.recognition import Recognition
from services.intake.person import PersonRecord
from shared.contracts.imports import ProblemCode


class ReportingLine(NamedTuple):
    """The reporting line as numbered nodes: the rows of the file, then the people of the directory without a row."""

    above: list[int | None]
    """The node that each node reports to. Nodes of a circle report to nobody."""
    others: list[PersonRecord]
    """The people of the directory whom no row of the file is about."""
    left: set[int]
    """The nodes of people who have left."""
    incomplete: set[int]
    """The nodes whose line does not reach a top, because a manager on it is unknown or is part of a circle."""


def find_reporting_line(parsed: ParsedFile, directory: Sequence[PersonRecord], found: Recognition) -> ReportingLine:
    """The reporting line. Rows whose manager cannot be found, or is part of a circle, are rejected."""
    drafts = parsed.drafts
    named = {known.id for known in found.known.values()}
    others = [known for known in directory if known.id not in named]
    above, unresolved = _resolve(parsed, found, others)
    above += _above_in_directory(found, others, len(drafts))
    cyclic = find_cycles(above)
    for node in sorted(cyclic):
        if node < len(drafts) and not drafts[node].leaver:
            code = ProblemCode.OWN_MANAGER if above[node] == node else ProblemCode.CIRCLE_OF_MANAGERS
            parsed.reject(drafts[node], next(iter(drafts[node].managers), "manager"), code)
    for node in cyclic:
        above[node] = None
    left = {node for node, draft in enumerate(drafts) if draft.leaver}
    left |= {node for node, known in enumerate(others, len(drafts)) if not known.active}
    return ReportingLine(above, others, left, _incomplete(above, left, unresolved | cyclic))


def _resolve(parsed: ParsedFile, found: Recognition, others: list[PersonRecord]) -> tuple[list[int | None], set[int]]:
    index = ManagerIndex(parsed.column_map.formats.names)
    # Staff come before leavers, so that somebody who has left is never found instead of somebody who has not.
    for node, draft in sorted(enumerate(parsed.drafts), key=lambda item: item[1].leaver):
        if node not in found.repeats:
            node = found.same_as.get(node, node)  # an old id of somebody who has come back
            index.add(node, int(draft.leaver), draft.external_id, found.emails.get(node), draft.name)
    for node, known in enumerate(others, len(parsed.drafts)):
        name = PersonName(known.name, known.given_name, known.family_name)
        index.add(node, 2, known.external_id, known.email, name)
    above: list[int | None] = []
    unresolved: set[int] = set()
    for node, draft in enumerate(parsed.drafts):
        manager = index.find(draft.managers)
        if isinstance(manager, Unresolved):
            unresolved.add(node)
            accepted = manager is Unresolved.UNKNOWN and parsed.column_map.managers.unknown == "nobody"
            if not draft.leaver and not accepted:
                parsed.reject(draft, next(iter(draft.managers)), manager.value)
            manager = None
        above.append(manager)
    return above, unresolved


def _above_in_directory(found: Recognition, others: list[PersonRecord], start: int) -> list[int | None]:
    nodes = {known.id: node for node, known in found.known.items()}
    nodes |= {known.id: node for node, known in enumerate(others, start)}
    return [nodes.get(known.manager_id) if known.manager_id else None for known in others]


def _incomplete(above: list[int | None], left: set[int], broken: set[int]) -> set[int]:
    """The broken nodes, and the nodes that have only leavers between themselves and a broken node."""
    ends = nearest_above(above, left - broken)
    return broken | {node for node, manager in enumerate(ends) if manager in broken and manager in left}
