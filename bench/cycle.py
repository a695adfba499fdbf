"""Measures what a cycle costs: `python bench/cycle.py --pairs N [--json]`.

The bench runs one whole cycle of N pairs and six check-in rounds (or `--check-ins`) on the embedded stack. Then it runs
the naive form, which has a workflow for each pair (`bench/naive.py`), on the same Temporal server. It counts the
billable actions of both by the same rules; `bench/actions.py` gives these rules and their source.

These parts are real: the API, every service, every workflow and worker, Postgres, Temporal, and SMTP, which delivers
about ten messages to each person, to a server in a process of its own (`bench/mail_server.py`). One thing is
shortened: all people answer at once, as soon as the invitations of a round are delivered, and SQL writes their
answers for everyone together instead of one page for each (`bench/answers.py`). So nobody needs a reminder and no
concern is raised. These would cost some actions for each round and for each concern, and are not counted. A check-in
round starts every `--check-in-seconds`, which must be long enough to deliver the messages of one round. Without this
option, a first cycle, in which nobody enrols, measures how long that takes.

`actions` counts all workflows of the cycle, heartbeats included. `heartbeats` are those of them that grow with the time
for which messages are sent. `history_events_max` is the longest history among them. `wall_s` is the time from the
trigger until the last announcement is over. Most of it is e-mail and the time between check-ins, so it cannot be
compared with `naive_wall_s`, the time of timers and activities without any e-mail. The naive form costs the same for
each pair, however many pairs there are; `--naive-pairs` runs fewer of them. With 1,000 pairs it ends with 1 above 0.3
actions a pair or 240 seconds, with 10,000 pairs above 0.1 actions a pair.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from bench.actions import REQUESTS, count_actions, count_requests
from bench.answers import answer_all
from bench.company import Company
from bench.mail import mail_server, taken
from bench.naive import run_naive
from services.accounts.store.keys import create_access_key, find_or_create_organization
from services.intake.store.people import create_people
from services.notifications.store.delivering import read_delivery
from services.programs.store.cycles import read_brief
from shared.auth import Role
from shared.contracts.notifications import Announcement, Audience
from shared.contracts.programs import Outcome, Stage
from shared.contracts.round_kinds import declaration_of
from shared.contracts.rounds import CloseReason, RoundKind, RoundState
from shared.logging import configure_logging
from shared.rounds.models import Round
from shared.telemetry.starting import Telemetry
from shared.temporal import connect
from upward.demo.admin import AdminClient
from upward.stack import Stack, running_stack

POLL_SECONDS = 0.25
HEARTBEATS = REQUESTS["RecordActivityTaskHeartbeat"]
MOST = {1_000: {"actions_per_pair": 0.3, "wall_s": 240.0}, 10_000: {"actions_per_pair": 0.1}}
"""What is required of a cycle of so many pairs."""


@dataclass
class Cost:
    """What some workflows cost together."""

    actions: Counter[str] = field(default_factory=Counter)
    workflows: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    """How many events the longest history has."""
    seconds: float = 0

    @property
    def total(self) -> int:
        return self.actions.total()


class Bench:
    """The bench's organization on a running stack."""

    def __init__(self, stack: Stack, pairs: int, check_ins: int) -> None:
        self._stack, self._pairs, self._company = stack, pairs, Company(pairs, check_ins)
        self._database = stack.resources.database

    async def prepare(self) -> None:
        async with self._database.transaction() as session:
            self._organization_id = await find_or_create_organization(session, "Bench")
            self._key = await create_access_key(session, self._organization_id, Role.ADMIN, "bench")
            await create_people(session, self._organization_id, self._company.people)

    async def run(self, check_in_seconds: int, *, nobody_enrols: bool = False) -> float:
        """Runs one cycle to its end. Returns how many seconds its first invitations took. Raises SystemExit if the
        cycle did not go as the bench expects, because its numbers would be misleading."""
        self._roles = {} if nobody_enrols else self._company.roles
        self._answered: dict[UUID, float] = {}
        self._admin = AdminClient(self._stack.url, self._key)
        begun = time.monotonic()
        try:
            program = await self._admin.create_program(self._company.program(check_in_seconds))
            cycle = await self._admin.trigger_cycle(program["id"])
            await self._play(UUID(cycle["id"]))
        finally:
            await self._admin.close()
        return min(self._answered.values()) - begun

    async def _play(self, cycle_id: UUID) -> None:
        while True:
            async with self._database.transaction() as session:
                brief = await read_brief(session, self._organization_id, cycle_id)
                found = (await session.scalars(select(Round).where(Round.cycle_id == cycle_id))).all()
            if late := [r for r in found if r.state == RoundState.CLOSED and r.close_reason != CloseReason.ANSWERED]:
                raise SystemExit(f"{late[0].kind} {late[0].number} closed unanswered: raise --check-in-seconds.")
            if brief.stage is Stage.COMPLETED:
                return await self._check(str(cycle_id), brief.outcome, len(found))
            if brief.stage is Stage.REVIEW:
                await self._approve(str(cycle_id))
            for asked in found:
                if asked.id not in self._answered and await self._invited(asked):
                    self._answered[asked.id] = time.monotonic()
                    async with self._database.transaction() as session:
                        await answer_all(session, self._organization_id, asked.id, self._roles)
            await asyncio.sleep(POLL_SECONDS)

    async def _check(self, cycle_id: str, outcome: Outcome | None, rounds: int) -> None:
        pairs = len(await self._admin.pairs(cycle_id))
        meant = (Outcome.COMPLETED, self._pairs, self._company.check_ins + 3)
        if self._roles and (outcome, pairs, rounds) != meant:
            raise SystemExit(f"The cycle ended as {outcome} with {pairs} pairs and {rounds} rounds.")

    async def _approve(self, cycle_id: str) -> None:
        for run in await self._admin.match_runs(cycle_id):
            if run["state"] == "proposed":
                await self._admin.approve(run["id"])

    async def _invited(self, asked: Round) -> bool:
        """Whether the round is open and its invitations are delivered."""
        invitation = Announcement(
            organization_id=asked.organization_id,
            cycle_id=asked.cycle_id,
            scope_id=asked.id,
            template=declaration_of(RoundKind(asked.kind)).invitation,
            audience=Audience.ROUND,
        )
        async with self._database.transaction() as session:
            delivery = await read_delivery(session, asked.organization_id, invitation.id)
        return asked.state == RoundState.OPEN and delivery.sent > 0 and delivery.waiting == 0


