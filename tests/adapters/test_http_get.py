"""Getting without a body: an answer, or a fault that quotes nothing."""

import pytest

from activities.adapters.http import HttpClient, HttpFault
from starter.process import free_port


async def test_nobody_there_is_a_fault_without_context() -> None:
    client = HttpClient()
    with pytest.raises(HttpFault) as caught:
        await client.get(f"http://127.0.0.1:{free_port()}/rest/health/status?token=hunter2")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None
    await client.close()
