"""Events that the dispatcher sets aside are tried again, and hold back the later events of their workflow."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("undispatchable", sa.Column("holds", sa.String(), nullable=True), schema="events")
    op.add_column("undispatchable", sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True), schema="events")


def downgrade() -> None:
    op.drop_column("undispatchable", "retry_at", schema="events")
    op.drop_column("undispatchable", "holds", schema="events")
