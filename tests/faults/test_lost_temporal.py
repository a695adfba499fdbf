"""Temporal's database is lost and Postgres is kept: `upward cycles rebuild` lets every cycle go on where it was."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clusters import copy_cluster
from tests.faults import ledger
from tests.faults.driver import found_company
from tests.faults.five_cycles import PLACES, FiveCycles
from tests.patience import PATIENCE_SECONDS
from upward.demo.mailbox import Mailbox
from upward.recovery.command import check, rebuild
from upward.stack import Stack, running_stack
from workflows.searching import STAGE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def lone_stack(faults_folder: Path) -> AsyncIterator[tuple[Stack, Path]]:
    folder = faults_folder / "lost"
    folder.mkdir()
    copy_cluster(folder / "postgres", migrated=True)
    async with running_stack(folder) as stack:
        yield stack, folder


async def lose_temporal(stack: Stack, folder: Path) -> None:
    stack.temporal.stop()
    for path in (folder / "temporal").glob("temporal.db*"):
        path.unlink()
    stack.temporal.start()


async def prepared(stack: Stack, workflow_id: str) -> None:
    """Waits until all messages of the announcement are prepared, so that it could send. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            history = await stack.resources.temporal.get_workflow_handle(workflow_id).fetch_history()
            if any(event.HasField("activity_task_completed_event_attributes") for event in history.events):
                return
            await asyncio.sleep(0.2)


async def test_every_cycle_goes_on_where_it_was_and_no_message_is_sent_twice(
    lone_stack: tuple[Stack, Path], faults_folder: Path
) -> None:
    stack, folder = lone_stack
    company = await found_company(stack.url, stack.resources.database, faults_folder)
    five = FiveCycles(company, Mailbox(stack.mail.folder))
    await five.begin()
    await ledger.settled(stack.resources.database)
    assert await check(folder) == []
    before = {one["id"]: one["closes_at"] for one in five.open_rounds()}
    letters = five.letters_by_id()

    await lose_temporal(stack, folder)
    # What people do meanwhile is stored, and nobody hears of it.
    for run in await company.admin.match_runs(five.ids["review"]):
        await company.admin.approve(run["id"])
    await ledger.settled(stack.resources.database)
    waits, announcement_id = await ledger.let_one_wait(stack.resources.database, five.ids["paused"])
    lost = await check(folder)
    assert {f"cycle-{id}" for id in five.ids.values()} <= {line.split()[1] for line in lost}
    assert {line.split()[0] for line in lost} == {"missing"}
    assert any("concern-" in line for line in lost)
    assert any("overview-" in line for line in lost)

    would = await rebuild(folder, None, dry_run=True)
    assert await check(folder) == lost, "a dry run does nothing"
    one = await rebuild(folder, five.ids["kickoff"], dry_run=False)
    assert [line.split() for line in one] == [["start", f"cycle-{five.ids['kickoff']}"]]
    both = await asyncio.gather(*(rebuild(folder, None, dry_run=False) for _ in range(2)), return_exceptions=True)
    done = {line for lines in both if isinstance(lines, list) for line in lines} | set(one)
    assert done == set(would)
    await five.play(lambda: five.seen["review"]["stage"] == "kickoff")
    assert await rebuild(folder, None, dry_run=False) == []
    assert await check(folder) == []
    after = {one["id"]: one["closes_at"] for one in five.open_rounds()}
    assert {id: after[id] for id in before} == before, "every deadline stands"
    assert five.seen["paused"]["paused"]
    for place in PLACES:
        found = await stack.resources.temporal.get_workflow_handle(f"cycle-{five.ids[place]}").describe()
        assert found.typed_search_attributes.get(STAGE) == five.seen[place]["stage"], "Temporal finds it by its stage"
    assert letters <= five.letters_by_id()
    await prepared(stack, f"announcement-{announcement_id}")
    assert five.letters_by_id()[waits] == 1, "a paused cycle sends nothing"

    await five.control("paused", "resume")
    await five.play(lambda: five.letters_by_id()[waits] == 2)
    five.free = True
    await five.play(five.are_over)
    assert [five.seen[place]["outcome"] for place in PLACES] == ["completed"] * len(PLACES)
    await ledger.settled(stack.resources.database)
    assert five.letters_by_id() - Counter({waits: 1}) == Counter(dict.fromkeys(five.letters_by_id(), 1))
    await company.admin.close()