async def measure(client: Client, telemetry: Telemetry, work: Awaitable[object]) -> Cost:
    """Does the work, waits until every workflow is over, and counts what the workflows that ran since then cost."""
    known = {run.run_id for run in await _all_over(client)}
    before, begun = count_requests(await telemetry.exposition()), time.monotonic()
    await work
    runs = [run for run in await _all_over(client) if run.run_id not in known]
    seconds = time.monotonic() - begun
    cost = Cost(seconds=seconds, actions=count_requests(await telemetry.exposition()) - before)
    gate = asyncio.Semaphore(10)

    async def count(run: WorkflowExecution) -> None:
        async with gate:
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        cost.actions += count_actions(history.events)
        cost.workflows[run.workflow_type] += 1
        cost.longest = max(cost.longest, len(history.events))

    await asyncio.gather(*(count(run) for run in runs))
    return cost


async def _all_over(client: Client) -> list[WorkflowExecution]:
    """Waits until no workflow runs any more, and returns all runs. Two listings must agree, as listings are a little
    late."""
    last: set[str] | None = None
    while True:
        runs = [run async for run in client.list_workflows()]
        over = all(run.status is not WorkflowExecutionStatus.RUNNING for run in runs)
        if over and last == {run.run_id for run in runs}:
            return runs
        last = {run.run_id for run in runs} if over else None
        await asyncio.sleep(1)


