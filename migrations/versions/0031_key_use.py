"""An access key knows when it was used last, to the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_key", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True), schema="programs")


def downgrade() -> None:
    op.drop_column("access_key", "last_used_at", schema="programs")
