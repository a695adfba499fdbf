"""The event log gets an epoch and one partition for each day, so that old events can be dropped.

The log is copied into its partitions and locked until the end, so that no event is sequenced meanwhile; events stay in
the staging table. Afterwards a sequencer of the release before cannot append, because it knows no days. It tries again,
without losing anything, until a sequencer of the new release takes over. Readers of the release before are not
disturbed.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table events.event rename to event_before")
    op.execute("alter table events.event_before drop constraint pk_event")
    op.execute("create sequence events.event_position")
    op.create_table(
        "event",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint("organization_id", "day", "sequence", name=op.f("pk_event")),
        schema="events",
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("ix_event_day_position", "event", ["day", "position"], unique=True, schema="events")
    _create_log()
    _move_into_days()
    _note_days()
    op.execute("drop table events.event_before")
    op.execute(
        "insert into events.consumer values ('dispatcher', 0) on conflict do nothing"
    )  # from now on this row keeps days that the dispatcher has not read


def downgrade() -> None:
    op.execute("alter table events.event rename to event_by_day")
    op.execute("alter table events.event_by_day drop constraint pk_event")
    op.create_table(
        "event",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        *_columns(sa.Identity(always=True)),
        sa.PrimaryKeyConstraint("organization_id", "sequence", name=op.f("pk_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_event_event_id")),
        sa.UniqueConstraint("position", name=op.f("uq_event_position")),
        schema="events",
    )
    op.execute(
        "insert into events.event (organization_id, sequence, position, event_id, type, version, subject, time, data,"
        " recorded_at, digest) overriding system value"
        " select organization_id, sequence, position, event_id, type, version, subject, time, data, recorded_at, digest"
        " from events.event_by_day"
    )
    op.execute(
        "select setval(pg_get_serial_sequence('events.event', 'position')::regclass, last_value, is_called)"
        " from events.event_position"
    )
    for table in ("event_by_day", "organization_day", "log_day", "log"):
        op.drop_table(table, schema="events")
    op.execute("drop sequence events.event_position")


def _columns(*identity: sa.Identity) -> list[sa.Column[Any]]:
    return [
        sa.Column("position", sa.BigInteger(), *identity, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
    ]


def _create_log() -> None:
    op.create_table(
        "log",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("system_identifier", sa.BigInteger(), nullable=True),
        sa.Column("timeline", sa.Integer(), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_log_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_log")),
        schema="events",
    )
    op.execute("insert into events.log (epoch) values (gen_random_uuid())")
    op.create_table(
        "log_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("after_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_log_day")),
        schema="events",
    )
    op.create_table(
        "organization_day",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest_before", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name=op.f("pk_organization_day")),
        schema="events",
    )


def _move_into_days() -> None:
    """Copies the events. The day of an event is that of `recorded_at`, or a later one if an event before it has a later
    day."""
    op.execute(
        "create temporary table event_day on commit drop as select position,"
        " max((recorded_at at time zone 'UTC')::date) over (order by position) as day from events.event_before"
    )
    days = sa.text("select distinct day from event_day order by day")
    for day in op.get_bind().scalars(days).all():
        op.execute(
            f"create table events.event_{day:%Y_%m_%d} partition of events.event"
            f" for values from ('{day}') to (date '{day}' + 1)"
        )
    op.execute(
        "insert into events.event (organization_id, day, sequence, position, event_id, type, version, subject, time,"
        " data, recorded_at, digest)"
        " select organization_id, day, sequence, position, event_id, type, version, subject, time, data, recorded_at,"
        " digest from events.event_before join event_day using (position)"
    )
    op.execute(
        "select setval('events.event_position', last_value, is_called) from"
        " (select coalesce(max(position), 1) as last_value, count(*) > 0 as is_called from events.event) as reached"
    )


def _note_days() -> None:
    op.execute("insert into events.log_day select day, min(position) - 1 from events.event group by day")
    op.execute(
        "insert into events.organization_day"
        " select distinct on (organization_id, day) organization_id, day, sequence, before from ("
        "  select organization_id, day, sequence, coalesce("
        "    lag(digest) over (partition by organization_id order by sequence),"
        "    sha256(convert_to('urn:upward:organization:' || organization_id, 'UTF8'))"
        "  ) as before from events.event"
        " ) as event order by organization_id, day, sequence"
    )
