"""What a workflow that begins again must know: pauses, how a cycle concludes, and which announcements are prepared."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

PAUSED_SINCE = """
update programs.cycle cycle set paused_at = coalesce(
  (
    select max(paused.time) from events.event paused
    where paused.organization_id = cycle.organization_id and paused.data ->> 'cycle_id' = cycle.id::text
      and paused.type = 'cycle.paused'
  ),
  now()
)
where cycle.paused and cycle.paused_at is null
"""
PAUSES = """
insert into programs.pause (cycle_id, begins_at, organization_id, ends_at)
select cycle.id, begun.at, cycle.organization_id, max(resumed.time)
from programs.cycle cycle
join events.event resumed on resumed.organization_id = cycle.organization_id
  and resumed.data ->> 'cycle_id' = cycle.id::text and resumed.type = 'cycle.resumed'
cross join lateral (
  select max(paused.time) as at from events.event paused
  where paused.organization_id = cycle.organization_id and paused.data ->> 'cycle_id' = cycle.id::text
    and paused.type = 'cycle.paused' and paused.sequence < resumed.sequence
) begun
where cycle.ended_at is null and begun.at is not null
group by cycle.id, begun.at, cycle.organization_id
"""
"""The pauses of cycles that run, as far as the log still tells of them."""


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cycle_id", "begins_at"),
        schema="programs",
    )
    op.add_column("cycle", sa.Column("concluding", sa.String(), nullable=True), schema="programs")
    prepared_at = sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("announcement", prepared_at, schema="notifications")
    op.execute("update notifications.announcement set prepared_at = created_at")
    op.execute(PAUSED_SINCE)
    op.execute(PAUSES)


def downgrade() -> None:
    op.drop_column("announcement", "prepared_at", schema="notifications")
    op.drop_column("cycle", "concluding", schema="programs")
    op.drop_table("pause", schema="programs")
