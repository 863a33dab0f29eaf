"""The inventory on SQLAlchemy: the record of orders, acts, certificates, keys and accounts.

``open_inventory`` opens one that fits this release; ``upgrade`` makes one, or brings an older one to this release.
SQLite by default, PostgreSQL by its address alone.
"""

from typing import Self

from activities.adapters.inventory import database_file
from activities.adapters.inventory.alerts import AlertQueries
from activities.adapters.inventory.audit import AuditQueries, InstallationQueries
from activities.adapters.inventory.budget import BudgetQueries
from activities.adapters.inventory.certificates import CertificateQueries
from activities.adapters.inventory.configured import ConfiguredQueries
from activities.adapters.inventory.engine import Database, make_engine, read_url, sqlite_file
from activities.adapters.inventory.keys import KeyQueries, ProofQueries
from activities.adapters.inventory.later_acts import LaterActQueries
from activities.adapters.inventory.reconcile import ReconcileQueries
from activities.adapters.inventory.schema import SchemaState, previous_revision, run_migrations, schema_state, upgrade

__all__ = [
    "SchemaState",
    "SqlInventory",
    "open_inventory",
    "previous_revision",
    "require_own_log",
    "run_migrations",
    "schema_state",
    "upgrade",
]


class SqlInventory(
    InstallationQueries,
    ReconcileQueries,
    ConfiguredQueries,
    BudgetQueries,
    LaterActQueries,
    KeyQueries,
    ProofQueries,
    CertificateQueries,
    AlertQueries,
    AuditQueries,
):
    """The ``Inventory`` in a database; each method is one transaction with its audit rows."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._db.aclose()


async def require_own_log(url: str, least: int) -> None:
    """Refuse a SQLite file that was set back while the log beside it is of the newer one; see ``database_file``.

    Raises:
        Misconfigured: ``inventory-torn``.
    """
    path = sqlite_file(read_url(url))
    if path is not None:
        await database_file.require_own_log(path, least)


async def open_inventory(url: str) -> SqlInventory:
    """Open the inventory at an address such as ``sqlite:////var/lib/evercert/inventory.db``.

    Raises:
        Misconfigured: ``db-upgrade-needed`` when there is none or its schema is another; ``db-url-invalid``.
        Unavailable: ``inventory-unavailable``.
    """
    (await schema_state(url)).require()
    return SqlInventory(Database(make_engine(read_url(url))))
