"""Sessions of people who sign in, and codes that sign somebody in once."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists accounts")
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["programs.access_key.id"], name=op.f("fk_session_key_id_access_key"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
        schema="accounts",
    )
    op.create_index(op.f("ix_session_key_id"), "session", ["key_id"], unique=False, schema="accounts")
    op.create_table(
        "sign_in_code",
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["programs.access_key.id"], name=op.f("fk_sign_in_code_key_id_access_key"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_sign_in_code")),
        schema="accounts",
    )


def downgrade() -> None:
    op.execute("drop schema accounts cascade")
