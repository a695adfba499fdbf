"""Records the histories that `test_replay.py` replays: `python -m tests.workflows.record_histories [SCENARIO ...]`.

Each scenario runs on a real development server with the in-memory services and a calendar of seconds. Of every kind of
workflow that took part, the most eventful history is kept, one event a line: ids, codes, counts and times only.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from shared.contracts.endpoints import Drained, EndpointRef
from shared.contracts.intake import Leaver
from shared.contracts.matching import ReleasedPair
from shared.contracts.notifications import Announcement, Delivery, Template
from shared.contracts.programs import Calendar, LadderPlan, OrganizationRef, Outcome, ProgramRef, RoundPlan, Stage
from shared.contracts.rounds import RoundKind
from shared.temporal import WORKFLOWS_QUEUE
from tests.fakes import Script
from tests.temporal_server import temporal_server
from tests.workflows.conftest import World, world_in
from workflows.concern import ConcernWorkflow, DigestWorkflow
from workflows.endpoint import EndpointWorkflow
from workflows.ids import concern_workflow_id, digest_workflow_id, endpoint_workflow_id, leaver_workflow_id
from workflows.people.leaver import LeaverWorkflow
from workflows.scheduled.overview import MondayWorkflow, OverviewWorkflow
from workflows.scheduled.recurrence import RecurrenceWorkflow, ScheduleWorkflow
from workflows.states.concern_state import Concern, Digest
from workflows.states.cycle_state import Advance, Heard

FOLDER = Path(__file__).parent / "histories"
IDENTITY = "worker@test"
UUID_TEXT = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
WORKFLOW_ID = re.compile(rf"[a-z]+-{UUID_TEXT}(-(\d+|{UUID_TEXT}))?")
"""A kind of workflow, an id and at most the id of an event (once its sequence)."""


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


CALENDAR = Calendar(
    enrolment=RoundPlan(length=seconds(2.5), reminders=(seconds(0.5), seconds(1))),
    acceptance=RoundPlan(length=seconds(3), reminders=(seconds(1),)),
    check_in=RoundPlan(length=seconds(1.5), reminders=(seconds(0.5),)),
    check_ins=2,
    check_in_every=seconds(2),
    survey=RoundPlan(length=seconds(1.5), reminders=(seconds(0.5),)),
    approval=LadderPlan(remind_every=seconds(0.6), escalate_after=seconds(1)),
    concern=LadderPlan(remind_every=seconds(0.6), escalate_after=seconds(1)),
    sending_hours=None,
)


async def full(world: World) -> list[str]:
    """From the request to the report: a message that waits, everybody answers before the deadline, a late approval, a
    decline and its replacement, a concern that reaches the sponsor; and the two workflows of a program that recurs."""
    ledger = world.ledger
    ledger.proposals = [2, 1]
    del ledger.at_stage[Stage.REVIEW]
    in_review, concerns = world.stage(Stage.REVIEW), []
    opened = asyncio.Event()

    async def leave_one_for_later() -> None:
        due_at = datetime.now(UTC) + seconds(1)
        ledger.deliveries.append(Delivery(sent=3, failed=0, waiting=1, next_due_at=due_at))
        opened.set()

    ledger.at_open[RoundKind.ENROLMENT, 1] = leave_one_for_later
    ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline
    ledger.at_proposal[2] = world.approve

    async def raise_concern() -> None:
        concerns.append(await world.raise_concern())

    ledger.at_open[RoundKind.CHECK_IN, 1] = raise_concern
    cycle = await world.start()
    await opened.wait()
    await world.sleep(seconds(1.5))
    await world.everyone_answers()
    await in_review.wait()
    await world.sleep(seconds(1.5))
    await world.approve()
    assert (await cycle.result()).outcome is Outcome.COMPLETED
    await world.client.get_workflow_handle(f"concern-{concerns[0]}").signal("resolve")
    program = ProgramRef(organization_id=ledger.organization_id, program_id=uuid4())
    recurring = [f"recurrence-{program.program_id}", f"schedule-{program.program_id}-{uuid4()}"]
    await world.client.execute_workflow(RecurrenceWorkflow.run, program, id=recurring[0], task_queue=WORKFLOWS_QUEUE)
    await world.client.execute_workflow(ScheduleWorkflow.run, program, id=recurring[1], task_queue=WORKFLOWS_QUEUE)
    others = [await drained(world), await left(world)]
    return [*(f"concern-{concern}" for concern in concerns), *recurring, *others]


async def drained(world: World) -> str:
    """An endpoint that has something to send again, is called before that is due, and called while it drains."""
    endpoint = EndpointRef(organization_id=world.ledger.organization_id, endpoint_id=uuid4())
    workflow_id = endpoint_workflow_id(endpoint.endpoint_id)
    handle = world.client.get_workflow_handle(workflow_id)

    async def call() -> None:
        await handle.signal("call")

    soon = datetime.now(UTC) + seconds(1)
    world.ledger.drains = [Drained(next_due_at=soon), Drained(next_due_at=soon + seconds(3600))]
    world.ledger.at_drain[3] = call
    await world.client.start_workflow(
        EndpointWorkflow.run, endpoint, id=workflow_id, task_queue=WORKFLOWS_QUEUE, start_signal="call"
    )
    await world.sleep(seconds(2))
    await call()
    await handle.result()
    return workflow_id


async def left(world: World) -> str:
    """Somebody who leaves, and whose pair ends by that. It takes more than a minute, until the second look."""
    leaver = Leaver(organization_id=world.ledger.organization_id, person_id=uuid4(), left_at=datetime.now(UTC))
    world.ledger.pairs_of[leaver.person_id] = [ReleasedPair(pair_id=uuid4(), cycle_id=world.ledger.cycle_id)]
    workflow_id = leaver_workflow_id(uuid4())
    await world.client.execute_workflow(LeaverWorkflow.run, leaver, id=workflow_id, task_queue=WORKFLOWS_QUEUE)
    return workflow_id


async def cancelled(world: World) -> list[str]:
    """Called off in the middle of a check-in, with messages that wait and a concern that is open."""
    ledger, opened, concerns = world.ledger, asyncio.Event(), []

    async def raise_concern() -> None:
        later = datetime.now(UTC) + seconds(3600)
        ledger.deliveries += [Delivery(sent=0, failed=0, waiting=4, next_due_at=later)] * 2
        concerns.append(await world.raise_concern())
        opened.set()

    ledger.at_open[RoundKind.CHECK_IN, 1] = raise_concern
    cycle = await world.start()
    await opened.wait()
    await world.sleep(seconds(0.4))
    await world.cancel()
    assert (await cycle.result()).outcome is Outcome.CANCELLED
    await world.client.get_workflow_handle(f"concern-{concerns[0]}").signal("resolve")
    return [f"concern-{concern}" for concern in concerns]


async def paused(world: World) -> list[str]:
    """Paused in a check-in, with messages that wait and a concern that is open; resumed, it completes."""
    ledger, opened, concerns = world.ledger, asyncio.Event(), []

    async def raise_concern() -> None:
        later = datetime.now(UTC) + seconds(3600)
        ledger.deliveries += [Delivery(sent=0, failed=0, waiting=4, next_due_at=later)] * 2
        concerns.append(await world.raise_concern())
        opened.set()

    ledger.at_open[RoundKind.CHECK_IN, 1] = raise_concern
    cycle = await world.start()
    await opened.wait()
    await world.sleep(seconds(0.4))
    await world.pause()
    await world.sleep(seconds(1))
    await world.resume()
    assert (await cycle.result()).outcome is Outcome.COMPLETED
    await world.client.get_workflow_handle(f"concern-{concerns[0]}").signal("resolve")
    return [f"concern-{concern}" for concern in concerns]


async def long(world: World) -> list[str]:
    """As many check-ins as a cycle may have, in several runs of its workflow. It is paused in three check-ins, each in
    another run, and a concern that was raised in the first run is still open in the others."""
    ledger, concerns, opened = world.ledger, [], {number: asyncio.Event() for number in (2, 25, 50)}
    ledger.calendar = CALENDAR.model_copy(
        update={
            "check_in": RoundPlan(length=seconds(0.4)),
            "check_ins": 52,
            "check_in_every": seconds(0.5),
            "concern": LadderPlan(remind_every=seconds(30), escalate_after=seconds(60)),
        }
    )

    async def raise_concern() -> None:
        concerns.append(await world.raise_concern())

    ledger.at_open[RoundKind.CHECK_IN, 1] = raise_concern
    ledger.at_open |= {(RoundKind.CHECK_IN, number): set_later(reached) for number, reached in opened.items()}
    cycle = await world.start(longest_history=150)
    for reached in opened.values():
        await reached.wait()
        await world.pause()
        await world.sleep(seconds(0.5))
        await world.resume()
    state = await cycle.result()
    assert (state.outcome, state.check_ins) == (Outcome.COMPLETED, 52)
    await world.client.get_workflow_handle(f"concern-{concerns[0]}").signal("resolve")
    return [f"concern-{concern}" for concern in concerns]


async def concerns(world: World) -> list[str]:
    """Concerns that are nobody's children, and one check-in's silence as one matter. The cycle is paused, resumed and
    advanced by events that tell their ids, and its end reaches the concerns."""
    ledger, raised, ids = world.ledger, asyncio.Event(), list[str]()
    ref = {"organization_id": ledger.organization_id, "cycle_id": ledger.cycle_id}
    ledger.calendar = CALENDAR.model_copy(
        update={"concern": LadderPlan(remind_every=seconds(2), escalate_after=seconds(60))}
    )

    def known() -> dict[str, Any]:
        world.sequence += 1
        return {"sequence": world.sequence, "epoch": ledger.cycle_id, "event_id": uuid4()}

    async def raise_concerns() -> None:
        concern, round_id = Concern(**ref, concern_id=uuid4()), ledger.opened[-1].round_id
        ids.extend([concern_workflow_id(concern.concern_id), digest_workflow_id(round_id)])
        ledger.concerns = {uuid4(): workflow_id for workflow_id in ids}
        start = world.client.start_workflow
        await start(ConcernWorkflow.run, concern, id=ids[0], task_queue=WORKFLOWS_QUEUE)
        await start(DigestWorkflow.run, Digest(**ref, round_id=round_id), id=ids[1], task_queue=WORKFLOWS_QUEUE)
        raised.set()

    async def advance() -> None:
        await world.signal("advance", Advance(**known(), stage=Stage.ACTIVE, round_id=ledger.opened[-1].round_id))

    ledger.at_open[RoundKind.CHECK_IN, 1] = raise_concerns
    ledger.at_open[RoundKind.CHECK_IN, 2] = advance
    cycle = await world.start()
    await raised.wait()
    await world.sleep(seconds(0.7))
    for count, signal in enumerate(("pause", "resume"), start=1):
        await world.signal(signal, Heard(**known()))
        while len(ledger.told) < count:
            await world.sleep(seconds(0.1))
    assert (await cycle.result()).outcome is Outcome.COMPLETED
    return [*ids, *await on_monday(world)]


async def on_monday(world: World) -> list[str]:
    """The schedule of an organization's overviews is made, and those of one Monday are sent."""
    organization = OrganizationRef(organization_id=world.ledger.organization_id)
    ids = [f"{kind}-{organization.organization_id}" for kind in ("monday", "overview")]
    execute = world.client.execute_workflow
    await execute(MondayWorkflow.run, organization, id=ids[0], task_queue=WORKFLOWS_QUEUE)
    await execute(OverviewWorkflow.run, organization, id=ids[1], task_queue=WORKFLOWS_QUEUE)
    return ids


