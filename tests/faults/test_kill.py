"""`kill -9` of the whole stack at exact points of a cycle, then `upward up`: the cycle goes on where it was.

The quick cycle dies once in each way: before a call, after one, after its commit, together with Postgres, and from
outside. `make long` kills at every point, in three cycles side by side, each on a stack of its own: two kill themselves
at the points named below, one is the plain `upward up`, killed from outside.
"""

import asyncio
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import WorkflowExecutionStatus

from tests.faults import ledger
from tests.faults.company import CHECK_IN
from tests.faults.driver import Played, found_company, play_cycle
from tests.faults.kill_points import POINTS, WINDOW, Moment, struck
from tests.faults.stack_process import Kill, StackProcess
from upward.demo.mailbox import Letter, Mailbox

QUICK = "once in each way"
CYCLES: dict[str, tuple[str, ...]] = {
    QUICK: (WINDOW, "message_claimed_unsent", "matches_stored+postgres"),
    "what the admin asks": (
        "trigger_committed_response_unsent",
        "request_sequenced",
        "cycle_started_cursor_unmoved",
        "matches_stored",
        "approval_committed_response_unsent",
        "decision_committed_response_unsent",
        "check_in_round_closed+postgres",
        "report_compiled",
    ),
    "what people are sent and answer": (
        "enrolment_round_opened+postgres",
        "message_claimed_unsent",
        WINDOW,
        "message_row_committed",
        "enrolment_committed_response_unsent",
        "active_stage_recorded",
        "check_in_committed_response_unsent",
    ),
    "from outside": (),
}
OUTSIDE = {QUICK: ("active",), "from outside": ("review", "active")}
"""The stages in which a cycle's stack is killed from outside."""
LONG_CHECK_IN = "PT30S"
"""Long enough for a stack that comes back to take answers in it."""
LONG = [name for name in CYCLES if name != QUICK]


@dataclass
class Run:
    """One cycle that was killed on its way, and what was found after it."""

    points: tuple[str, ...]
    outside: tuple[str, ...]
    marks: dict[str, str]
    """The points that struck, with what they noted."""
    kills: list[Kill]
    played: Played
    letters: list[Letter]
    cycles: list[UUID]
    log: list[dict[str, Any]]
    workflows: dict[str, list[WorkflowExecutionStatus | None]]
    unlike: list[str]
    """Answers that are not stored as they were given."""
    exit_code: int | None = None
    left: list[str] = field(default_factory=list)
    """Processes that outlived the stop."""


@pytest.fixture(scope="module")
async def quick_run(faults_folder: Path) -> dict[str, Run]:
    return await _run_all(faults_folder, [QUICK])


@pytest.fixture(scope="module")
async def long_runs(faults_folder: Path) -> dict[str, Run]:
    return await _run_all(faults_folder, LONG)


