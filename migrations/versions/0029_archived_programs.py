"""A program can be archived: it starts no cycle any more, and can be restored."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("program", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True), schema="programs")


def downgrade() -> None:
    op.drop_column("program", "archived_at", schema="programs")
