"""Lists are sorted and searched by indexes: the directory by name and department, messages by time and person."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("name", "department"):
        op.create_index(
            f"ix_person_{name}", "person", ["organization_id", sa.text(f"lower({name})"), "id"], schema="intake"
        )
    op.create_index("ix_message_due_at", "message", ["organization_id", "due_at", "id"], schema="notifications")
    op.create_index("ix_message_person_id", "message", ["organization_id", "person_id"], schema="notifications")
    op.create_index("ix_concern_raised_at", "concern", ["organization_id", "raised_at", "id"], schema="feedback")


def downgrade() -> None:
    op.drop_index("ix_concern_raised_at", table_name="concern", schema="feedback")
    op.drop_index("ix_message_person_id", table_name="message", schema="notifications")
    op.drop_index("ix_message_due_at", table_name="message", schema="notifications")
    for name in ("department", "name"):
        op.drop_index(f"ix_person_{name}", table_name="person", schema="intake")
