"""Temporal stopped: the API goes on answering, and each cycle starts exactly once when Temporal is back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from tests.faults import ledger
from tests.faults.driver import Company, found_company, play_on
from upward.demo.mailbox import Mailbox
from upward.stack import Stack, running_stack

TRIGGERS = 200


@pytest.fixture(scope="module")
async def stack(faults_folder: Path) -> AsyncIterator[Stack]:
    async with running_stack(faults_folder / "stack") as stack:
        yield stack


@pytest.fixture
async def company(stack: Stack, faults_folder: Path) -> AsyncIterator[Company]:
    company = await found_company(stack.url, stack.resources.database, faults_folder)
    yield company
    await company.admin.close()


async def test_triggers_are_answered_while_temporal_is_away_and_each_cycle_starts_once_when_it_is_back(
    stack: Stack, company: Company
) -> None:
    mailbox = Mailbox(stack.mail.folder)
    stack.temporal.stop()
    first, second, third = [await company.admin.trigger_cycle(company.program_id) for _ in range(3)]
    async with httpx.AsyncClient(base_url=stack.url) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/livez")).status_code == 200
    await asyncio.sleep(3)
    assert {(await company.admin.cycle(one["id"]))["stage"] for one in (first, second, third)} == {"scheduled"}
    stack.temporal.start()
    played = await play_on(company, mailbox, first)
    assert (played.cycle["stage"], played.cycle["outcome"]) == ("completed", "completed")
    for other in (second, third):
        assert (await play_on(company, mailbox, other)).cycle["stage"] == "completed"
    workflows = await ledger.cycle_workflows(stack.temporal.address)
    cycles = await ledger.cycle_rows(stack.resources.database, company.organization_id)
    assert len(cycles) == 3
    assert [workflows[f"cycle-{cycle}"] for cycle in cycles] == [[WorkflowExecutionStatus.COMPLETED]] * 3


async def test_two_hundred_identical_triggers_at_once_make_one_cycle(stack: Stack, company: Company) -> None:
    path, key = f"{stack.url}/v1/programs/{company.program_id}/cycles", {"idempotency-key": str(uuid4())}
    headers = company.admin.headers | key
    limits = httpx.Limits(max_connections=TRIGGERS)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:
        answers = await asyncio.gather(*(client.post(path, json={}) for _ in range(TRIGGERS)))
        again = await client.post(path, json={})
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 409}
    assert statuses[202] >= 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_flight"}
    [cycle] = await ledger.cycle_rows(stack.resources.database, company.organization_id)
    assert {answer.headers["location"] for answer in [*answers, again] if answer.status_code == 202} == {
        f"/v1/cycles/{cycle}"
    }
    while (await company.admin.cycle(str(cycle)))["stage"] == "scheduled":
        await asyncio.sleep(0.1)
    log = await ledger.events(stack.resources.database, company.organization_id)
    assert [event["type"] for event in log].count("cycle.requested") == 1
    await company.admin.cancel(str(cycle))
    workflows = await ledger.cycle_workflows(stack.temporal.address)
    assert workflows[f"cycle-{cycle}"] == [WorkflowExecutionStatus.COMPLETED]
