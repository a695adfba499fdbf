"""The committed histories still fit the workflows: a cycle that runs now goes on under new code."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from shared.contracts.programs import CycleRef, ProgramsActivities
from shared.temporal import sandbox_runner
from tests.workflows.record_histories import FOLDER, IDENTITY, SCENARIOS, WORKFLOW_ID, read
from workflows.cycle import CycleWorkflow
from workflows.options import PROGRAMS
from workflows.registry import WORKFLOWS
from workflows.states.cycle_state import CycleState

COMPLETED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
CONTINUED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
TEMPORAL_S_OWN = "history-service"
HISTORIES = sorted(FOLDER.rglob("*.json"))
HELP = """
This history no longer replays: cycles that run now would stop at the new code. Put the change behind
workflow.patched("what-changed"), so that runs which began before it go the old way. Only before a first release, or
when no such run is left, record again instead: python -m tests.workflows.record_histories
"""


def name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def events_of(path: Path) -> list[EventType.ValueType]:
    return [event.event_type for event in read(path).events]


def signals_of(path: Path) -> set[str]:
    found = (event.workflow_execution_signaled_event_attributes for event in read(path).events)
    return {signal.signal_name for signal in found if signal.signal_name}


def payloads(document: Any) -> list[str]:
    """Every payload in a history, decoded."""
    if isinstance(document, list):
        return [text for item in document for text in payloads(item)]
    if not isinstance(document, dict):
        return []
    own = [base64.b64decode(document["data"]).decode()] if "metadata" in document and "data" in document else []
    return own + [text for item in document.values() for text in payloads(item)]


@pytest.mark.parametrize("path", HISTORIES, ids=name)
async def test_a_committed_history_replays(path: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=sandbox_runner(), data_converter=pydantic_data_converter)
    try:
        await replayer.replay_workflow(read(path))
    except NondeterminismError as error:
        pytest.fail(f"{error}\n{HELP}", pytrace=False)


@workflow.defn(name="CycleWorkflow")
class CycleWithOneActivityMore(CycleWorkflow):
    @workflow.init
    def __init__(self, state: CycleState) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: CycleState) -> CycleState:
        await workflow.execute_activity_method(ProgramsActivities.read_plan, CycleRef(**self.cycle), **PROGRAMS)
        return await super().run(state)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_workflow_whose_commands_changed_does_not_replay(scenario: str) -> None:
    """Shows that the replay above can fail; the same without the change passes, also outside the sandbox."""
    history = read(FOLDER / scenario / "cycle.json")
    for changed, cycle in ((False, CycleWorkflow), (True, CycleWithOneActivityMore)):
        replayer = Replayer(
            workflows=[cycle], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=pydantic_data_converter
        )
        replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert isinstance(replayed.replay_failure, NondeterminismError) == changed


def test_every_workflow_has_a_history_and_each_scenario_one_of_each_kind() -> None:
    scenario_kinds = {scenario: {path.stem for path in (FOLDER / scenario).glob("*.json")} for scenario in SCENARIOS}
    of_a_cycle = {"cycle", "round", "announcement", "concern"}
    assert all(of_a_cycle <= kinds for kinds in scenario_kinds.values())
    kinds = scenario_kinds["full"] | scenario_kinds["concerns"]
    assert {f"{kind.capitalize()}Workflow" for kind in kinds} == {found.__name__ for found in WORKFLOWS}


def test_the_histories_tell_what_their_scenario_promises() -> None:
    cycles = {scenario: FOLDER / scenario / "cycle.json" for scenario in SCENARIOS}
    assert {"approve", "decline", "raise_concern"} <= signals_of(cycles["full"])
    assert "everyone_answered" in signals_of(FOLDER / "full" / "round.json")
    assert {"cancel", "raise_concern"} <= signals_of(cycles["cancelled"])
    assert {"pause", "resume", "raise_concern"} <= signals_of(cycles["paused"])
    for kind in ("round", "announcement", "concern"):
        assert {"pause", "resume"} <= signals_of(FOLDER / "paused" / f"{kind}.json")
    assert {"pause", "resume", "advance"} <= signals_of(cycles["concerns"])
    for kind in ("concern", "digest"):
        assert {"pause", "resume"} <= signals_of(FOLDER / "concerns" / f"{kind}.json")
    assert "close" in signals_of(FOLDER / "cancelled" / "round.json")
    assert "stop" in signals_of(FOLDER / "cancelled" / "announcement.json")
    for path in HISTORIES:
        ends = CONTINUED if name(path) in ("long/cycle-first", "long/cycle") else COMPLETED
        assert events_of(path)[-1] == ends, name(path)


def test_a_long_cycle_s_histories_are_those_of_its_first_run_its_last_and_one_between() -> None:
    """Each is paused and resumed, and what pauses with the cycle is still known in the runs after the first."""
    runs = {which: read(FOLDER / "long" / f"{which}.json") for which in ("cycle-first", "cycle", "cycle-last")}
    began = {
        which: run.events[0].workflow_execution_started_event_attributes.continued_execution_run_id != ""
        for which, run in runs.items()
    }
    assert began == {"cycle-first": False, "cycle": True, "cycle-last": True}
    assert len({run.workflow_id for run in runs.values()}) == 1
    assert "raise_concern" in signals_of(FOLDER / "long" / "cycle-first.json")
    for which in runs:
        assert {"pause", "resume"} <= signals_of(FOLDER / "long" / f"{which}.json"), which


@pytest.mark.parametrize("path", HISTORIES, ids=name)
def test_a_history_names_no_machine_and_no_person(path: Path) -> None:
    text = path.read_text()
    ids = set(re.findall(r'"workflowId":"([^"]*)"', text))
    assert [found for found in ids if not WORKFLOW_ID.fullmatch(found)] == []
    assert set(re.findall(r'"identity":"([^"]*)"', text)) <= {IDENTITY, TEMPORAL_S_OWN}
    sticky_queue = rf"{IDENTITY}(-[0-9a-f]{{32}})?"
    assert [found for found in re.findall(r'[^"]*@[^"]*', text) if not re.fullmatch(sticky_queue, found)] == []
    decoded = payloads(json.loads(text))
    assert decoded
    assert [payload for payload in decoded if "@" in payload] == []