async def run_bench(
    pairs: int, naive_pairs: int, check_ins: int, check_in_seconds: int | None
) -> tuple[Cost, Cost, int]:
    """Returns what the cycle cost, what the naive form cost, and how many messages the cycle delivered."""
    os.environ["UPWARD_METRICS"] = "true"  # the core of the SDK counts heartbeats there
    with tempfile.TemporaryDirectory(prefix="upward-bench-") as folder, contextlib.ExitStack() as cleanup:
        async with running_stack(Path(folder)) as stack:
            stack.settings.smtp_port = cleanup.enter_context(mail_server(0))  # the catcher would share this process
            telemetry = stack.resources.telemetry
            assert telemetry is not None
            client = await connect(stack.temporal.address, lazy=False, telemetry=telemetry)
            bench = Bench(stack, pairs, check_ins)
            await bench.prepare()
            if check_in_seconds is None and check_ins == 0:
                check_in_seconds = 1  # nobody will wait for it
            if check_in_seconds is None:
                check_in_seconds = round(5 + 1.5 * await bench.run(1, nobody_enrols=True))
                await _all_over(client)
            before = await taken(stack.settings.smtp_port)
            real = await measure(client, telemetry, bench.run(check_in_seconds))
            messages = await taken(stack.settings.smtp_port) - before
            naive = await measure(client, telemetry, run_naive(client, naive_pairs, check_ins))
            return real, naive, messages


def show(pairs: int, naive_pairs: int, check_ins: int, real: Cost, naive: Cost, messages: int) -> None:
    """Prints the result as a table, with the kinds of actions."""
    table = Table("", "Upward", "A workflow a pair", title=f"One cycle of {pairs} pairs, {check_ins} check-ins")
    table.add_row("pairs", str(pairs), str(naive_pairs))
    table.add_row("[bold]actions a pair", f"[bold]{real.total / pairs:.3f}", f"[bold]{naive.total / naive_pairs:.3f}")
    table.add_row("actions", str(real.total), str(naive.total))
    for kind in sorted(real.actions | naive.actions, key=lambda kind: -real.actions[kind]):
        table.add_row(f"  {kind}", str(real.actions[kind]), str(naive.actions[kind]))
    table.add_row("workflow runs", str(real.workflows.total()), str(naive.workflows.total()))
    for name in sorted(real.workflows | naive.workflows):
        table.add_row(f"  {name}", str(real.workflows[name]), str(naive.workflows[name]))
    table.add_row("longest history, events", str(real.longest), str(naive.longest))
    table.add_row("messages delivered", str(messages), "0")
    table.add_row("seconds", f"{real.seconds:.0f}", f"{naive.seconds:.0f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a cycle costs in billable Temporal actions.")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--check-ins", type=int, default=6)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--check-in-seconds", type=int, help="time between check-ins (default: measured)")
    parser.add_argument("--naive-pairs", type=int, help="pairs of the naive form (default: as many)")
    given = parser.parse_args()
    if given.pairs < 1 or (given.naive_pairs is not None and given.naive_pairs < 1) or given.check_ins < 0:
        parser.error("at least one pair is needed")
    configure_logging("ERROR", "console")
    pairs, naive_pairs = given.pairs, given.naive_pairs or given.pairs
    real, naive, messages = asyncio.run(run_bench(pairs, naive_pairs, given.check_ins, given.check_in_seconds))
    found = {
        "pairs": pairs,
        "actions": real.total,
        "actions_per_pair": round(real.total / pairs, 4),
        "naive_actions_per_pair": round(naive.total / naive_pairs, 4),
        "heartbeats": real.actions[HEARTBEATS],
        "history_events_max": real.longest,
        "messages": messages,
        "wall_s": round(real.seconds, 1),
        "naive_wall_s": round(naive.seconds, 1),
    }
    most = MOST.get(pairs, {})
    if given.json:
        print(json.dumps(found | {"required": most}))
    else:
        show(pairs, naive_pairs, given.check_ins, real, naive, messages)
    sys.exit(int(any(found[measured] > allowed for measured, allowed in most.items())))


if __name__ == "__main__":
    main()
