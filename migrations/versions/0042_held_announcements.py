"""Announcements wait while the mail server refuses everybody."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("announcement", sa.Column("held_code", sa.String(), nullable=True), schema="notifications")
    op.add_column(
        "announcement", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True), schema="notifications"
    )
    op.add_column(
        "announcement", sa.Column("holds", sa.Integer(), server_default="0", nullable=False), schema="notifications"
    )


def downgrade() -> None:
    for column in ("holds", "held_until", "held_code"):
        op.drop_column("announcement", column, schema="notifications")
