"""The first tables: accounts, orders, acts, proof, keys, certificates, audit."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSAL = "audit rows are neither changed nor deleted"


def upgrade() -> None:
    """Make the tables, the guards of the audit, and the one row that names the installation."""
    _make_tables()
    _make_installation()
    if op.get_context().dialect.name == "postgresql":
        _guard_audit_on_postgresql()
    else:
        _guard_audit_on_sqlite()


def _make_installation() -> None:
    row = sa.table(
        "installation",
        *(sa.column(name) for name in ("only", "installation_id", "namespace", "cluster_id")),
        sa.column("key_check", sa.LargeBinary()),
    )
    op.execute(
        row.insert().values(only=1, installation_id=secrets.token_hex(16), namespace="", cluster_id="", key_check=b"")
    )


def _guard_audit_on_sqlite() -> None:
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{act.lower()} BEFORE {act} ON audit_event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _guard_audit_on_postgresql() -> None:
    op.execute(
        f"CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()"
    )


def downgrade() -> None:
    """There is no way back: what these tables hold is the record of what was bought."""
    raise NotImplementedError("restore a backup instead")


def _make_tables() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_event"),
        sa.UniqueConstraint("event_id", name="uq_audit_event_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_subject", "audit_event", ["subject"], unique=False)
    op.create_table(
        "installation",
        sa.Column("only", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("cluster_id", sa.Text(), nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("only", name="pk_installation"),
    )
    op.create_table(
        "order_",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("common_name", sa.Text(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("dns_account", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("reserved_request_id", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("open_fingerprint", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("seller_order_id", sa.Text(), nullable=True),
        sa.Column("status_text", sa.Text(), nullable=False),
        sa.Column("price_amount", sa.Text(), nullable=True),
        sa.Column("price_currency", sa.Text(), nullable=True),
        sa.Column("charged_amount", sa.Text(), nullable=True),
        sa.Column("charged_currency", sa.Text(), nullable=True),
        sa.Column("certificate_id", sa.Text(), nullable=False),
        sa.Column("term_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leaf_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_"),
        sa.UniqueConstraint("account", "reserved_request_id", name="uq_order__account_reserved_request_id"),
        sa.UniqueConstraint("account", "seller_order_id", name="uq_order__account_seller_order_id"),
        sa.UniqueConstraint("open_fingerprint", name="uq_order__open_fingerprint"),
    )
    op.create_index("ix_order__created_at", "order_", ["created_at"], unique=False)
    op.create_index("ix_order__fingerprint", "order_", ["fingerprint"], unique=False)
    op.create_table(
        "secret",
        sa.Column("secret_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("secret_id", name="pk_secret"),
    )
    op.create_table(
        "account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("partner_code", sa.Text(), nullable=False),
        sa.Column("secret_id", sa.Text(), nullable=False),
        sa.Column("csr_encoding", sa.Text(), nullable=False),
        sa.Column("visibility_minutes", sa.Integer(), nullable=False),
        sa.Column("contact_email", sa.Text(), nullable=False),
        sa.Column("trust_roots", sa.Text(), nullable=False),
        sa.Column("parked_code", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unknown_answer", sa.Text(), nullable=False),
        sa.Column("fallback_url", sa.Text(), nullable=False),
        sa.Column("calls_per_second", sa.Integer(), nullable=False),
        sa.Column("calls_burst", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["secret_id"], ["secret.secret_id"], name="fk_account_secret_id"),
        sa.PrimaryKeyConstraint("name", name="pk_account"),
        sa.UniqueConstraint("secret_id", name="uq_account_secret_id"),
    )
    op.create_table(
        "rate_bucket",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name="fk_rate_bucket_account"),
        sa.PrimaryKeyConstraint("account", name="pk_rate_bucket"),
    )
    op.create_table(
        "certificate",
        sa.Column("certificate_id", sa.Text(), nullable=False),
        sa.Column("common_name", sa.Text(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["order_.order_id"], name="fk_certificate_order_id"),
        sa.PrimaryKeyConstraint("certificate_id", name="pk_certificate"),
    )
    op.create_index("ix_certificate_common_name", "certificate", ["common_name"], unique=False)
    op.create_table(
        "certificate_version",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("certificate_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("spki_sha256", sa.Text(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["order_.order_id"], name="fk_certificate_version_order_id"),
        sa.PrimaryKeyConstraint("order_id", "serial", name="pk_certificate_version"),
    )
    op.create_index(
        "uq_version_current",
        "certificate_version",
        ["certificate_id"],
        unique=True,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index(
        "uq_version_number",
        "certificate_version",
        ["certificate_id", "number"],
        unique=True,
        sqlite_where=sa.text("number > 0"),
        postgresql_where=sa.text("number > 0"),
    )
    op.create_table(
        "dns_account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("zones", sa.JSON(), nullable=False),
        sa.Column("tsig_name", sa.Text(), nullable=False),
        sa.Column("tsig_algorithm", sa.Text(), nullable=False),
        sa.Column("secret_id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["secret_id"], ["secret.secret_id"], name="fk_dns_account_secret_id"),
        sa.PrimaryKeyConstraint("name", name="pk_dns_account"),
        sa.UniqueConstraint("secret_id", name="uq_dns_account_secret_id"),
    )
    op.create_table(
        "order_name",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("record_type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["order_.order_id"], name="fk_order_name_order_id"),
        sa.PrimaryKeyConstraint("order_id", "owner", "record_type", "value", name="pk_order_name"),
    )
    op.create_table(
        "private_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("csr", sa.Text(), nullable=False),
        sa.Column("spki_sha256", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["order_.order_id"], name="fk_private_key_order_id"),
        sa.PrimaryKeyConstraint("key_id", name="pk_private_key"),
    )
    op.create_index("ix_private_key_order_id", "private_key", ["order_id"], unique=False)
    op.create_table(
        "seller_act",
        sa.Column("act_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("send_deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("seller_order_id", sa.Text(), nullable=False),
        sa.Column("price_amount", sa.Text(), nullable=True),
        sa.Column("price_currency", sa.Text(), nullable=True),
        sa.Column("charged_amount", sa.Text(), nullable=True),
        sa.Column("charged_currency", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["order_.order_id"], name="fk_seller_act_order_id"),
        sa.PrimaryKeyConstraint("act_id", name="pk_seller_act"),
    )
    op.create_index(
        "uq_seller_act_open",
        "seller_act",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('reserved', 'sending', 'in-doubt', 'needs-person')"),
        postgresql_where=sa.text("state IN ('reserved', 'sending', 'in-doubt', 'needs-person')"),
    )
    op.create_table(
        "product",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name="fk_product_account"),
        sa.PrimaryKeyConstraint("account", "code", name="pk_product"),
    )
