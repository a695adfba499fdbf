"""Match runs get revisions, the decisions of an admin, a proof, and the origin of each pair."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.add_column("match_run", sa.Column("program_id", sa.Uuid(), nullable=True), schema="matching")
    op.add_column(
        "match_run", sa.Column("revision", sa.Integer(), server_default="1", nullable=False), schema="matching"
    )
    op.add_column("match_run", sa.Column("steering", JSON, server_default="{}", nullable=False), schema="matching")
    op.add_column("match_run", sa.Column("steered_by", sa.String(), nullable=True), schema="matching")
    op.add_column("match_run", sa.Column("result_hash", sa.String(), nullable=True), schema="matching")
    op.add_column("match_run", sa.Column("total", JSON, nullable=True), schema="matching")
    op.add_column("match_run", sa.Column("bound", JSON, nullable=True), schema="matching")
    op.add_column("match_run", sa.Column("supply", JSON, server_default="[]", nullable=False), schema="matching")
    op.alter_column("match_run", "optimal", new_column_name="certified", schema="matching")
    op.drop_constraint("uq_match_run_cycle_id_attempt", "match_run", schema="matching")
    op.create_unique_constraint(
        "uq_match_run_cycle_id_attempt_revision", "match_run", ["cycle_id", "attempt", "revision"], schema="matching"
    )
    op.create_index(
        "ix_match_run_organization_id_program_id", "match_run", ["organization_id", "program_id"], schema="matching"
    )
    op.execute(
        """
        update matching.match_run set program_id = cycle.program_id
        from programs.cycle
        where cycle.id = match_run.cycle_id and cycle.organization_id = match_run.organization_id
        """
    )
    op.add_column("pair", sa.Column("origin", sa.String(), server_default="matched", nullable=False), schema="matching")
    op.add_column("pair", sa.Column("alternatives", JSON, server_default="[]", nullable=False), schema="matching")
    op.add_column("pair", sa.Column("override_reason", sa.String(), nullable=True), schema="matching")
    op.add_column("unmatched", sa.Column("change", JSON, nullable=True), schema="matching")


def downgrade() -> None:
    """Keeps the last revision of each attempt, which gets the number of the attempt. A run with an approved or active
    pair is never superseded, so that no such pair is lost."""
    op.drop_column("unmatched", "change", schema="matching")
    for column in ("override_reason", "alternatives", "origin"):
        op.drop_column("pair", column, schema="matching")
    op.execute(
        """
        create temporary table earlier on commit drop as
        select run.id from matching.match_run run
        join matching.match_run later on later.cycle_id = run.cycle_id
            and later.attempt = run.attempt and later.revision > run.revision
        """
    )
    op.execute("delete from matching.unmatched where match_run_id in (select id from earlier)")
    op.execute("delete from matching.match_run where id in (select id from earlier)")
    op.drop_index("ix_match_run_organization_id_program_id", "match_run", schema="matching")
    op.drop_constraint("uq_match_run_cycle_id_attempt_revision", "match_run", schema="matching")
    op.create_unique_constraint(
        "uq_match_run_cycle_id_attempt", "match_run", ["cycle_id", "attempt"], schema="matching"
    )
    op.alter_column("match_run", "certified", new_column_name="optimal", schema="matching")
    for column in ("supply", "bound", "total", "result_hash", "steered_by", "steering", "revision", "program_id"):
        op.drop_column("match_run", column, schema="matching")
