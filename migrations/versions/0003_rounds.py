"""The first tables of the schema `rounds`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists rounds")
    op.create_table(
        "round",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
        sa.UniqueConstraint("cycle_id", "kind", "number", name=op.f("uq_round_cycle_id_kind_number")),
        schema="rounds",
    )
    op.create_table(
        "recipient",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("excused_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.round.id"], name=op.f("fk_recipient_round_id_round")),
        sa.PrimaryKeyConstraint("round_id", "person_id", "subject_id", name=op.f("pk_recipient")),
        schema="rounds",
    )
    op.create_index(
        "ix_recipient_person_id", "recipient", ["organization_id", "person_id"], unique=False, schema="rounds"
    )
    op.create_index(
        "ix_recipient_subject_id", "recipient", ["organization_id", "subject_id"], unique=False, schema="rounds"
    )


def downgrade() -> None:
    op.execute("drop schema rounds cascade")
