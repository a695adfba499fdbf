"""A delivery leases the messages that it sends, and holds no lock on their rows meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("lease", sa.Uuid(), nullable=True), schema="notifications")
    op.add_column(
        "message", sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True), schema="notifications"
    )


def downgrade() -> None:
    op.drop_column("message", "leased_until", schema="notifications")
    op.drop_column("message", "lease", schema="notifications")
