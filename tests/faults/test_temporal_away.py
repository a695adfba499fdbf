"""Temporal stopped: the API goes on answering, and each cycle starts exactly once when Temporal is back."""

import asyncio
from uuid import uuid4

import httpx
from temporalio.client import WorkflowExecutionStatus

from tests.faults import ledger
from tests.faults.driver import Company
from tests.patience import PATIENCE_SECONDS
from upward.stack import Stack

TRIGGERS = 200


async def test_triggers_are_answered_while_temporal_is_away_and_each_cycle_starts_once_when_it_is_back(
    stack: Stack, company: Company
) -> None:
    stack.temporal.stop()
    async with httpx.AsyncClient(base_url=stack.url, headers=company.admin.headers, timeout=60) as client:
        path = f"/v1/programs/{company.program_id}/cycles"
        answers = [await client.post(path, json={}, headers=_new_key()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 202]
        await asyncio.sleep(3)
        assert (await client.get("/readyz")).status_code == 200
    cycles = [answer.json()["id"] for answer in answers]
    assert [(await company.admin.cycle(cycle))["stage"] for cycle in cycles] == ["scheduled"] * 3
    stack.temporal.start()
    for cycle in cycles:
        await _until_started(company, cycle)
        await company.admin.cancel(cycle)
    workflows = await ledger.cycle_workflows(stack.temporal.address)
    assert [workflows[f"cycle-{cycle}"] for cycle in cycles] == [[WorkflowExecutionStatus.COMPLETED]] * 3


async def test_two_hundred_identical_triggers_at_once_make_one_cycle(stack: Stack, company: Company) -> None:
    before = set(await ledger.cycle_rows(stack.resources.database, company.organization_id))
    path, headers = f"{stack.url}/v1/programs/{company.program_id}/cycles", company.admin.headers | _new_key()
    limits = httpx.Limits(max_connections=TRIGGERS)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:
        answers = await asyncio.gather(*(client.post(path, json={}) for _ in range(TRIGGERS)))
        answers.append(await client.post(path, json={}))
    refusals = [answer.json()["code"] for answer in answers if answer.status_code != 202]
    assert set(refusals) <= {"idempotency_key_in_flight"}
    assert len(refusals) < TRIGGERS
    assert answers[-1].status_code == 202
    after = await ledger.cycle_rows(stack.resources.database, company.organization_id)
    [cycle] = set(after) - before
    assert {answer.json()["id"] for answer in answers if answer.status_code == 202} == {str(cycle)}
    await _until_started(company, str(cycle))
    log = await ledger.events(stack.resources.database, company.organization_id)
    requests = [event["data"]["cycle_id"] for event in log if event["type"] == "cycle.requested"]
    assert requests.count(str(cycle)) == 1
    await company.admin.cancel(str(cycle))
    workflows = await ledger.cycle_workflows(stack.temporal.address)
    assert workflows[f"cycle-{cycle}"] == [WorkflowExecutionStatus.COMPLETED]


def _new_key() -> dict[str, str]:
    return {"idempotency-key": str(uuid4())}


async def _until_started(company: Company, cycle: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await company.admin.cycle(cycle))["stage"] == "scheduled":
            await asyncio.sleep(0.1)
