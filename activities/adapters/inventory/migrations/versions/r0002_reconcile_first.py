"""Reconcile first: why and since when nothing may be bought, and what each account was last compared with.

Additive: a release that does not know these columns leaves them alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; an inventory that is brought here waits for nothing."""
    op.add_column("installation", sa.Column("reconcile_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("installation", sa.Column("reconcile_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("installation", sa.Column("sent_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("installation", sa.Column("database_mark", sa.Text(), server_default="", nullable=False))
    op.add_column("account", sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """There is no way back: dropping a reason to wait would let a purchase leave."""
    raise NotImplementedError("restore a backup instead")
