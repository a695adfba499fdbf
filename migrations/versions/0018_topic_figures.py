"""The figures about a cycle's topics as they were shown last, so that they change by groups of people only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic_figures",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "cycle_id", name=op.f("pk_topic_figures")),
        schema="intake",
    )


def downgrade() -> None:
    op.drop_table("topic_figures", schema="intake")
