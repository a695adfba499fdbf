"""The pairs of one person are found by an index, when the person leaves."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SIDES = ("mentor_id", "mentee_id")


def upgrade() -> None:
    for side in SIDES:
        op.create_index(f"ix_pair_organization_id_{side}", "pair", ["organization_id", side], schema="matching")


def downgrade() -> None:
    for side in SIDES:
        op.drop_index(f"ix_pair_organization_id_{side}", table_name="pair", schema="matching")
