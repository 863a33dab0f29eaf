"""A time-skipping server per module, with our search attributes and one worker for all queues."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interface import DNS_QUEUE, KEYS_QUEUE, SELLER_QUEUE, WORKFLOW_QUEUE
from starter.plugin import WORKFLOWS, evercert_plugin
from tests.support.temporal import start_time_skipping
from tests.workflows.world import World
from workflows.search_attributes import REGISTRATION

REQUEST: dict[str, Any] = {
    "account": "sandbox",
    "product": "positivessl",
    "common_name": "www.example.test",
    "months": 12,
    "dcv": {"method": "dns", "dns_account": "sandbox"},
}

_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}


@pytest.fixture(scope="module")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    """A time-skipping server of this module alone: its clock is shared by all its runs."""
    async with await start_time_skipping(plugins=[evercert_plugin()]) as env:
        with contextlib.suppress(RPCError):
            await env.client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=env.client.namespace,
                    search_attributes={name: _TYPES[kind] for name, kind in REGISTRATION.items()},
                )
            )
        yield env


Start = Callable[..., Any]


@pytest.fixture
async def start(env: WorkflowEnvironment) -> AsyncIterator[Start]:
    """Start one order in a scripted world; the workers end with the test."""
    async with AsyncExitStack() as stack:

        async def begin(world: World, request: Any = REQUEST, **options: Any) -> WorkflowHandle[Any, Any]:
            await stack.pop_all().aclose()  # one world at a time serves the queues
            for queue in (WORKFLOW_QUEUE, SELLER_QUEUE, DNS_QUEUE, KEYS_QUEUE):
                worker = Worker(
                    env.client,
                    task_queue=queue,
                    workflows=WORKFLOWS if queue == WORKFLOW_QUEUE else [],
                    activities=world.all(),
                )
                await stack.enter_async_context(worker)
            args = {} if request is None else {"arg": request}
            return await env.client.start_workflow(
                "IssueCertificate", id=f"t-{uuid.uuid4()}", task_queue=WORKFLOW_QUEUE, **args, **options
            )

        yield begin
