"""What the tests of programs share: an organization, a client and the events that were staged."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from shared.database import Database
from shared.events import StagedEvent
from shared.keys import OrganizationRow

CALENDAR = {
    "enrolment": {"length": "PT10S", "reminders": ["PT4S"]},
    "acceptance": {"length": "PT10S"},
    "check_in": {"length": "PT4S"},
    "check_ins": 2,
    "check_in_every": "PT5S",
    "survey": {"length": "PT10S"},
    "sending_hours": None,
}
PROGRAM: Mapping[str, Any] = {
    "name": "Digital Upward",
    "direction": "reverse",
    "time_zone": "Europe/Berlin",
    "topics": [{"code": "ai", "label": "Artificial intelligence", "aliases": ["AI tools"]}],
    "calendar": CALENDAR,
}


async def add_organization(db: Database, organization_id: UUID) -> None:
    async with db.transaction() as session:
        session.add(OrganizationRow(id=organization_id, name=f"Company {organization_id}"))


async def staged(db: Database, organization_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of the organization's events, in order."""
    async with db.transaction() as session:
        rows = await session.execute(
            select(StagedEvent.type, StagedEvent.data)
            .where(StagedEvent.organization_id == organization_id)
            .order_by(StagedEvent.id)
        )
        return [(kind, data) for kind, data in rows]


def once(headers: Mapping[str, str], key: str | None = None) -> dict[str, str]:
    """The headers with an Idempotency-Key, a fresh one unless it is given."""
    return {**headers, "idempotency-key": key or str(uuid4())}
