"""What the database and Temporal hold after a cycle, read past the API."""

import asyncio
import hashlib
from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus

from shared.database import Database
from tests.faults.company import Answered
from tests.patience import PATIENCE_SECONDS

ROWS = {
    "enrolment": """select coalesce(role, 'none') as role from intake.enrolment
        where cycle_id = :cycle and person_id = :person""",
    "acceptance": """select id as pair from matching.pair where round_id = :round
        and (mentor_id = :person and mentor_accepted_at is not null
            or mentee_id = :person and mentee_accepted_at is not null)""",
    "check_in": """select pair_id as pair, usefulness, met, note from feedback.check_in
        where round_id = :round and person_id = :person""",
    "survey": """select pair_id as pair, usefulness, would_repeat from feedback.survey_answer
        where round_id = :round and person_id = :person""",
}


async def _rows(database: Database, query: str, **values: Any) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        return [dict(row) for row in (await session.execute(text(query), values)).mappings()]


async def stored_answer(database: Database, answer: Answered) -> list[dict[str, Any]]:
    """The rows of this answer, found by the link that it was given through, as the form's words."""
    digest = hashlib.sha256(answer.token.encode()).hexdigest()
    [link] = await _rows(database, "select * from intake.link where token_hash = :hash", hash=digest)
    assert link["round_id"] == answer.round_id
    values = {"cycle": link["cycle_id"], "person": link["person_id"], "round": link["round_id"]}
    used = {name: value for name, value in values.items() if f":{name}" in ROWS[answer.kind]}
    return await _rows(database, ROWS[answer.kind], **used)


def expected_rows(answer: Answered) -> list[dict[str, Any]]:
    """What `stored_answer` must find for the form that was sent."""
    if answer.kind == "enrolment":
        return [{"role": answer.form["role"]}]
    prefix = "decision_" if answer.kind == "acceptance" else "usefulness_"
    pairs = [name.removeprefix(prefix) for name in answer.form if name.startswith(prefix)]
    return [{"pair": UUID(pair)} | _entry(answer, pair) for pair in pairs]


def _entry(answer: Answered, pair: str) -> dict[str, Any]:
    if answer.kind == "acceptance":
        return {}
    entry: dict[str, Any] = {"usefulness": int(answer.form[f"usefulness_{pair}"])}
    if answer.kind == "survey":
        return entry | {"would_repeat": True}
    return entry | {"met": True, "note": answer.form[f"note_{pair}"]}


async def settled(database: Database) -> None:
    """Waits until nothing is left to be sent or told. Raises TimeoutError."""
    waiting = "select id from notifications.message where state = 'waiting'"
    staged = "select event_id from events.staged_event"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _rows(database, f"{waiting} union all {staged}"):
            await asyncio.sleep(0.2)


async def let_one_wait(database: Database, cycle_id: str) -> tuple[str, str]:
    """Lets an invitation of this cycle wait as if it had not been sent. Returns its Message-ID and its announcement."""
    one = "select id from notifications.message where cycle_id = :id and state = 'sent' order by id limit 1"
    waits = "state = 'waiting', sent_at = null, due_at = now()"
    [row] = await _rows(
        database,
        f"update notifications.message set {waits} where id = ({one}) returning message_id, announcement_id",
        id=cycle_id,
    )
    return row["message_id"], str(row["announcement_id"])


async def message_states(database: Database, organization_id: UUID) -> dict[str, str]:
    """The state of every message by its Message-ID."""
    query = "select message_id, state from notifications.message where organization_id = :id"
    return {row["message_id"]: row["state"] for row in await _rows(database, query, id=organization_id)}


async def cycle_rows(database: Database, organization_id: UUID) -> list[UUID]:
    rows = await _rows(database, "select id from programs.cycle where organization_id = :id", id=organization_id)
    return [row["id"] for row in rows]


async def events(database: Database, organization_id: UUID) -> list[dict[str, Any]]:
    """The organization's log in order."""
    query = "select sequence, type, subject, data from events.event where organization_id = :id order by sequence"
    return await _rows(database, query, id=organization_id)


def told_more_than_once(log: list[dict[str, Any]]) -> list[str]:
    """Facts that can happen once only and stand in the log more than once."""
    told = Counter(
        f"{event['type']} {event['subject']} {event['data'].get('stage', '')}"
        for event in log
        if event["type"] != "enrolment.submitted"  # an enrolment may be sent again; each is a fact
    )
    return sorted(fact for fact, times in told.items() if times > 1)


async def cycle_workflows(address: str) -> dict[str, list[WorkflowExecutionStatus | None]]:
    """The executions of every CycleWorkflow by workflow id, once none is running. Raises TimeoutError."""
    client = await Client.connect(address)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: dict[str, list[WorkflowExecutionStatus | None]] = {}
            async for execution in client.list_workflows("WorkflowType = 'CycleWorkflow'"):
                found.setdefault(execution.id, []).append(execution.status)
            if not any(WorkflowExecutionStatus.RUNNING in states for states in found.values()):
                return found
            await asyncio.sleep(0.2)
