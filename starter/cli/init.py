"""``evercert init``: configuration, master key and inventory; every step may be repeated, and a key is never replaced."""

import os
from pathlib import Path

from domain.errors import Misconfigured
from starter.cli import doors as ways
from starter.cli.answer import Answer, Column, Json
from starter.cli.call import Call
from starter.cli.flags import SHOW
from starter.cli.verb import noun, verb

app = noun("Set-up.")

_FILE = """\
# Evercert reads this file at start; accounts and all else live in the inventory.
version = 1

[profile.default]
# temporal = "default"          # profile of Temporal's own configuration
# inventory = "sqlite"          # or "env:NAME" / "file:PATH" that holds a PostgreSQL address
# master_key = "file:master.key"
# log = { format = "auto", level = "info" }
"""
_NEXT = (
    "evercert doctor",
    "evercert account add NAME --partner-code CODE --base-url URL --environment sandbox",
    "evercert dns-account add NAME --server HOST --zone ZONE --tsig-name KEY --environment sandbox",
    "evercert worker run",
)


@verb(app, "init", SHOW)
async def init(call: Call) -> Answer:
    """Make configuration, master key and inventory where they are missing; safe to repeat."""
    settings = call.settings
    for folder in (settings.paths.config, settings.paths.data, settings.paths.state):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows: list[dict[str, Json]] = [
        _config(settings.config_file or settings.paths.config / "config.toml"),
        _master_key(settings.master_key, settings.base_dir),
    ]
    outdated = await ways.doors.schema(settings)
    done = await ways.doors.upgrade(settings) if outdated else "its schema fits this release"
    rows.append(_row("inventory", done, made=bool(outdated)))
    columns = (Column("name", "part"), Column("state", kind="state"), Column("detail"))
    return Answer("init", rows, columns, changed=any(row["state"] == "done" for row in rows), next=_NEXT)


def _row(name: str, detail: str, *, made: bool) -> dict[str, Json]:
    return {"name": name, "state": "done" if made else "ok", "detail": detail}


def _config(file: Path) -> dict[str, Json]:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _row("configuration", f"{file} is there", made=False)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(_FILE)
    return _row("configuration", f"{file} made", made=True)


def _master_key(reference: str, base_dir: Path) -> dict[str, Json]:
    kind, _, rest = reference.partition(":")
    if kind != "file":
        return _row("master key", f"{reference} is managed elsewhere", made=False)
    file = base_dir / Path(rest).expanduser()
    if file.exists():
        return _row("master key", f"{file} is there", made=False)
    if not file.parent.is_dir():
        raise Misconfigured("settings-invalid", f"The folder of the master key does not exist: {file.parent}.")
    ways.doors.create_key(file)
    return _row("master key", f"{file} made; keep a copy elsewhere, without it no secret can be read", made=True)
