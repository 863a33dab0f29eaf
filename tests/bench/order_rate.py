"""How many orders per second one worker takes to an issued version, against what the sandbox alone can take.

Run it as ``python -m tests.bench.order_rate [ORDERS] [AT_ONCE]``. One worker process, one dev server and one sandbox share
the machine; keys are P-256. Afterwards the sandbox is measured alone with a plain client, in the same run, and the ratio
of the two is printed: the sandbox must never be the bottleneck. Not a test: it prints numbers and judges nothing.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from domain.request import DcvChoice, OrderRequest
from starter.client import EvercertClient
from starter.process import leave
from starter.stack import ACCOUNT, Stack, StackOptions
from tests.bench.sandbox_capacity import measure


async def worker_rate(orders: int, at_once: int) -> float:
    """Orders per second from start to issued, by one worker."""
    with tempfile.TemporaryDirectory(prefix="evercert-bench-") as home:
        async with Stack(StackOptions(home=Path(home), ui_port=None, ca_poll_seconds=0.2), print) as stack:
            stack.adopt_environment()
            async with EvercertClient.connect(stack.settings) as client:
                gate = asyncio.Semaphore(at_once)

                async def one(number: int) -> None:
                    request = OrderRequest(
                        account=ACCOUNT,
                        product="positivessl",
                        common_name=f"host-{number}.bench.test",
                        months=12,
                        dcv=DcvChoice(dns_account=ACCOUNT),
                    )
                    async with gate:
                        result = await client.wait(await client.order(request))
                    assert result.state == "issued"

                await one(0)  # warm
                began = time.monotonic()
                await asyncio.gather(*(one(number) for number in range(1, orders + 1)))
                return orders / (time.monotonic() - began)


async def main() -> None:
    """Measure both and print the ratio."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    ours = await worker_rate(orders, at_once)
    print(f"one worker       {ours:7.2f} orders/s to an issued version ({orders} orders, {at_once} at once, P-256)")
    alone = await measure(max(200, orders), 8, with_state=True)
    print(f"the sandbox      {alone:7.2f} orders/s alone, with its state in a file")
    print(f"ratio            {alone / ours:7.1f}")


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
