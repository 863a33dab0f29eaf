"""Certificates: lists, versions, and exports that leave a trail when a key goes out."""

import base64
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Evercert
from tests.cli.fakes import CERT, CHAIN, LEAF, ONE, World, certificate, order


@pytest.fixture(autouse=True)
def _certificate(world: World) -> None:
    world.inventory.held_certificates = (certificate(),)
    world.inventory.records[ONE] = order(state="issued", certificate_id=CERT)


@pytest.mark.parametrize("ref", [CERT, ONE, "www.example.com"])
def test_show_by_id_order_or_name(evercert: Evercert, ref: str) -> None:
    data = evercert("cert", "show", ref, "-o", "json").document["data"]
    assert (data["id"], data["version"], data["key_id"]) == (CERT, 2, "key_2")


def test_list_and_versions(evercert: Evercert) -> None:
    assert evercert("cert", "list", "-o", "id").out == f"{CERT}\n"
    assert evercert("cert", "list", "--name", "other.example.com").out == ""
    assert evercert("cert", "versions", CERT, "--columns", "version,state").out == "2\tcurrent\n1\tsuperseded\n"
    assert evercert("cert", "show", "none").code == 3


@pytest.mark.parametrize(("part", "text"), [("leaf", LEAF), ("chain", CHAIN), ("fullchain", LEAF + CHAIN)])
def test_export_of_public_parts(evercert: Evercert, world: World, part: str, text: str) -> None:
    assert evercert("cert", "export", CERT, "--part", part).out == text
    told = evercert("cert", "export", CERT, "--part", part, "-o", "json")
    assert told.document["data"]["pem"] == text and told.document["data"]["version"] == 2
    assert world.inventory.events == []


def test_a_key_needs_a_reason_and_leaves_a_trail_first(evercert: Evercert, world: World) -> None:
    told = evercert("cert", "export", CERT, "--part", "key", "-o", "json")
    assert (told.code, told.error["code"]) == (4, "reason-required") and world.inventory.events == []

    pem = evercert("cert", "export", CERT, "--part", "key", "--version", "1", "--reason", "CHG-2").out.splitlines()
    assert (pem[0], pem[-1]) == ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    assert base64.b64decode("".join(pem[1:-1])) == b"key of key_1"
    (event,) = world.inventory.events
    assert (event.kind, event.subject, event.by, event.reason) == ("key.exported", "key_1", "ann", "CHG-2")
    assert event.facts == {"certificate": CERT, "version": "1"}


def test_export_to_a_new_file(evercert: Evercert, world: World, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    argv = ("cert", "export", CERT, "--part", "key", "--reason", "CHG-2", "--to", str(file))
    assert evercert(*argv).out == f"{file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_text().startswith("-----BEGIN PRIVATE KEY")
    world.inventory.events.clear()
    assert evercert(*argv, "-o", "json").error["code"] == "file-exists"
    assert world.inventory.events == [], "a key that is not handed out leaves no trail"


def test_a_version_that_is_not_there(evercert: Evercert, world: World) -> None:
    assert evercert("cert", "export", CERT, "--version", "9").code == 3
    world.inventory.held_certificates = (certificate().model_copy(update={"current": None}),)
    assert evercert("cert", "export", CERT).code == 3
    assert evercert("cert", "show", CERT, "-o", "json").document["data"]["version"] is None
