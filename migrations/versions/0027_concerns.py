"""A concern knows who takes care of it, and how it ended."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("concern", sa.Column("resolution", sa.String(), nullable=True), schema="feedback")
    op.add_column("concern", sa.Column("assignee_id", sa.Uuid(), nullable=True), schema="feedback")


def downgrade() -> None:
    op.drop_column("concern", "assignee_id", schema="feedback")
    op.drop_column("concern", "resolution", schema="feedback")
