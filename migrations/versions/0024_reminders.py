"""A round knows when its people were told something last, and when an admin asked for a reminder."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COLUMNS = ("told_at", "reminder_requested_at")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("round", sa.Column(name, sa.DateTime(timezone=True), nullable=True), schema="rounds")


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("round", name, schema="rounds")