@pytest.fixture(params=[QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def run(request: pytest.FixtureRequest) -> Run:
    runs: dict[str, Run] = request.getfixturevalue("quick_run" if request.param == QUICK else "long_runs")
    return runs[request.param]


async def _run_all(folder: Path, names: list[str]) -> dict[str, Run]:
    running = [_run(folder / str(list(CYCLES).index(name)), name) for name in names]
    ended = await asyncio.gather(*running, return_exceptions=True)
    runs: dict[str, Run] = {}
    for name, run in zip(names, ended, strict=True):
        if isinstance(run, BaseException):
            pytest.fail(f"{name}: {''.join(traceback.format_exception(run))[-12000:]}", pytrace=False)
        runs[name] = run
    return runs


async def _run(folder: Path, name: str) -> Run:
    points, outside = CYCLES[name], OUTSIDE.get(name, ())
    stack = StackProcess(folder, points)
    try:
        await stack.start()
        keeping = asyncio.create_task(stack.keep_alive())
        playing = asyncio.create_task(_play(stack, outside, CHECK_IN if name == QUICK else LONG_CHECK_IN))
        try:
            await asyncio.wait([keeping, playing], return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                playing.cancel()
                keeping.result()
            run = await _examine(stack, points, outside, await playing)
        finally:
            keeping.cancel()  # or it would start again what is ended below
        run.exit_code = await stack.stop()
    finally:
        left = stack.end_what_is_left()
    run.left = left
    return run


async def _play(stack: StackProcess, outside: tuple[str, ...], check_in: str) -> Played:
    database = await asyncio.to_thread(stack.database)
    company = await found_company(stack.url, database, stack.folder, check_in)
    await database.close()
    killed: set[str] = set()

    async def kill_in_quiet_moments(cycle: dict[str, Any]) -> None:
        """When the approval is waited for, and between two rounds, where Postgres dies too."""
        stage = cycle["stage"]
        if stage in outside and stage not in killed:
            killed.add(stage)
            await asyncio.sleep(2)  # for the moment to be quiet; the rule holds in any other as well
            stack.kill(postgres=stage == "active")

    try:
        return await play_cycle(company, Mailbox(stack.folder / "mail"), kill_in_quiet_moments)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{stack.story()}") from None
    finally:
        await company.admin.close()


async def _examine(stack: StackProcess, points: tuple[str, ...], outside: tuple[str, ...], played: Played) -> Run:
    database = await asyncio.to_thread(stack.database)
    try:
        await ledger.settled(database)
        return Run(
            points=points,
            outside=outside,
            marks=struck(stack.folder),
            kills=stack.kills,
            played=played,
            letters=stack.letters(),
            cycles=await ledger.cycle_rows(database, played.organization_id),
            log=await ledger.events(database, played.organization_id),
            workflows=await ledger.cycle_workflows(stack.temporal_address),
            unlike=[
                f"{answer.letter.template} of {answer.letter.to}: {found}"
                for answer in played.answered
                if (found := await ledger.stored_answer(database, answer)) != ledger.expected_rows(answer)
            ],
        )
    finally:
        await database.close()


def test_every_kill_struck_and_the_stack_came_back_each_time(run: Run) -> None:
    assert set(run.marks) == {point.removesuffix("+postgres") for point in run.points}
    assert len(run.kills) == len(run.points) + len(run.outside)


def test_every_kill_point_is_used() -> None:
    used = [point.removesuffix("+postgres") for name in LONG for point in CYCLES[name]]
    assert sorted(used) == sorted(POINTS)


def test_the_quick_cycle_dies_at_a_point_of_each_kind() -> None:
    kinds = {POINTS[point.removesuffix("+postgres")].moment for point in CYCLES[QUICK]}
    assert kinds == set(Moment)


def test_the_cycle_completes(run: Run) -> None:
    assert (run.played.cycle["stage"], run.played.cycle["outcome"]) == ("completed", "completed")
    assert [found["kind"] for found in run.played.cycle["rounds"]] == ["enrolment", "acceptance", "check_in", "survey"]
    assert {found["state"] for found in run.played.cycle["rounds"]} == {"closed"}


def test_no_answer_that_was_taken_is_lost_or_doubled(run: Run) -> None:
    assert {answer.kind for answer in run.played.answered} >= {"enrolment", "acceptance", "survey"}
    assert not run.unlike


def test_a_trigger_that_was_sent_again_made_one_cycle_and_one_workflow(run: Run) -> None:
    assert run.cycles == [UUID(run.played.cycle["id"])]
    assert run.workflows == {f"cycle-{run.cycles[0]}": [WorkflowExecutionStatus.COMPLETED]}


def test_the_event_log_has_no_gap_and_tells_no_fact_twice(run: Run) -> None:
    assert [event["sequence"] for event in run.log] == list(range(1, len(run.log) + 1))
    assert not ledger.told_more_than_once(run.log)


def test_nobody_gets_two_message_ids_for_the_same_round_person_and_template(run: Run) -> None:
    ids: dict[tuple[str, str, str], set[str]] = {}
    for letter in run.letters:
        ids.setdefault((letter.scope, letter.to, letter.template), set()).add(letter.message_id)
    assert not {key: found for key, found in ids.items() if len(found) > 1}


def test_a_message_comes_again_only_after_a_kill_between_its_taking_and_its_row(run: Run) -> None:
    copies = Counter(letter.message_id for letter in run.letters)
    caught = Counter(message_id for kill in run.kills for message_id in kill.in_the_window)
    assert {message_id for message_id, times in copies.items() if times > 1 + caught[message_id]} == set()


def test_the_kill_in_the_window_catches_its_message_and_the_kills_beside_it_do_not(run: Run) -> None:
    caught = {point: kill.in_the_window for kill in run.kills for point in kill.points}
    if WINDOW in run.marks:
        assert run.marks[WINDOW] in caught[WINDOW]
    for beside in {"message_claimed_unsent", "message_row_committed"} & run.marks.keys():
        assert run.marks[beside] not in caught[beside]


def test_a_stopped_stack_ends_cleanly_and_leaves_no_process(run: Run) -> None:
    assert (run.exit_code, run.left) == (0, [])
