"""The events of one cycle are found by an index.

The log may hold millions of events. So the index of each day is built without keeping anybody from writing, which no
transaction can do: what is finished stays if this is interrupted, and is not built again.
"""

from alembic import op
from sqlalchemy import text

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

COLUMNS = "(organization_id, (data ->> 'cycle_id'), day, sequence) where (data ->> 'cycle_id') is not null"
MISSING = """
select partition.relname, mine.relname as unfinished
from pg_inherits
join pg_class partition on partition.oid = inhrelid
left join (pg_class mine join pg_index on pg_index.indexrelid = mine.oid and not indisvalid)
    on pg_index.indrelid = partition.oid and mine.relname = partition.relname || '_cycle'
where inhparent = 'events.event'::regclass
  and not exists (
    select from pg_index own
    join pg_inherits attached on attached.inhrelid = own.indexrelid
    where own.indrelid = partition.oid and attached.inhparent = 'events.ix_event_cycle'::regclass
  )
order by 1
"""
"""The days that have no such index yet, and what an earlier attempt has left unfinished of it."""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"create index if not exists ix_event_cycle on only events.event {COLUMNS}")
        for day, unfinished in op.get_bind().execute(text(MISSING)).all():
            if unfinished is not None:
                op.execute(f"drop index concurrently events.{unfinished}")
            op.execute(f"create index concurrently if not exists {day}_cycle on events.{day} {COLUMNS}")
            op.execute(f"alter index events.ix_event_cycle attach partition events.{day}_cycle")


def downgrade() -> None:
    op.drop_index("ix_event_cycle", table_name="event", schema="events")
