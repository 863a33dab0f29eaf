"""``evercert cert``: certificates and their versions; exports PEM."""

import base64
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.errors import InvalidRequest
from starter.cli import doors as ways
from starter.cli.answer import Answer, Json, Row
from starter.cli.call import Call
from starter.cli.flags import LIST, SHOW
from starter.cli.verb import noun, verb

if TYPE_CHECKING:
    from domain.inventory import CertificateRecord, VersionRecord
    from starter.cli.doors import Opened

app = noun("Certificates and their versions.")

Part = Literal["leaf", "chain", "fullchain", "key"]


@verb(app, "list", LIST)
async def list_certificates(
    call: Call,
    name: Annotated[str, typer.Option("--name", help="Only those with this name.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 200,
) -> Answer:
    """List certificates with their current versions."""
    from starter.cli import views

    async with call.adapters() as adapters:
        records = await adapters.inventory.certificates(name=name.lower(), limit=limit)
    return Answer("cert.list", [views.certificate(it) for it in records], views.CERTIFICATE)


@verb(app, "show", LIST)
async def show(
    call: Call, certificate: Annotated[list[str], typer.Argument(help="Ids, order ids or names; - reads stdin.")]
) -> Answer:
    """Show certificates."""
    from starter.cli import views
    from starter.cli.finding import each, one_certificate

    async with call.adapters() as adapters:

        async def row(ref: str) -> Row:
            return views.certificate(await one_certificate(adapters.inventory, ref))

        return await each("cert.show", certificate, views.CERTIFICATE, row, changed=False)


@verb(app, "versions", LIST)
async def versions(call: Call, certificate: Annotated[str, typer.Argument(help="Id, order id or name.")]) -> Answer:
    """List all versions of a certificate, newest first, quarantined ones included."""
    from starter.cli import views
    from starter.cli.finding import one_certificate

    async with call.adapters() as adapters:
        found = await one_certificate(adapters.inventory, certificate)
        records = await adapters.inventory.versions(found.certificate_id)
    return Answer("cert.versions", [views.version(it) for it in records], views.VERSION)


@verb(app, "export", (*SHOW, "reason"))
async def export(
    call: Call,
    certificate: Annotated[str, typer.Argument(help="Id, order id or name.")],
    part: Annotated[Part, typer.Option("--part", help="key needs --reason and is audited.")] = "fullchain",
    version: Annotated[int, typer.Option("--version", min=0, help="Number of the version; 0 is the current.")] = 0,
    to: Annotated[Path | None, typer.Option("--to", help="Write to this new file instead of stdout.")] = None,
) -> Answer:
    """Export a version as PEM."""
    from starter.cli.finding import one_certificate

    if part == "key" and not call.flags.reason:
        raise InvalidRequest(
            "reason-required", "A private key is exported only with a reason.", next_step="say why: --reason TEXT"
        )
    async with call.adapters() as adapters:
        found = await one_certificate(adapters.inventory, certificate)
        chosen = await _version(adapters, found, version)
        if to is not None and to.exists():
            raise InvalidRequest("file-exists", "The file is there already; it was left alone.")
        pem = await _key(call, adapters, chosen) if part == "key" else _public(chosen, part)
    file: Json = str(to) if to else None
    data: dict[str, Json] = {"id": found.certificate_id, "version": chosen.number, "part": part, "file": file}
    if to is None:
        return Answer("cert.export", {**data, "pem": pem}, raw=pem)
    _write_new(to, pem)
    call.note(f"{part} of version {chosen.number} written to {to}")
    return Answer("cert.export", data, raw=str(to))


async def _version(adapters: "Opened", certificate: "CertificateRecord", number: int) -> "VersionRecord":
    if number == 0:
        if certificate.current is None:
            raise InvalidRequest("not-found", "The certificate has no current version yet.")
        return certificate.current
    for version in await adapters.inventory.versions(certificate.certificate_id):
        if version.number == number:
            return version
    raise InvalidRequest("not-found", "The certificate has no such version.")


def _public(version: "VersionRecord", part: Part) -> str:
    leaf, chain = version.leaf.rstrip() + "\n", version.chain.rstrip()
    chain = f"{chain}\n" if chain else ""
    return {"leaf": leaf, "chain": chain}.get(part, leaf + chain)


async def _key(call: Call, adapters: "Opened", version: "VersionRecord") -> str:
    """Return the private key as PKCS#8 PEM; its audit row is written before it is unsealed."""
    from starter.cli.events import event

    told = event(call, "key.exported", version.key_id, certificate=version.certificate_id, version=str(version.number))
    der = await ways.doors.export_key(adapters, version.key_id, told)
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


def _write_new(file: Path, text: str) -> None:
    """Write a file that must not exist yet, readable by its owner only."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text)
