"""The worker of :mod:`tests.bench.bare`: one process with one ``Worker`` per task queue, as Evercert's is.

Started by the benchmark as ``python -m tests.bench.bare_worker ADDRESS NAMESPACE READY_FILE WORKFLOW_QUEUE QUEUE…``.
"""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from starter.process import leave
from tests.bench.bare import Bare, nothing


async def main(address: str, namespace: str, ready: Path, workflow_queue: str, queues: list[str]) -> None:
    """Poll until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, namespace=namespace)
    async with AsyncExitStack() as stack:
        for queue in sorted({workflow_queue, *queues}):
            workflows = [Bare] if queue == workflow_queue else []
            await stack.enter_async_context(Worker(client, task_queue=queue, workflows=workflows, activities=[nothing]))
        ready.touch()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], sys.argv[5:]))
    leave(0)
