"""A machine of its own per module: real Temporal server, sandbox, inventory and worker, all private."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.support import House, open_house


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The machine that the tests of a module share."""
    async with open_house(tmp_path_factory.mktemp("home")) as house:
        yield house


@pytest.fixture
async def healed(house: House) -> AsyncIterator[House]:
    """The same, with every fault lifted afterwards."""
    yield house
    await house.heal()
