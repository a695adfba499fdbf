"""An index of the people who have not answered. Every answer checks whether any are left, and reminders read them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_recipient_pending",
        "recipient",
        ["round_id", "person_id"],
        unique=False,
        schema="rounds",
        postgresql_where=sa.text("answered_at is null and excused_at is null"),
    )


def downgrade() -> None:
    op.drop_index("ix_recipient_pending", table_name="recipient", schema="rounds")
