"""An event of the log, for tests that need any event."""

from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.events import EventRecord


def event_record(sequence: int) -> EventRecord:
    return EventRecord(
        id=UUID(int=sequence),
        organization_id=UUID(int=0),
        sequence=sequence,
        type="cycle.paused",
        version=1,
        subject="cycle/1",
        time=datetime(2026, 1, 5, tzinfo=UTC),
        data={},
    )
