"""The first tables of the schema `notifications`."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists notifications")
    op.create_table(
        "announcement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("round_kind", sa.String(), nullable=True),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
        sa.UniqueConstraint(
            "organization_id",
            "scope_id",
            "template",
            "occurrence",
            name=op.f("uq_announcement_organization_id_scope_id_template_occurrence"),
        ),
        schema="notifications",
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("announcement_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), server_default="email", nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_code", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deferrals", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["notifications.announcement.id"], name=op.f("fk_message_announcement_id_announcement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "organization_id",
            "scope_id",
            "person_id",
            "template",
            "occurrence",
            name=op.f("uq_message_organization_id_scope_id_person_id_template_occurrence"),
        ),
        schema="notifications",
    )
    op.create_index(
        "ix_message_announcement_id",
        "message",
        ["organization_id", "announcement_id"],
        unique=False,
        schema="notifications",
    )
    op.create_index(
        "ix_message_cycle_id", "message", ["organization_id", "cycle_id"], unique=False, schema="notifications"
    )
    op.create_index(
        "ix_message_waiting",
        "message",
        ["organization_id", "announcement_id", "due_at"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.execute("drop schema notifications cascade")
