"""Endpoints, and their secrets, deliveries, queues per subject (table `lane`), attempts and backfills."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("types", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), server_default="enabled", nullable=False),
        sa.Column("disable_reason", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reached_sequence", sa.BigInteger(), nullable=False),
        sa.Column("drain_state", sa.String(), server_default="idle", nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_failing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_disabling_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_endpoint_organization_id_id")),
        schema="events",
    )
    op.create_index(
        "ix_endpoint_called",
        "endpoint",
        ["id"],
        unique=False,
        schema="events",
        postgresql_where=sa.text("drain_state = 'called'"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["events.endpoint.organization_id", "events.endpoint.id"],
            name=op.f("fk_attempt_organization_id_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        schema="events",
    )
    op.create_index(
        "ix_attempt_endpoint_id", "attempt", ["organization_id", "endpoint_id", "id"], unique=False, schema="events"
    )
    op.create_index(
        "ix_attempt_sequence",
        "attempt",
        ["organization_id", "endpoint_id", "sequence", "id"],
        unique=False,
        schema="events",
    )
    op.create_index("ix_attempt_started_at", "attempt", ["started_at"], unique=False, schema="events")
    op.create_table(
        "backfill",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["events.endpoint.organization_id", "events.endpoint.id"],
            name=op.f("fk_backfill_organization_id_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill")),
        schema="events",
    )
    op.create_index(
        "ix_backfill_endpoint_id", "backfill", ["organization_id", "endpoint_id", "id"], unique=False, schema="events"
    )
    op.create_table(
        "delivery",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["events.endpoint.organization_id", "events.endpoint.id"],
            name=op.f("fk_delivery_organization_id_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "endpoint_id", "sequence", name=op.f("pk_delivery")),
        schema="events",
    )
    op.create_index(
        "ix_delivery_finished_at",
        "delivery",
        ["finished_at"],
        unique=False,
        schema="events",
        postgresql_where=sa.text("finished_at is not null"),
    )
    op.create_index(
        "ix_delivery_state",
        "delivery",
        ["organization_id", "endpoint_id", "state", "sequence"],
        unique=False,
        schema="events",
    )
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["endpoint_id", "subject", "sequence"],
        unique=False,
        schema="events",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "endpoint_secret",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["events.endpoint.organization_id", "events.endpoint.id"],
            name=op.f("fk_endpoint_secret_organization_id_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint_secret")),
        schema="events",
    )
    op.create_index(
        "ix_endpoint_secret_endpoint_id",
        "endpoint_secret",
        ["organization_id", "endpoint_id"],
        unique=False,
        schema="events",
    )
    op.create_table(
        "lane",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["events.endpoint.organization_id", "events.endpoint.id"],
            name=op.f("fk_lane_organization_id_endpoint_id_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "subject", name=op.f("pk_lane")),
        schema="events",
    )
    op.create_index("ix_lane_due_at", "lane", ["endpoint_id", "due_at", "sequence"], unique=False, schema="events")
    # There is no endpoint yet, so the fan-out begins with new events. Its row keeps the days that it has not read.
    op.execute(
        "insert into events.consumer (name, position) select 'fanout', coalesce(max(position), 0) from events.event"
    )


def downgrade() -> None:
    op.execute("delete from events.consumer where name = 'fanout'")
    for table in ("backfill", "lane", "attempt", "delivery", "endpoint_secret", "endpoint"):
        op.drop_table(table, schema="events")
