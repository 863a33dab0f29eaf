"""The canary scan of one machine that ``starter.stack`` started: where its things are, and which secrets it has."""

import re
from collections.abc import Mapping
from typing import Any

from temporalio.client import Client

from activities.adapters.build import adapter_settings, open_adapters
from starter.prove.canary import Canary, Places, planted
from starter.stack import Stack

_METRICS = re.compile(r"Metrics:\s*(http://\S+/metrics)")


def places_of(stack: Stack, client: Client, texts: Mapping[str, str]) -> Places:
    """Return every place of a running machine.

    The sandbox's own folder is left out: it is the seller's, and it is the seller that made the tokens of orders. What
    the sandbox logs is searched.

    Args:
        stack: running, with a worker that was started; a server that it shares with others is not its own to search.
        client: connected to it.
        texts: what commands said.
    """
    home, server = stack.options.home, stack.options.home / "temporal"
    server_logs = [server / "temporal.log"] if stack.options.server is None else []
    told = "".join(log.read_text(encoding="utf-8") for log in server_logs)
    return Places(
        client=client,
        inventory_url=stack.settings.inventory_url,
        logs=[home / "worker.log", *server_logs, home / "sandbox" / "log.txt"],
        texts=texts,
        folders=[home],
        without=[home / "master.key", home / "sandbox"],
        engine_files=sorted(server.glob("temporal.db*")),
        metrics=_METRICS.findall(told)[-1:],  # of its last start
    )


async def canaries_of(stack: Stack) -> list[Canary]:
    """Return every secret of a running machine, the tokens that the sandbox gave its orders included."""
    settings = stack.settings
    master_key = (settings.base_dir / "master.key").read_bytes()
    async with open_adapters(adapter_settings(settings)) as adapters:
        found = await planted(adapters, settings.inventory_url, master_key)
    told: Any = stack.control("secrets")
    for order in told["orders"]:
        found.append(Canary(f"token of order {order['seller_order_id']}", order["token_code"].encode()))
    return found
