"""A worker whose adapters fail with a secret in their words, each for the orders that name it; else it is the real one.

An order for ``boom-dns.example.test`` makes the DNS adapter raise, and so on: as a library would that quotes what it was
given, from within another error, with the secret in a local variable, too.
"""

import functools
from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.adapters.dns import AuthoritativeResolver
from activities.adapters.dns.rfc2136 import Rfc2136Publisher
from activities.adapters.http import HttpClient
from activities.adapters.inventory.keys import KeyQueries, ProofQueries
from activities.adapters.vault import EnvelopeVault
from activities.adapters.x509 import CryptographyX509
from starter.cli.main import entry

DECOY = "DECOY/of+a-library=0815"
ADAPTERS: dict[str, tuple[type, str]] = {
    "http": (HttpClient, "post_json"),
    "dns": (Rfc2136Publisher, "publish"),
    "resolver": (AuthoritativeResolver, "views"),
    "vault": (EnvelopeVault, "seal"),
    "x509": (CryptographyX509, "make_key"),
    "keys": (KeyQueries, "put_key"),
    "proof": (ProofQueries, "save_proof"),
}


def _spoil(adapter: str, owner: type, method: str) -> None:
    healthy: Callable[..., Any] = getattr(owner, method)

    @functools.wraps(healthy)
    def failing(*args: Any, **kwargs: Any) -> Any:
        workflow = str(activity.info().workflow_id) if activity.in_activity() else ""
        if f"boom-{adapter}." in workflow:
            _fail(adapter, DECOY)
        return healthy(*args, **kwargs)

    setattr(owner, method, failing)


def _quote(token: str) -> None:
    raise ValueError(f"bad header Authorization: Bearer {token}")


def _fail(adapter: str, token: str) -> None:
    try:
        _quote(token)
    except ValueError as error:
        raise RuntimeError(f"{adapter} rejects {token}") from error


for _adapter, (_owner, _method) in ADAPTERS.items():
    _spoil(_adapter, _owner, _method)

if __name__ == "__main__":
    entry()
