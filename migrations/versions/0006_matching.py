"""The first tables of the schema `matching`."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists matching")
    op.create_table(
        "match_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs_hash", sa.String(), nullable=False),
        sa.Column("code_version", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("optimal", sa.Boolean(), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.Column("mentors", sa.Integer(), nullable=False),
        sa.Column("mentees", sa.Integer(), nullable=False),
        sa.Column("pairs_count", sa.Integer(), nullable=False),
        sa.Column("unmatched_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_run")),
        sa.UniqueConstraint("cycle_id", "attempt", name=op.f("uq_match_run_cycle_id_attempt")),
        schema="matching",
    )
    op.create_index(
        "ix_match_run_organization_id_cycle_id",
        "match_run",
        ["organization_id", "cycle_id"],
        unique=False,
        schema="matching",
    )
    op.create_table(
        "pair",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("match_run_id", sa.Uuid(), nullable=False),
        sa.Column("mentor_id", sa.Uuid(), nullable=False),
        sa.Column("mentee_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("contributions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("topics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("round_id", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mentor_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mentee_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_by", sa.String(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["match_run_id"], ["matching.match_run.id"], name=op.f("fk_pair_match_run_id_match_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pair")),
        sa.UniqueConstraint(
            "cycle_id",
            "mentor_id",
            "mentee_id",
            "match_run_id",
            name=op.f("uq_pair_cycle_id_mentor_id_mentee_id_match_run_id"),
        ),
        schema="matching",
    )
    op.create_index("ix_pair_match_run_id", "pair", ["match_run_id"], unique=False, schema="matching")
    op.create_index(
        "ix_pair_organization_id_cycle_id_state",
        "pair",
        ["organization_id", "cycle_id", "state"],
        unique=False,
        schema="matching",
    )
    op.create_index("ix_pair_round_id", "pair", ["round_id"], unique=False, schema="matching")
    op.create_index(
        "uq_pair_live",
        "pair",
        ["cycle_id", "mentor_id", "mentee_id"],
        unique=True,
        schema="matching",
        postgresql_where=sa.text("state in ('offered', 'active', 'on_hold')"),
    )
    op.create_table(
        "unmatched",
        sa.Column("match_run_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("blocked", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["match_run_id"], ["matching.match_run.id"], name=op.f("fk_unmatched_match_run_id_match_run")
        ),
        sa.PrimaryKeyConstraint("match_run_id", "person_id", name=op.f("pk_unmatched")),
        schema="matching",
    )
    op.create_index(
        "ix_unmatched_organization_id_person_id",
        "unmatched",
        ["organization_id", "person_id"],
        unique=False,
        schema="matching",
    )


def downgrade() -> None:
    op.execute("drop schema matching cascade")
