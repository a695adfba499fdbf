"""What the rows say, compared with what runs."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from itertools import product
from typing import NamedTuple
from uuid import UUID

from services.events.recovery.rules.wanted import Rows, wanted
from shared.contracts.programs import CycleRef, Stage
from shared.contracts.rounds import RoundKind, round_id_for
from workflows.ids import cycle_workflow_id, digest_workflow_id, round_workflow_id

ORDER = tuple(Stage)
MOST_ROUNDS = 60
"""So many rounds of one kind a cycle has at most: 52 check-ins."""
KNOWN = ("cycle-", "round-", "concern-", "digest-")
"""The beginnings of the ids of workflows that may not run without a row. An announcement and an endpoint end by
themselves when nothing is left to send."""


class Difference(StrEnum):
    MISSING = "missing"
    """The rows ask for the workflow, and it does not run."""
    BEHIND = "behind"
    """The workflow of a cycle is at an earlier stage than its row, as when Temporal's database was restored."""
    AHEAD = "ahead"
    """It is at a later stage, or has heard or begun what the rows do not tell, as when Postgres was restored."""
    ORPHANED = "orphaned"
    """The workflow runs, and no row asks for it."""
    SILENT = "silent"
    """The workflow of a cycle does not answer; perhaps no worker of the workflows runs."""


class Seen(NamedTuple):
    """How far the workflow of a cycle is, as it says itself."""

    stage: Stage
    unknown_event: bool = False
    """It has heard an event that the log does not have."""
    begins: bool = False
    """It was started from the rows, and has not read them yet. So it agrees with them."""
    check_ins: int = 0
    """How many of its check-ins are over. Nothing of these runs any more, and no event has told it of them."""


class Finding(NamedTuple):
    difference: Difference
    workflow_id: str
    row: Stage | None = None
    """The stage of the cycle's row."""
    workflow: Stage | None = None
    """The stage of the cycle's workflow."""
    organization_id: UUID | None = None
    """Given for a cycle that has a row."""
    cycle_id: UUID | None = None
    """The cycle that it is, or to which the round belongs that runs without a row."""

    def __str__(self) -> str:
        stages = [f"row {self.row}"] if self.row is not None else []
        stages += [f"workflow {self.workflow}"] if self.workflow is not None else []
        return f"{self.difference:<9} {self.workflow_id}{'  ' if stages else ''}{', '.join(stages)}"


def compare(rows: Rows, running: Collection[str], seen: Mapping[UUID, Seen | None]) -> list[Finding]:
    """The differences, cycles first. `seen` holds the cycles whose workflow runs, and None for one that is silent."""
    orphans = _orphans(rows, running)
    lost = {cycle_id for id, (cycle_id, open) in rows.rounds.items() if open and round_workflow_id(id) not in running}
    owners = _owners(rows, orphans)
    astray = lost | set(owners.values()) | _forgotten(rows, seen)
    found = [
        finding
        for cycle, stage in rows.cycles
        if (finding := _compare_cycle(cycle, stage, running, seen, cycle.cycle_id in astray)) is not None
    ]
    cycles = {cycle_workflow_id(cycle.cycle_id) for cycle, _ in rows.cycles}
    others = [one.id for one in wanted(rows) if one.id not in cycles and one.id not in running]
    found += [Finding(Difference.MISSING, workflow_id) for workflow_id in others]
    return found + [Finding(Difference.ORPHANED, one, cycle_id=owners.get(one)) for one in orphans]


def disagreeing(findings: Collection[Finding]) -> set[UUID]:
    """The organizations of which a cycle disagrees with its row, or has no workflow, or is silent."""
    return {one.organization_id for one in findings if one.organization_id is not None}


def _orphans(rows: Rows, running: Collection[str]) -> list[str]:
    """A digest whose matters are all over sleeps until its next rung, and then ends by itself."""
    asked_for = {one.id for one in wanted(rows)}
    asked_for |= {of(round_id) for round_id in rows.rounds for of in (round_workflow_id, digest_workflow_id)}
    return sorted(one for one in running if one.startswith(KNOWN) and one not in asked_for)


def _owners(rows: Rows, orphans: Collection[str]) -> dict[str, UUID]:
    """For each round that runs without a row, its cycle, as far as that is not over."""
    rounds = {one for one in orphans if one.startswith("round-")}
    if not rounds:
        return {}
    known = {
        round_workflow_id(round_id_for(cycle.cycle_id, kind, number)): cycle.cycle_id
        for cycle, _ in rows.cycles
        for kind, number in product(RoundKind, range(1, MOST_ROUNDS + 1))
    }
    return {one: known[one] for one in rounds if one in known}


def _forgotten(rows: Rows, seen: Mapping[UUID, Seen | None]) -> set[UUID]:
    """The cycles that know a check-in to be over of which there is no row."""
    last = {
        id: round_id_for(id, RoundKind.CHECK_IN, one.check_ins) for id, one in seen.items() if one and one.check_ins
    }
    return {cycle_id for cycle_id, round_id in last.items() if round_id not in rows.rounds}


def _compare_cycle(
    cycle: CycleRef, row: Stage, running: Collection[str], seen: Mapping[UUID, Seen | None], astray: bool
) -> Finding | None:
    """`astray` says that a round of the cycle runs or is over without a row, or has an open row and does not run."""
    workflow_id, ids = cycle_workflow_id(cycle.cycle_id), (cycle.organization_id, cycle.cycle_id)
    if workflow_id not in running:
        return Finding(Difference.MISSING, workflow_id, row, None, *ids)
    told = seen.get(cycle.cycle_id)
    if told is None:
        return Finding(Difference.SILENT, workflow_id, row, None, *ids)
    by = ORDER.index(told.stage) - ORDER.index(row)
    if told.begins or (by == 0 and not told.unknown_event and not astray):
        return None
    difference = Difference.BEHIND if by < 0 else Difference.AHEAD
    return Finding(difference, workflow_id, row, told.stage, *ids)
