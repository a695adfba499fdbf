"""Rows that are written and rolled back, to see whether the database takes writes."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("filler", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="shared",
    )


def downgrade() -> None:
    op.drop_table("probe", schema="shared")
