"""How well people teach their topics. Earlier enrolments say nothing about it, which counts as "in depth"."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    levels = sa.Column(
        "taught_levels", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("enrolment", levels, schema="intake")


def downgrade() -> None:
    op.drop_column("enrolment", "taught_levels", schema="intake")
