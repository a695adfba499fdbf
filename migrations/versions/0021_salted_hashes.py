"""The hashes of old match runs get a salt, so that nobody can find out by guessing what the inputs do not show them.

The new hash is made of the old one and still shows whether the inputs were altered
(`services/matching/runs/rules/stored_inputs.py`).
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


SALT = """
with unsalted as materialized (
    select id, replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '') as salt
    from matching.match_run where not inputs ? 'salt' and not inputs ? 'hash_salt'
)
update matching.match_run as run
set inputs = run.inputs || jsonb_build_object('hash_salt', unsalted.salt),
    inputs_hash = encode(sha256(convert_to(unsalted.salt || run.inputs_hash, 'UTF8')), 'hex')
from unsalted where unsalted.id = run.id
"""


def upgrade() -> None:
    op.execute(SALT)


def downgrade() -> None:
    """The hash from before cannot be known again. The release before says of these runs that their inputs were
    altered."""
