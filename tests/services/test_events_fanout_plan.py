"""The fan-out reads only its batch of a day, even while Postgres has no statistics of that day."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement, text

from services.events.log.store import days
from services.events.webhooks.store import fan_out
from services.events.webhooks.store.fan_out import Batch
from shared.database import Database

EVENTS = 3000
TELL = text("""
    insert into events.event
        (organization_id, sequence, day, position, event_id, type, version, subject, time, data, digest)
    select :organization_id, n, :day, nextval('events.event_position'), gen_random_uuid(), 'pair.activated', 1,
        'pair/' || n, now(), '{}', ''
    from generate_series(1, :count) n
""")
ENDPOINT = text("""
    insert into events.endpoint (id, organization_id, owner_id, url, description, types, rate_limit, reached_sequence)
    values (gen_random_uuid(), :organization_id, gen_random_uuid(), 'https://example.com/', '', '{}', 50, 0)
    returning id
""")


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of the plan that reads the log."""
    if str(plan.get("Relation Name", "")).startswith("event_"):
        yield plan
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.mark.parametrize("name", ["RECEIVERS", "ADD_DELIVERIES", "NOTE_REACHED"])
async def test_a_batch_is_read_by_its_positions(db: Database, organization_id: UUID, name: str) -> None:
    async with db.transaction() as session:
        day = (await days.read_today(session)).day
        await days.make_partition(session, day)
        given = {"organization_id": organization_id, "day": day, "count": EVENTS}
        await session.execute(TELL, given)
        endpoint_id = await session.scalar(ENDPOINT, {"organization_id": organization_id})
        last = await session.scalar(text("select max(position) from events.event"))
        batch = Batch(day, day, last - 9, last)
        statement: ClauseElement = getattr(fan_out, name)
        compiled = statement.compile(dialect=db.engine.dialect)
        connection = await session.connection()
        explained = await connection.exec_driver_sql(
            f"explain (analyze, format json) {compiled}",
            {**compiled.params, **batch._asdict(), "endpoint_ids": [endpoint_id]},
        )
        [[found]] = explained.all()
    plans = json.loads(found) if isinstance(found, str) else found
    read = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans(plans[0]["Plan"])]
    assert len(read) == 1
    assert read[0] <= 10, "so many rows of the log are looked at"
