"""As of when an order shows what it shows, so that a worker that slept cannot show what was so before.

Additive: a release that does not know this column leaves it alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the next change of an order fills it."""
    op.add_column("order_", sa.Column("as_of", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """There is no way back: without the column a woken worker would show an ended order as open."""
    raise NotImplementedError("restore a backup instead")
