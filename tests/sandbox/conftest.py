"""A sandbox per test, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from deploy.sandbox import Sandbox, SandboxSettings
from tests.sandbox.support import Client


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(port=0, dns_port=0, ca_poll_seconds=0.03)) as running:
        yield running


@pytest.fixture
async def client(box: Sandbox) -> AsyncIterator[Client]:
    made = Client(box)
    yield made
    await made.http.aclose()
