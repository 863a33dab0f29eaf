"""Alerts: what was found at a seller that a person has to settle.

Additive: a release that does not know this table leaves it alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; one row per kind, account and seller order."""
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seller_order_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alert"),
        sa.UniqueConstraint("kind", "account", "seller_order_id", name="uq_alert_kind_account_seller_order_id"),
    )
    op.create_index("ix_alert_settled_at", "alert", ["settled_at"], unique=False)


def downgrade() -> None:
    """There is no way back: an open alert is money that somebody has to look after."""
    raise NotImplementedError("restore a backup instead")
