"""Programs and endpoints know which version changed each field last, so that a second admin is told what changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLES = {"program": "programs", "endpoint": "events"}


def upgrade() -> None:
    for table, schema in TABLES.items():
        versions = sa.Column("field_versions", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
        op.add_column(table, versions, schema=schema)


def downgrade() -> None:
    for table, schema in TABLES.items():
        op.drop_column(table, "field_versions", schema=schema)
