"""An access key can expire, be limited to networks, and have been replaced by another one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_key", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True), schema="programs")
    op.add_column("access_key", sa.Column("networks", postgresql.ARRAY(sa.String()), nullable=True), schema="programs")
    op.add_column("access_key", sa.Column("replaced_by", sa.String(), nullable=True), schema="programs")


def downgrade() -> None:
    op.drop_column("access_key", "replaced_by", schema="programs")
    op.drop_column("access_key", "networks", schema="programs")
    op.drop_column("access_key", "expires_at", schema="programs")
