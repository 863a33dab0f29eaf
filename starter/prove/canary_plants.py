"""The secrets that a machine really has: each becomes a canary, without a word of it said."""

import base64

from sqlalchemy import Connection, MetaData, Table, create_engine, select

from activities.adapters.build import SELLER_TOKEN_PURPOSE, TSIG_SECRET_PURPOSE, Adapters
from activities.adapters.inventory.engine import read_url
from activities.keys import KEY_PURPOSE
from starter.prove.canary_forms import LEAST_BYTES, Canary, private_key_canaries


async def planted(adapters: Adapters, inventory_url: str, master_key: bytes) -> list[Canary]:
    """Return every secret of an installation: master key, tokens of sellers, secrets of DNS accounts, private keys.

    Reads only; nothing is audited, since nothing leaves.

    Args:
        adapters: open, so that the vault opens what is sealed.
        inventory_url: SQLAlchemy address with an asynchronous driver.
        master_key: the text of its file or variable.
    """
    found = [*_encoded("master key", master_key.strip())]
    for account in await adapters.inventory.accounts():
        sealed = await adapters.inventory.sealed_secret(account.secret_id)
        token = adapters.vault.unseal(sealed, row_id=account.secret_id, purpose=SELLER_TOKEN_PURPOSE)
        found.append(Canary(f"seller token of {account.name}", token))
    for dns_account in await adapters.inventory.dns_accounts():
        sealed = await adapters.inventory.sealed_secret(dns_account.secret_id)
        secret = adapters.vault.unseal(sealed, row_id=dns_account.secret_id, purpose=TSIG_SECRET_PURPOSE)
        found += _encoded(f"TSIG secret of {dns_account.name}", secret.strip())
    for key_id, sealed in _sealed_keys(inventory_url):
        der = adapters.vault.unseal(sealed, row_id=key_id, purpose=KEY_PURPOSE)
        found += private_key_canaries(f"private key {key_id}", der)
    return found


def _encoded(kind: str, text: bytes) -> list[Canary]:
    """Return a secret whose text is base64, as that text and as the bytes behind it."""
    padded = text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4)
    behind = base64.b64decode(padded)
    return [Canary(kind, text), *([Canary(f"{kind}, decoded", behind)] if len(behind) >= LEAST_BYTES else [])]


def _sealed_keys(inventory_url: str) -> list[tuple[str, bytes]]:
    engine = create_engine(read_url(inventory_url))
    try:
        with engine.connect() as connection:
            return _read_keys(connection)
    finally:
        engine.dispose()


def _read_keys(connection: Connection) -> list[tuple[str, bytes]]:
    keys = Table("private_key", MetaData(), autoload_with=connection)
    return [(str(row.key_id), bytes(row.sealed)) for row in connection.execute(select(keys.c.key_id, keys.c.sealed))]
