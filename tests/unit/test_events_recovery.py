"""What the rows ask for, compared with what runs: missing, ahead, behind, orphaned, silent; and what is then done."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.events.recovery.replacing import steps
from services.events.recovery.rules.comparing import Difference, Finding, Seen, compare, disagreeing
from services.events.recovery.rules.wanted import Rows, wanted
from shared.contracts.endpoints import EndpointRef
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.intake import Leaver
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import CycleRef, Stage
from shared.contracts.recovery.facts import OpenMatter
from shared.contracts.rounds import RoundKind, round_id_for
from workflows.states.concern_state import Concern, Digest
from workflows.states.cycle_state import CycleState

ORGANIZATION = uuid4()
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def cycle(stage: Stage = Stage.INTAKE) -> tuple[CycleRef, Stage]:
    return CycleRef(organization_id=ORGANIZATION, cycle_id=uuid4()), stage


def matter(reason: ConcernReason, round_id: UUID | None = None, rung: ConcernRung | None = None) -> OpenMatter:
    return OpenMatter(
        organization_id=ORGANIZATION,
        cycle_id=uuid4(),
        concern_id=uuid4(),
        round_id=round_id or uuid4(),
        reason=reason,
        rung=rung,
        raised_at=MONDAY,
    )


def announced(template: Template, scope_id: UUID, cycle_id: UUID | None = None) -> Announcement:
    return Announcement(
        organization_id=ORGANIZATION,
        cycle_id=cycle_id,
        scope_id=scope_id,
        template=template,
        audience=Audience.COORDINATORS,
    )


@pytest.mark.parametrize(
    ("row", "seen", "difference"),
    [
        (Stage.REVIEW, Seen(Stage.REVIEW), None),
        (Stage.INTAKE, Seen(Stage.REVIEW), Difference.AHEAD),
        (Stage.KICKOFF, Seen(Stage.KICKOFF, unknown_event=True), Difference.AHEAD),
        (Stage.CLOSING, Seen(Stage.ACTIVE), Difference.BEHIND),
        (Stage.CLOSING, Seen(Stage.ACTIVE, unknown_event=True), Difference.BEHIND),
        (Stage.ACTIVE, None, Difference.SILENT),
    ],
)
def test_a_cycle_is_ahead_or_behind_by_its_stage_and_by_what_it_has_heard(
    row: Stage, seen: Seen | None, difference: Difference | None
) -> None:
    ref, _ = cycle()
    found = compare(Rows(cycles=[(ref, row)]), {f"cycle-{ref.cycle_id}"}, {ref.cycle_id: seen})
    assert [one.difference for one in found] == ([difference] if difference else [])


def test_what_does_not_run_is_missing_and_what_no_row_asks_for_is_orphaned() -> None:
    ref, stage = cycle()
    endpoint = EndpointRef(organization_id=ORGANIZATION, endpoint_id=uuid4())
    told = matter(ConcernReason.NOT_A_FIT)
    waits = announced(Template.PAIR_ENDED, uuid4(), ref.cycle_id)
    rows = Rows(cycles=[(ref, stage)], matters=[told], announcements=[waits], endpoints=[endpoint])
    wants = [f"cycle-{ref.cycle_id}", f"concern-{told.concern_id}", f"announcement-{waits.id}"]
    wants.append(f"endpoint-{endpoint.endpoint_id}")
    found = compare(rows, set(), {})
    assert [(one.difference, one.workflow_id) for one in found] == [(Difference.MISSING, one) for one in wants]
    others = {"cycle-1", "round-1", "concern-1", "digest-1", "announcement-1", "endpoint-1", "recurrence-1"}
    found = compare(rows, {*wants, *others}, {ref.cycle_id: Seen(stage)})
    orphans = [one.workflow_id for one in found if one.difference is Difference.ORPHANED]
    assert orphans == ["concern-1", "cycle-1", "digest-1", "round-1"]
    assert len(found) == len(orphans)


def test_a_cycle_is_ahead_whose_round_has_no_row_or_is_over_before_its_row() -> None:
    """A cycle that is lost starts its rounds itself. A round that has just closed may still run for a moment."""
    ref, stage = cycle()
    other, _ = cycle()
    mine, runs = round_id_for(ref.cycle_id, RoundKind.CHECK_IN, 3), {f"cycle-{ref.cycle_id}"}
    told = {ref.cycle_id: Seen(stage)}

    def found(rows: Rows, running: set[str]) -> list[tuple[Difference, str]]:
        return [(one.difference, one.workflow_id) for one in compare(rows, running, told)]

    ahead, orphan = (Difference.AHEAD, f"cycle-{ref.cycle_id}"), (Difference.ORPHANED, f"round-{mine}")
    open_row, closed_row = {mine: (ref.cycle_id, True)}, {mine: (ref.cycle_id, False)}
    assert found(Rows([(ref, stage)], open_row), {*runs, f"round-{mine}"}) == []
    assert found(Rows([(ref, stage)], closed_row), {*runs, f"round-{mine}"}) == []
    assert found(Rows([(ref, stage)], closed_row), runs) == []
    assert found(Rows([(ref, stage)], open_row), runs) == [ahead]
    assert found(Rows([(ref, stage)]), {*runs, f"round-{mine}"}) == [ahead, orphan]
    assert found(Rows([(other, stage)]), {f"round-{mine}"})[1:] == [orphan]
    assert found(Rows([(ref, stage)], open_row), set()) == [(Difference.MISSING, f"cycle-{ref.cycle_id}")]


def test_a_cycle_that_has_just_been_started_from_its_rows_agrees_with_them() -> None:
    ref, _ = cycle(Stage.ACTIVE)
    rows = Rows([(ref, Stage.ACTIVE)], {uuid4(): (ref.cycle_id, True)})
    seen = Seen(Stage.SCHEDULED, begins=True)
    assert compare(rows, {f"cycle-{ref.cycle_id}"}, {ref.cycle_id: seen}) == []


def test_an_organization_is_held_as_long_as_one_of_its_cycles_disagrees() -> None:
    refs = [cycle() for _ in range(3)]
    waits = announced(Template.PAIR_ENDED, uuid4())
    rows = Rows(refs, announcements=[waits])
    runs = {f"cycle-{ref.cycle_id}" for ref, _ in refs}
    agree = {ref.cycle_id: Seen(stage) for ref, stage in refs}
    assert disagreeing(compare(rows, runs, agree)) == set(), "an announcement that nobody sends harms nobody"
    for seen in (None, Seen(Stage.REVIEW)):
        assert disagreeing(compare(rows, runs, agree | {refs[1][0].cycle_id: seen})) == {ORGANIZATION}
    assert disagreeing(compare(rows, runs - {f"cycle-{refs[0][0].cycle_id}"}, agree)) == {ORGANIZATION}


def test_a_cycle_begins_from_its_rows() -> None:
    ref, stage = cycle(Stage.ACTIVE)
    [one] = wanted(Rows(cycles=[(ref, stage)]))
    assert (one.workflow, one.id) == ("CycleWorkflow", f"cycle-{ref.cycle_id}")
    assert isinstance(one.argument, CycleState)
    assert one.argument.rebuilt


def test_silence_in_one_round_is_one_matter_until_the_sponsor_was_told() -> None:
    round_id, told = uuid4(), uuid4()
    silent = [matter(ConcernReason.MISSED_CHECK_INS, round_id) for _ in range(3)]
    over = matter(ConcernReason.MISSED_CHECK_INS, told, ConcernRung.SPONSOR)
    waits = matter(ConcernReason.NOT_A_FIT, rung=ConcernRung.SPONSOR)
    found = wanted(Rows(matters=[*silent, over, waits]))
    assert {one.id for one in found} == {f"digest-{round_id}", f"concern-{waits.concern_id}"}
    assert {type(one.argument) for one in found} == {Digest, Concern}


def test_silence_of_which_the_sponsor_was_told_keeps_its_workflow_until_that_is_sent() -> None:
    """The message may wait for Monday morning. If its workflow is lost, nobody else would send it."""
    over = matter(ConcernReason.MISSED_CHECK_INS, rung=ConcernRung.SPONSOR)
    escalated = announced(Template.CONCERN_ESCALATED, over.round_id, over.cycle_id)
    [one] = wanted(Rows(matters=[over], announcements=[escalated]))
    assert one.id == f"digest-{over.round_id}"
    assert isinstance(one.argument, Digest)
    assert one.argument.rebuilt is not None
    assert one.argument.rebuilt.unfinished == (escalated,)


def test_a_digest_of_a_known_round_is_never_orphaned_as_it_ends_by_itself() -> None:
    """It sleeps until its next rung, and only then notices that all of its concerns are resolved."""
    ref, stage = cycle(Stage.ACTIVE)
    round_id = round_id_for(ref.cycle_id, RoundKind.CHECK_IN, 1)
    rows = Rows([(ref, stage)], {round_id: (ref.cycle_id, False)})
    running = {f"cycle-{ref.cycle_id}", f"digest-{round_id}"}
    assert compare(rows, running, {ref.cycle_id: Seen(stage)}) == []


def test_a_cycle_is_ahead_that_knows_a_check_in_to_be_over_of_which_there_is_no_row() -> None:
    """Nothing of that round runs any more, and the cycle has heard no event of it."""
    ref, stage = cycle(Stage.ACTIVE)
    running, told = {f"cycle-{ref.cycle_id}"}, {ref.cycle_id: Seen(stage, check_ins=2)}
    closed = {round_id_for(ref.cycle_id, RoundKind.CHECK_IN, number): (ref.cycle_id, False) for number in (1, 2)}
    assert compare(Rows([(ref, stage)], closed), running, told) == []
    closed.pop(round_id_for(ref.cycle_id, RoundKind.CHECK_IN, 2))
    assert [one.difference for one in compare(Rows([(ref, stage)], closed), running, told)] == [Difference.AHEAD]


def test_what_waits_is_told_by_its_cycle_or_its_concern_or_by_itself() -> None:
    ref, stage = cycle()
    over = uuid4()
    raised = matter(ConcernReason.NOT_A_FIT)
    of_the_cycle = announced(Template.KICKOFF, ref.cycle_id, ref.cycle_id)
    of_a_cycle_that_is_over = announced(Template.CYCLE_COMPLETED, over, over)
    of_a_pair = announced(Template.PAIR_ENDED, uuid4(), ref.cycle_id)
    of_a_concern = announced(Template.CONCERN_RAISED, raised.concern_id, raised.cycle_id)
    of_a_resolved_one = announced(Template.CONCERN_RAISED, uuid4(), ref.cycle_id)
    told = [of_the_cycle, of_a_cycle_that_is_over, of_a_pair, of_a_concern, of_a_resolved_one]
    found = wanted(Rows(cycles=[(ref, stage)], matters=[raised], announcements=told))
    alone = {one.id: one.signal for one in found if one.workflow == "AnnouncementWorkflow"}
    assert alone == {
        f"announcement-{of_a_cycle_that_is_over.id}": None,
        f"announcement-{of_a_pair.id}": None,
        f"announcement-{of_a_resolved_one.id}": "stop",
    }
    [concern] = [one.argument for one in found if isinstance(one.argument, Concern)]
    assert concern.rebuilt is not None
    assert concern.rebuilt.unfinished == (of_a_concern,)


def test_a_leaver_of_whom_something_is_still_expected_is_followed_again() -> None:
    event_id, leaver = uuid4(), Leaver(organization_id=ORGANIZATION, person_id=uuid4(), left_at=MONDAY)
    rows = Rows(leavers=[(event_id, leaver)])
    [finding] = compare(rows, set(), {})
    assert (finding.difference, finding.workflow_id) == (Difference.MISSING, f"leaver-{event_id}")
    assert compare(rows, {finding.workflow_id}, {}) == []
    assert disagreeing([finding]) == set(), "it keeps no organization held"
    [step] = steps(rows, [finding])
    assert step.workflow is not None
    assert (step.what, step.workflow.workflow, step.workflow.argument) == ("start", "LeaverWorkflow", leaver)


def test_a_round_that_is_about_to_end_is_ended_before_its_cycle_begins_again() -> None:
    """Its row is closed. The new workflow of the cycle would wait for it, and be told nothing."""
    ref, stage = cycle(Stage.KICKOFF)
    ends, over = uuid4(), uuid4()
    rows = Rows([(ref, stage)], {ends: (ref.cycle_id, False), over: (ref.cycle_id, False)})
    workflow_id = f"cycle-{ref.cycle_id}"
    todo = steps(rows, [Finding(Difference.BEHIND, workflow_id, cycle_id=ref.cycle_id)], running={f"round-{ends}"})
    done = [(step.what, step.workflow_id) for step in todo]
    assert done == [("end", workflow_id), ("end", f"round-{ends}"), ("start", workflow_id)]


def test_what_disagrees_is_ended_and_begins_again_and_what_is_silent_stays() -> None:
    refs = [cycle() for _ in range(4)]
    ahead, missing, silent, whole = (f"cycle-{ref.cycle_id}" for ref, _ in refs)
    round_id, cycle_id = uuid4(), refs[0][0].cycle_id
    rows = Rows(refs, {round_id: (cycle_id, True), uuid4(): (cycle_id, False), uuid4(): (refs[3][0].cycle_id, True)})
    findings = [
        Finding(Difference.AHEAD, ahead, cycle_id=cycle_id),
        Finding(Difference.MISSING, missing),
        Finding(Difference.SILENT, silent),
        Finding(Difference.ORPHANED, "concern-1"),
        Finding(Difference.ORPHANED, "round-1", cycle_id=cycle_id),
    ]
    done = [(step.what, step.workflow_id) for step in steps(rows, findings)]
    ends = [ahead, "concern-1", "round-1", f"round-{round_id}"]
    assert done == [*(("end", one) for one in ends), ("start", ahead), ("start", missing)]
    assert whole not in [workflow_id for _, workflow_id in done]
    of_one = steps(rows, findings, refs[1][0].cycle_id)
    assert [(step.what, step.workflow_id) for step in of_one] == [("start", missing)]
    of_another = steps(rows, findings, cycle_id)
    assert [step.workflow_id for step in of_another] == [ahead, "round-1", f"round-{round_id}", ahead]
    assert steps(Rows(cycles=refs), []) == []
