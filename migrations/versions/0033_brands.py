"""How an organization shows itself: the name of its sender, its colour, and its logo."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "brand",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("sender_name", sa.String(), nullable=True),
        sa.Column("accent", sa.String(), nullable=True),
        sa.Column("accent_dark", sa.String(), nullable=True),
        sa.Column("logo", postgresql.JSONB(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("field_versions", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
        schema="accounts",
    )
    op.create_table(
        "logo",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
        schema="accounts",
    )


def downgrade() -> None:
    op.drop_table("logo", schema="accounts")
    op.drop_table("brand", schema="accounts")
