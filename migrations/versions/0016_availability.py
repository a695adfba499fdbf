"""People on leave, who are active and are not asked to take part. Everybody is available until an import says more."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    availability = sa.Column("availability", sa.String(), server_default=sa.text("'available'"), nullable=False)
    op.add_column("person", availability, schema="intake")
    op.add_column("person", sa.Column("available_from", sa.Date(), nullable=True), schema="intake")


def downgrade() -> None:
    op.drop_column("person", "available_from", schema="intake")
    op.drop_column("person", "availability", schema="intake")
