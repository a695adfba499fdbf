"""The history of a cycle reads its own events, however many the organization has."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from services.events.log.store import days
from services.events.log.store.reading import read_cycle_events
from shared.database import Database

OTHERS = 2000
TELL = text("""
    insert into events.event
        (organization_id, sequence, day, position, event_id, type, version, subject, time, data, digest)
    select :organization_id, :after + n, :day, nextval('events.event_position'), gen_random_uuid(), 'cycle.paused', 1,
        'cycle/' || n, now(),
        case when n % 500 = 0 then jsonb_build_object('cycle_id', cast(:cycle_id as text))
             when n % 2 = 0 then jsonb_build_object('cycle_id', gen_random_uuid()) else '{}' end, ''
    from generate_series(1, :count) n
""")


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of the plan that reads the log."""
    if str(plan.get("Relation Name", "")).startswith("event_"):
        yield plan
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.mark.parametrize("before", [None, OTHERS + 1500])
async def test_only_the_cycle_s_own_events_are_looked_at(
    db: Database, organization_id: UUID, before: int | None
) -> None:
    cycle_id, asked = uuid4(), list[tuple[str, Any]]()
    async with db.transaction() as session:
        today = (await days.read_today(session)).day
        for number in (0, 1):
            day = today - timedelta(days=1 - number)
            await days.make_partition(session, day)
            told = {"organization_id": organization_id, "day": day, "count": OTHERS, "after": number * OTHERS}
            await session.execute(TELL, told | {"cycle_id": cycle_id})
            await session.execute(text(f"analyze events.{days.partition_of(day)}"))

        def note(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
            asked.append((statement, parameters))

        engine = db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            found = await read_cycle_events(session, organization_id, cycle_id, (), before, 3)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        [(statement, parameters)] = asked
        connection = await session.connection()
        explained = await connection.exec_driver_sql(f"explain (analyze, format json) {statement}", parameters)
        [[plan]] = explained.all()
    assert [one.sequence for one in found] == [[4000, 3500, 3000], [3000, 2500, 2000]][before is not None]
    plans = json.loads(plan) if isinstance(plan, str) else plan
    looked_at = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans(plans[0]["Plan"])]
    assert sum(looked_at) <= 2 * OTHERS / 500, "so many rows of the log are looked at"
