"""Files that wait to be imported, and the mapping of the columns that an organization used last."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=True),
        sa.Column("column_map", postgresql.JSONB(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("report", postgresql.JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="intake",
    )
    op.create_index(
        "ix_import_upload_organization_id", "import_upload", ["organization_id", "created_at"], schema="intake"
    )
    op.create_table(
        "import_mapping",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("column_map", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id"),
        schema="intake",
    )


def downgrade() -> None:
    op.drop_table("import_mapping", schema="intake")
    op.drop_index("ix_import_upload_organization_id", "import_upload", schema="intake")
    op.drop_table("import_upload", schema="intake")
