"""Since when a cycle is paused, and why it does not move."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, type in (("paused_at", sa.DateTime(timezone=True)), ("stalled_at", sa.DateTime(timezone=True))):
        op.add_column("cycle", sa.Column(name, type), schema="programs")
    op.add_column("cycle", sa.Column("stall_reason", sa.String()), schema="programs")


def downgrade() -> None:
    for name in ("stall_reason", "stalled_at", "paused_at"):
        op.drop_column("cycle", name, schema="programs")
