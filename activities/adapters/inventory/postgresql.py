"""Connections to PostgreSQL: what we ask of each session, and of the network below it."""

from sqlalchemy import URL, Engine, create_engine

from domain.errors import Misconfigured

# Ours come last and win: a server or address that is set otherwise must not weaken what a purchase relies on.
_SESSION = {
    "synchronous_commit": "on",  # a committed `sending` must survive a power cut
    "default_transaction_isolation": r"read\ committed",
    "lock_timeout": "10s",  # as long as on SQLite; nobody of ours holds a lock for longer
    "idle_in_transaction_session_timeout": "60s",  # a process that was frozen must not hold its locks for ever
    "timezone": "utc",
}
# Where the address does not say otherwise. A line that went dead is noticed within about a minute, not within hours.
_NETWORK: dict[str, str | int] = {
    "connect_timeout": 10,
    "application_name": "evercert",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def postgresql_engine(url: URL) -> Engine:
    """Return an engine; nothing is opened yet. A connection that broke while unused is noticed before it is used.

    Raises:
        Misconfigured: ``db-driver-missing``.
    """
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=_arguments(url))
    except ModuleNotFoundError:
        raise Misconfigured(
            "db-driver-missing",
            "The driver for PostgreSQL is not installed.",
            next_step="install psycopg 3 beside Evercert: its extra is called postgres",
        ) from None


def _arguments(url: URL) -> dict[str, str | int]:
    """Return what the driver is told beside the address, whose own parameters it would otherwise override."""
    theirs = url.query.get("options", ())
    options = [theirs] if isinstance(theirs, str) else list(theirs)
    options += [f"-c {name}={value}" for name, value in _SESSION.items()]
    network: dict[str, str | int] = {name: value for name, value in _NETWORK.items() if name not in url.query}
    return {"options": " ".join(options), **network}
