"""Organizations share the sequencer and the dispatcher: an index of what is staged, and who is behind."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_staged_event_organization_id_id", "staged_event", ["organization_id", "id"], schema="events")
    op.create_table(
        "behind",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
        schema="events",
    )


def downgrade() -> None:
    op.drop_table("behind", schema="events")
    op.drop_index("ix_staged_event_organization_id_id", table_name="staged_event", schema="events")
