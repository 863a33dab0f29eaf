"""Runs migrations on the connection, and in the transaction, that ``schema.upgrade`` hands over."""

from alembic import context

from activities.adapters.inventory.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite's DDL is transactional once the driver does not start transactions on its own (engine.py).
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