def set_later(reached: asyncio.Event) -> Script:
    async def script() -> None:
        reached.set()

    return script


SCENARIOS: dict[str, Callable[[World], Awaitable[list[str]]]] = {
    "full": full,
    "cancelled": cancelled,
    "paused": paused,
    "long": long,
    "concerns": concerns,
}


async def record(world: World, scenario: Callable[[World], Awaitable[list[str]]]) -> dict[str, WorkflowHistory]:
    """Plays the scenario. Returns the most eventful history of each kind of workflow; of a cycle that went on in new
    runs also its first and its last run."""
    world.ledger.calendar = CALENDAR
    others = await scenario(world)
    ids = [f"cycle-{world.ledger.cycle_id}", *others]
    ids += [f"round-{opened.round_id}" for opened in world.ledger.opened]
    ids += [
        f"announcement-{announced.id}" for announced in world.ledger.announced if not by_a_concern(announced, others)
    ]
    kept: dict[str, WorkflowHistory] = {}
    for workflow_id in dict.fromkeys(ids):
        handle = world.client.get_workflow_handle(workflow_id)
        await handle.result()
        history = await handle.fetch_history()
        kind = workflow_id.partition("-")[0]
        kept[kind] = max(kept.get(kind, history), history, key=eventfulness)
    first, *following = await world.runs()
    if following:
        *between, last = following
        kept |= {"cycle": max(between, key=eventfulness), "cycle-first": first, "cycle-last": last}
    return kept


