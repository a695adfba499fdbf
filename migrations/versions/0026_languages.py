"""The language of readers: which people have one of their own, which one a program takes otherwise, and the reasons of
pairs as codes, of which sentences are made in every language.

Everybody in the directory counts as having the language that is stored, and only later imports say otherwise. Pairs of
older runs keep their sentences.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "person",
        sa.Column("language_known", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        schema="intake",
    )
    op.add_column(
        "program",
        sa.Column("language", sa.String(), server_default="en", nullable=False),
        schema="programs",
    )
    op.add_column(
        "pair",
        sa.Column("reason_codes", postgresql.JSONB(), server_default="[]", nullable=False),
        schema="matching",
    )


def downgrade() -> None:
    op.drop_column("pair", "reason_codes", schema="matching")
    op.drop_column("program", "language", schema="programs")
    op.drop_column("person", "language_known", schema="intake")
