"""The messages that a delivery takes next stand in the order of an index.

A delivery of a hundred thousand messages sorted all that waited whenever it took some. The index is built as that of 0046
is: beside those who write, and without the short limits, as nobody waits for it.
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

LIMITS = ("lock_timeout", "statement_timeout")


def upgrade() -> None:
    _replace("ix_message_waiting", "ix_message_in_turn", "attempts, due_at, id")


def downgrade() -> None:
    _replace("ix_message_in_turn", "ix_message_waiting", "due_at")


def _replace(old: str, new: str, order: str) -> None:
    with op.get_context().autocommit_block():
        before = {name: op.get_bind().exec_driver_sql(f"show {name}").scalar() for name in LIMITS}
        for name in LIMITS:
            op.execute(f"set {name} = 0")
        op.execute(f"drop index concurrently if exists notifications.{new}")  # what an interrupted attempt has left
        op.execute(
            f"create index concurrently {new} on notifications.message (organization_id, announcement_id, {order})"
            " where state = 'waiting'"
        )
        op.execute(f"drop index concurrently if exists notifications.{old}")
        for name, limit in before.items():
            op.execute(f"set {name} = '{limit}'")
