"""Which workflows the rows ask for, and how each begins where the rows are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from shared.contracts.endpoints import EndpointRef
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.intake import Leaver
from shared.contracts.notifications import Announcement, Template
from shared.contracts.programs import CycleRef, Stage
from shared.contracts.recovery.facts import TOLD_BY_OTHERS, OpenMatter
from workflows.ids import (
    announcement_workflow_id,
    concern_workflow_id,
    cycle_workflow_id,
    digest_workflow_id,
    endpoint_workflow_id,
    leaver_workflow_id,
)
from workflows.states.concern_state import Concern, Digest, RebuiltMatter
from workflows.states.cycle_state import CycleState

OF_CONCERNS = frozenset({Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED})


@dataclass(frozen=True)
class Rows:
    """What the services have stored that needs workflows, read in one moment."""

    cycles: Sequence[tuple[CycleRef, Stage]] = ()
    """Those that are not over."""
    rounds: Mapping[UUID, tuple[UUID, bool]] = field(default_factory=dict)
    """The rounds of these cycles: for each the cycle, and whether it is open."""
    matters: Sequence[OpenMatter] = ()
    announcements: Sequence[Announcement] = ()
    """Those that are unfinished."""
    endpoints: Sequence[EndpointRef] = ()
    """Those for which something waits."""
    leavers: Sequence[tuple[UUID, Leaver]] = ()
    """Those who have left and of whom something is still expected, with the event that said that they left."""


class Wanted(NamedTuple):
    """A workflow that the rows ask for, and how it begins where they are."""

    workflow: str
    id: str
    argument: Announcement | CycleRef | EndpointRef | Leaver
    cycle_id: UUID | None = None
    """The cycle that it belongs to."""
    signal: str | None = None
    """What it is told when it starts."""

    @property
    def organization_id(self) -> UUID:
        return self.argument.organization_id


def wanted(rows: Rows, cycle_id: UUID | None = None) -> list[Wanted]:
    """The workflows that must run, in an order in which they can be started. With `cycle_id`, those of one cycle. The
    rounds of a cycle and what it announces are not among them, as the cycle starts them."""
    found = [*_cycles(rows), *_matters(rows), *_announcements(rows), *_endpoints(rows), *_leavers(rows)]
    return [one for one in found if cycle_id in (None, one.cycle_id)]


def _cycles(rows: Rows) -> Iterator[Wanted]:
    for cycle, _ in rows.cycles:
        state = CycleState(organization_id=cycle.organization_id, cycle_id=cycle.cycle_id, rebuilt=True)
        yield Wanted("CycleWorkflow", cycle_workflow_id(cycle.cycle_id), state, cycle.cycle_id)


def _matters(rows: Rows) -> Iterator[Wanted]:
    """One workflow for each concern that somebody raised, and one for all silence in one round. After the sponsor was
    told of silence, nobody else is, so that it is needed only until that is sent."""
    waiting = _announced_about(rows)
    digests = defaultdict[UUID, list[OpenMatter]](list)
    for matter in rows.matters:
        if matter.reason is ConcernReason.MISSED_CHECK_INS:
            if matter.rung is not ConcernRung.SPONSOR or matter.round_id in waiting:
                digests[matter.round_id].append(matter)
            continue
        cycle = {"organization_id": matter.organization_id, "cycle_id": matter.cycle_id}
        rebuilt = RebuiltMatter(since=matter.raised_at, unfinished=waiting.get(matter.concern_id, ()))
        concern = Concern(**cycle, concern_id=matter.concern_id, rebuilt=rebuilt)
        yield Wanted("ConcernWorkflow", concern_workflow_id(matter.concern_id), concern, matter.cycle_id)
    for round_id, matters in digests.items():
        first = min(matters, key=lambda matter: matter.raised_at)
        cycle = {"organization_id": first.organization_id, "cycle_id": first.cycle_id}
        rebuilt = RebuiltMatter(since=first.raised_at, unfinished=waiting.get(round_id, ()))
        digest = Digest(**cycle, round_id=round_id, rebuilt=rebuilt)
        yield Wanted("DigestWorkflow", digest_workflow_id(round_id), digest, first.cycle_id)


def _announcements(rows: Rows) -> Iterator[Wanted]:
    """What no workflow above announces again. What was said about a concern that is resolved by now is dropped."""
    running = {cycle.cycle_id for cycle, _ in rows.cycles}
    matters = {matter.concern_id for matter in rows.matters} | {matter.round_id for matter in rows.matters}
    for announcement in rows.announcements:
        if announcement.template in OF_CONCERNS and announcement.scope_id in matters:
            continue
        if announcement.template not in TOLD_BY_OTHERS and announcement.cycle_id in running:
            continue
        signal = "stop" if announcement.template in OF_CONCERNS else None
        workflow_id = announcement_workflow_id(announcement.id)
        yield Wanted("AnnouncementWorkflow", workflow_id, announcement, announcement.cycle_id, signal)


def _endpoints(rows: Rows) -> Iterator[Wanted]:
    for endpoint in rows.endpoints:
        yield Wanted("EndpointWorkflow", endpoint_workflow_id(endpoint.endpoint_id), endpoint, signal="call")


def _leavers(rows: Rows) -> Iterator[Wanted]:
    for event_id, leaver in rows.leavers:
        yield Wanted("LeaverWorkflow", leaver_workflow_id(event_id), leaver)


def _announced_about(rows: Rows) -> dict[UUID, tuple[Announcement, ...]]:
    """What was announced about each concern or round, by its id."""
    found = defaultdict[UUID, tuple[Announcement, ...]](tuple)
    for announcement in rows.announcements:
        if announcement.template in OF_CONCERNS:
            found[announcement.scope_id] += (announcement,)
    return found
