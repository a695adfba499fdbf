"""Deleting an announcement finds its messages by an index that begins with the column that refers to it.

There may be millions of messages. So the index is built without keeping anybody from writing, which no transaction can
do. It waits for transactions that began before it, such as that of a backup, and nobody waits for it meanwhile: so here
the short limits do not apply. It replaces the index that began with the organization; what an interrupted attempt has
left is built anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

NEW, OLD = "ix_message_announcement", "ix_message_announcement_id"


def upgrade() -> None:
    with _beside_writers():
        op.execute(f"drop index concurrently if exists notifications.{NEW}")
        op.execute(f"create index concurrently {NEW} on notifications.message (announcement_id)")
        op.execute(f"drop index concurrently if exists notifications.{OLD}")


def downgrade() -> None:
    with _beside_writers():
        op.execute(f"drop index concurrently if exists notifications.{OLD}")
        op.execute(f"create index concurrently {OLD} on notifications.message (organization_id, announcement_id)")
        op.execute(f"drop index concurrently if exists notifications.{NEW}")


@contextmanager
def _beside_writers() -> Iterator[None]:
    with op.get_context().autocommit_block():
        limits = ("lock_timeout", "statement_timeout")
        before = {name: op.get_bind().exec_driver_sql(f"show {name}").scalar() for name in limits}
        for name in limits:
            op.execute(f"set {name} = 0")
        yield
        for name, limit in before.items():
            op.execute(f"set {name} = '{limit}'")
