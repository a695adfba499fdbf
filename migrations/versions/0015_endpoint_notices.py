"""Announcements that belong to no cycle and go to one person, such as notices to the owner of an endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("announcement", sa.Column("person_id", sa.Uuid(), nullable=True), schema="notifications")
    for table in ("announcement", "message"):
        op.alter_column(table, "cycle_id", existing_type=sa.Uuid(), nullable=True, schema="notifications")


def downgrade() -> None:
    """Deletes the messages that belong to no cycle, because the release before cannot store them."""
    op.execute("delete from notifications.message where cycle_id is null")
    op.execute("delete from notifications.announcement where cycle_id is null")
    for table in ("message", "announcement"):
        op.alter_column(table, "cycle_id", existing_type=sa.Uuid(), nullable=False, schema="notifications")
    op.drop_column("announcement", "person_id", schema="notifications")
