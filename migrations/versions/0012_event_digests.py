"""The running digest of the events of each organization, also for the events that exist already.

The log is locked until the end, so that no event is sequenced meanwhile; events stay in the staging table. Afterwards a
sequencer of the release before cannot append, because it knows no digest. It tries again, without losing anything,
until a sequencer of the new release takes over.
"""

import hashlib
import json
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PAGE = 5000


def upgrade() -> None:
    op.add_column("event", sa.Column("digest", sa.LargeBinary(), nullable=True), schema="events")
    op.add_column("organization_head", sa.Column("digest", sa.LargeBinary(), nullable=True), schema="events")
    connection = op.get_bind()
    heads = sa.text("update events.organization_head set digest = :digest where organization_id = :organization_id")
    for organization_id in connection.scalars(sa.text("select organization_id from events.organization_head")).all():
        digest = _chain(connection, organization_id)
        connection.execute(heads, {"organization_id": organization_id, "digest": digest})
    op.alter_column("event", "digest", nullable=False, schema="events")
    op.alter_column("organization_head", "digest", nullable=False, schema="events")


def downgrade() -> None:
    op.drop_column("organization_head", "digest", schema="events")
    op.drop_column("event", "digest", schema="events")


def _chain(connection: sa.Connection, organization_id: Any) -> bytes:
    """Gives the events of an organization their digests, in their order, and returns the last one."""
    page = sa.text(
        "select sequence, event_id, type, version, subject, time, data from events.event"
        " where organization_id = :organization_id and sequence > :after order by sequence limit :page"
    )
    update = sa.text(
        "update events.event set digest = :digest where organization_id = :organization_id and sequence = :sequence"
    )
    digest, after = hashlib.sha256(f"urn:upward:organization:{organization_id}".encode()).digest(), 0
    while found := connection.execute(page, {"organization_id": organization_id, "after": after, "page": PAGE}).all():
        digests = []
        for event in found:
            digest = hashlib.sha256(digest + _canonical(event)).digest()
            digests.append({"organization_id": organization_id, "sequence": event.sequence, "digest": digest})
        connection.execute(update, digests)
        after = found[-1].sequence
    return digest


def _canonical(event: Any) -> bytes:
    told = {
        "id": str(event.event_id),
        "sequence": str(event.sequence).zfill(19),
        "type": f"app.upward.{event.type}.v{event.version}",
        "subject": event.subject,
        "time": event.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": event.data,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
