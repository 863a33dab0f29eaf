"""What all tests share: a Temporal server where one is asked for, and a clean end of the run."""

import contextlib
import sys
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from starter.process import leave

if TYPE_CHECKING:
    from starter.prove.postgres import PrivatePostgres


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skip", action="store_true", help="a skipped test counts as failed")


@pytest.fixture(scope="session")
async def temporal_binary() -> Path:
    """The `temporal` program, found or built."""
    from starter.server import find_binary  # late, as below: tests without a server need not load Temporal's client

    return await find_binary(_say)


@pytest.fixture(scope="session")
def time_skipping_env_path() -> Path:
    """The program that starts Temporal's time-skipping test server."""
    from tests.support.temporal import time_skipping_server_path

    return time_skipping_server_path(_say)


@pytest.fixture(scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["PrivatePostgres"]:
    """A PostgreSQL that all tests of this process share; each takes databases of its own."""
    from starter.prove.postgres import private_postgres

    async with private_postgres(tmp_path_factory.mktemp("postgres"), is_durable=False) as server:
        yield server


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped although nothing may be ({_reason(report.longrepr)})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and collector.config.getoption("--no-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped although nothing may be ({_reason(report.longrepr)})"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


_session: list[pytest.Session] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    _session.append(session)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave before the interpreter shuts down where that may crash (see starter.process); all reports are written."""
    if not _session or "temporalio.bridge.temporal_sdk_bridge" not in sys.modules:
        return
    if not config.pluginmanager.has_plugin("_cov"):
        _save_coverage()
    leave(int(_session[-1].exitstatus))


def _save_coverage() -> None:
    """Do what `coverage run` would do at the interpreter's end; pytest-cov has done its part by now."""
    with contextlib.suppress(ImportError):
        import coverage

        if (measuring := coverage.Coverage.current()) is not None:
            measuring.stop()
            measuring.save()