def by_a_concern(announced: Announcement, others: Sequence[str]) -> bool:
    """Whether a concern that is nobody's child, or an overview, told it by itself, without a workflow for it."""
    alone = any(workflow_id.startswith("digest-") for workflow_id in others)
    own = announced.template.value.startswith("concern_") or announced.template is Template.WEEKLY_OVERVIEW
    return alone and own


def eventfulness(history: WorkflowHistory) -> tuple[int, int, int]:
    """How many signals it heard of different names, how many kinds of events there are, how many events."""
    signals = {event.workflow_execution_signaled_event_attributes.signal_name for event in history.events}
    return len(signals), len({event.event_type for event in history.events}), len(history.events)


def write(path: Path, history: WorkflowHistory) -> None:
    """Readable, and small in a diff: one event a line."""
    document: dict[str, Any] = history.to_json_dict()
    events = ",\n".join(json.dumps(event, separators=(",", ":")) for event in document["events"])
    path.write_text(f'{{"workflowId":"{history.workflow_id}","events":[\n{events}\n]}}\n')


def read(path: Path) -> WorkflowHistory:
    document = json.loads(path.read_text())
    return WorkflowHistory.from_json(document.pop("workflowId"), document)


async def main(names: Sequence[str]) -> None:
    """Records these scenarios, or all of them when none is named."""
    with tempfile.TemporaryDirectory(prefix="upward-histories-") as folder, temporal_server(Path(folder)) as server:
        client = await Client.connect(server.address, data_converter=pydantic_data_converter, identity=IDENTITY)
        for name in names or SCENARIOS:
            scenario = SCENARIOS[name]
            async with world_in(WorkflowEnvironment.from_client(client)) as world:
                histories = await record(world, scenario)
            (FOLDER / name).mkdir(parents=True, exist_ok=True)
            for kind, history in histories.items():
                write(FOLDER / name / f"{kind}.json", history)
                print(f"{name}/{kind}.json: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
