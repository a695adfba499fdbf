"""Which request an event follows from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("staged_event", "event"):
        op.add_column(table, sa.Column("origin", postgresql.JSONB()), schema="events")


def downgrade() -> None:
    for table in ("event", "staged_event"):
        op.drop_column(table, "origin", schema="events")
