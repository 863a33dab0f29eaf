"""Boundaries: every call of a port leaves its two names, and the blow falls exactly where it was wished for."""

import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.adapters.build import Adapters
from starter.prove.boundaries import STRUCK, Blow, Strike, Watch, is_of_an_order, read_trace


class Port:
    """A port with what ports have: calls that wait, calls that do not, plain values, and one that opens another."""

    name = "a plain value"

    async def find(self, number: int, *, by: str = "") -> str:
        return f"{number} {by}"

    async def place(self, gate: Any) -> bool:
        return bool(gate.may_send())

    async def refuse(self) -> None:
        raise LookupError

    def seal(self, text: bytes) -> bytes:
        return text[::-1]

    async def open(self, name: str) -> "Port":
        return self


class Gate:
    def may_send(self) -> bool:
        return True


def watched(trace: Path, strike: Strike | None = None) -> Adapters:
    ports: Any = {field.name: Port() for field in dataclasses.fields(Adapters)}
    adapters = Adapters(**ports)
    return Watch(trace, strike).around(adapters)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


async def test_each_call_leaves_its_names_and_gives_its_result(trace: Path) -> None:
    ports: Any = watched(trace)
    assert await ports.inventory.find(3, by="id") == "3 id"
    assert await ports.inventory.find(4) == "4 "
    assert ports.vault.seal(b"ab") == b"ba"
    assert ports.inventory.name == "a plain value"
    assert read_trace(trace) == (
        (
            *("start/inventory.find#1/before", "start/inventory.find#1/after"),
            *("start/inventory.find#2/before", "start/inventory.find#2/after"),
            *("start/vault.seal#1/before", "start/vault.seal#1/after"),
        ),
        False,
    )


async def test_what_a_directory_opens_and_the_gate_of_a_purchase_are_watched(trace: Path) -> None:
    ports: Any = watched(trace)
    seller = await ports.sellers.open("sandbox")
    assert await seller.place(Gate()) is True
    assert await seller.place(gate=Gate()) is True
    passed, _ = read_trace(trace)
    assert passed[2:6] == (
        *("start/seller.place#1/before", "start/gate.may_send#1/before"),
        *("start/gate.may_send#1/after", "start/seller.place#1/after"),
    )


async def test_a_call_that_fails_has_no_after(trace: Path) -> None:
    ports: Any = watched(trace)
    with pytest.raises(LookupError):
        await ports.resolver.refuse()
    assert read_trace(trace)[0] == ("start/resolver.refuse#1/before",)


async def test_calls_are_counted_within_one_try_of_an_activity(trace: Path) -> None:
    ports: Any = watched(trace)
    for token in (b"first", b"second"):
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info, task_token=token, activity_type="purchase", workflow_type="IssueCertificate"
        )
        await environment.run(ports.inventory.find, 1)
    assert set(read_trace(trace)[0]) == {"purchase/inventory.find#1/before", "purchase/inventory.find#1/after"}


async def test_activities_of_another_workflow_carry_its_name(trace: Path) -> None:
    ports: Any = watched(trace)
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, activity_type="find_orphans", workflow_type="SyncOrders")
    await environment.run(ports.inventory.find, 1)
    passed, _ = read_trace(trace)
    assert passed[0] == "SyncOrders.find_orphans/inventory.find#1/before"
    assert not any(is_of_an_order(place) for place in passed)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


async def test_the_blow_falls_once_and_exactly_there(trace: Path, heard: list[int]) -> None:
    ports: Any = watched(trace, Strike("start/inventory.find#2/before", Blow.TERM))
    for number in range(4):
        await ports.inventory.find(number)
    assert heard == [signal.SIGTERM]
    lines = trace.read_text().splitlines()
    assert lines[2:4] == ["start/inventory.find#2/before", f"{STRUCK} term"]
    assert read_trace(trace)[1]


def test_a_kill_leaves_the_whole_trace(trace: Path) -> None:
    pid = os.fork()
    if pid == 0:
        ports: Any = watched(trace, Strike("start/vault.seal#2/after", Blow.KILL))
        for _ in range(9):
            ports.vault.seal(b"x")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    passed, struck = read_trace(trace)
    assert struck
    assert passed[-1] == "start/vault.seal#2/after"
    assert len(passed) == 4


def test_what_belongs_to_an_order() -> None:
    assert is_of_an_order("purchase/seller.place#1/after")
    assert is_of_an_order("start/inventory.bind_installation#1/before")
    assert not is_of_an_order("SyncOrders.find_orphans/inventory.orders#1/before")


def test_no_trace_is_no_boundary(tmp_path: Path) -> None:
    assert read_trace(tmp_path / "none") == ((), False)
