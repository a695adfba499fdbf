"""A link knows when colleagues were searched with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    times = postgresql.ARRAY(sa.DateTime(timezone=True))
    op.add_column("link", sa.Column("searched_at", times, server_default="{}", nullable=False), schema="intake")


def downgrade() -> None:
    op.drop_column("link", "searched_at", schema="intake")
