"""How many a round asked, and how many answered, once its recipients are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("asked", "answered"):
        op.add_column("round", sa.Column(name, sa.Integer(), nullable=True), schema="rounds")


def downgrade() -> None:
    for name in ("answered", "asked"):
        op.drop_column("round", name, schema="rounds")
