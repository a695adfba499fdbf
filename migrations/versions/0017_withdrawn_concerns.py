"""A concern can be withdrawn by the person who raised it, and raised again in the same round."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ONCE = ["pair_id", "person_id", "reason", "round_id"]


def upgrade() -> None:
    op.add_column("concern", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True), schema="feedback")
    op.create_index(
        "uq_concern_round",
        "concern",
        ONCE,
        unique=True,
        schema="feedback",
        postgresql_where=sa.text("withdrawn_at is null"),
    )
    op.drop_constraint("uq_concern_pair_id_person_id_reason_round_id", "concern", schema="feedback")


def downgrade() -> None:
    """Deletes the concerns that were withdrawn, because the release before knows one for each reason and round."""
    op.execute("delete from feedback.concern where withdrawn_at is not null")
    op.create_unique_constraint("uq_concern_pair_id_person_id_reason_round_id", "concern", ONCE, schema="feedback")
    op.drop_index("uq_concern_round", table_name="concern", schema="feedback")
    op.drop_column("concern", "withdrawn_at", schema="feedback")
