"""Seller and DNS accounts: tried before they are saved, secrets taken without being shown."""

from pathlib import Path

import pytest

from activities.adapters import build
from domain.errors import Refused, Unavailable
from domain.inventory import AccountRecord, Environment
from domain.seller import UnknownAnswer
from starter.cli import doors
from tests.cli.conftest import Evercert, Outcome
from tests.cli.fakes import NOW, ONE, PRODUCT, UNKNOWN, FakePublisher, FakeSeller, World, account, dns_account, order

TOKEN = "hunter2-token"
ADD = ("account", "add", "main", "--partner-code", "123", "--base-url", "https://x.example/rest/", "--environment")


def add(evercert: Evercert, *more: str, environment: str = "live") -> Outcome:
    return evercert(*ADD, environment, "--token-stdin", "-o", "json", *more, stdin=TOKEN + "\n")


def test_purposes_are_those_that_the_adapters_open() -> None:
    assert doors.SELLER_TOKEN_PURPOSE == build.SELLER_TOKEN_PURPOSE
    assert doors.TSIG_SECRET_PURPOSE == build.TSIG_SECRET_PURPOSE


def test_add_tries_seals_and_audits(evercert: Evercert, world: World) -> None:
    told = add(evercert, "--reason", "CHG-1", "--contact-email", "it@example.com", "--visibility-minutes", "90")
    saved = world.inventory.held_accounts["main"]
    assert told.code == 0 and told.document["changed"] is True
    assert (saved.base_url, saved.partner_code, saved.visibility_minutes) == ("https://x.example/rest", "123", 90)
    assert world.seller.tokens == [TOKEN]
    assert world.inventory.secrets[saved.secret_id] == f"seller-token|{TOKEN}".encode()
    (event,) = world.inventory.events
    assert (event.kind, event.subject, event.by, event.claim, event.reason, event.at) == (
        "account.added",
        "main",
        "ann",
        "claimed",
        "CHG-1",
        NOW,
    )
    assert TOKEN not in told.out + told.err + repr(event)


def test_the_token_comes_from_a_variable_too_but_never_from_an_argument(
    evercert: Evercert, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evercert(*ADD, "live", "--token", TOKEN).code == 2
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    assert evercert(*ADD, "live", "--token-env", "MY_TOKEN").code == 0
    assert world.seller.tokens == [TOKEN]


@pytest.mark.parametrize("how", [(), ("--token-stdin",), ("--token-env", "NOT_SET")])
def test_a_missing_token_saves_nothing(evercert: Evercert, world: World, how: tuple[str, ...]) -> None:
    told = evercert(*ADD, "live", "-o", "json", *how)
    assert told.error["code"] == "secret-not-given" and not world.inventory.held_accounts


def test_a_rejected_token_is_never_saved(evercert: Evercert, world: World) -> None:
    world.seller = FakeSeller(Refused("auth-rejected", "The seller turned it down."))
    for more in ((), ("--force",)):
        told = add(evercert, *more)
        assert (told.code, told.error["code"]) == (6, "auth-rejected")
    assert not world.inventory.held_accounts and not world.inventory.secrets


def test_an_unreachable_seller_saves_only_by_force(evercert: Evercert, world: World) -> None:
    world.seller = FakeSeller(Unavailable("seller-unreachable", "The seller is away."))
    told = add(evercert)
    assert (told.code, told.error["code"]) == (7, "seller-unreachable") and "--force" in told.error["hint"]
    assert not world.inventory.held_accounts
    assert add(evercert, "--force").code == 0 and world.inventory.held_accounts


def test_own_trust_roots_are_for_sandboxes(evercert: Evercert, world: World, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text("PEM")
    assert add(evercert, "--trust-root", str(root)).error["code"] == "trust-root-not-allowed"
    assert add(evercert, "--trust-root", str(root), environment="sandbox").code == 0
    assert world.inventory.held_accounts["main"].trust_roots == "PEM"
    assert world.inventory.held_accounts["main"].environment is Environment.SANDBOX


def test_a_name_is_taken_once_and_has_a_shape(evercert: Evercert, world: World) -> None:
    assert add(evercert).code == 0
    assert add(evercert).error["code"] == "name-taken"
    told = evercert("account", "add", "a b", *ADD[3:], "live", "--token-stdin", "-o", "json", stdin=TOKEN)
    assert told.error["code"] == "input-invalid"


def test_how_csrs_are_written_is_a_setting(evercert: Evercert, world: World) -> None:
    assert add(evercert, "--csr-encoding", "base64").code == 2
    assert add(evercert, "--csr-encoding", "raw").code == 0
    assert world.inventory.held_accounts["main"].csr_encoding == "raw"


def test_partner_id_is_another_spelling(evercert: Evercert, world: World) -> None:
    argv = [it.replace("--partner-code", "--partner-id") for it in ADD]
    assert evercert(*argv, "live", "--token-stdin", stdin=TOKEN).code == 0


CHANGED = Unavailable("seller-answer-changed", "The seller's answer has a shape that is not known.")
NEW = UnknownAnswer(is_error=True, message="no record", code=-7)


def test_add_learns_what_the_seller_answers_for_an_unknown_order(evercert: Evercert, world: World) -> None:
    told = add(evercert, "--fallback-url", "https://eu.example/rest/")
    saved = world.inventory.held_accounts["main"]
    assert (saved.unknown_answer, saved.fallback_url) == (UNKNOWN.shape, "https://eu.example/rest")
    assert "order not found" in told.err


@pytest.mark.parametrize("answer", [NEW, CHANGED])
def test_add_learns_nothing_that_nobody_has_looked_at(
    evercert: Evercert, world: World, answer: UnknownAnswer | Exception
) -> None:
    world.seller.unknown = answer
    told = add(evercert)
    assert told.code == 0 and "warning" in told.err and "account check main" in told.err
    assert world.inventory.held_accounts["main"].unknown_answer == ""


def test_check_releases_a_parked_account_and_learns(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account(parked_code="auth-rejected", parked_at=NOW)
    assert evercert("account", "list").out.split()[:3] == ["main", "live", "parked"]
    told = evercert("account", "check", "-o", "json")
    assert told.document["changed"] is True and told.document["data"]["state"] == "ready"
    assert [it.kind for it in world.inventory.events] == ["account.calibrated", "account.released"]
    assert world.inventory.held_accounts["main"].unknown_answer == UNKNOWN.shape
    assert evercert("account", "check", "main", "-o", "json").document["changed"] is False
    assert len(world.inventory.events) == 2


def parked(unknown_answer: str = "") -> AccountRecord:
    return account(parked_code="seller-answer-changed", parked_at=NOW, unknown_answer=unknown_answer)


@pytest.mark.parametrize(("learnt", "answer"), [("", CHANGED), ("", NEW), (UNKNOWN.shape, NEW), (NEW.shape, UNKNOWN)])
def test_check_keeps_an_account_parked_whose_answers_are_not_understood(
    evercert: Evercert, world: World, learnt: str, answer: Exception | UnknownAnswer
) -> None:
    world.inventory.held_accounts["main"] = parked(unknown_answer=learnt)
    world.seller.unknown = answer
    told = evercert("account", "check", "-o", "json")
    assert (told.code, told.error["code"]) == (7, "seller-answer-changed")
    assert world.inventory.held_accounts["main"] == parked(unknown_answer=learnt) and not world.inventory.events


@pytest.mark.parametrize("learnt", ["", UNKNOWN.shape])
def test_a_person_may_accept_a_new_answer_and_that_is_in_the_audit(
    evercert: Evercert, world: World, learnt: str
) -> None:
    world.inventory.held_accounts["main"] = parked(unknown_answer=learnt)
    world.seller.unknown = NEW
    told = evercert("account", "check", "--accept-new-answer", "--reason", "asked the seller", "-o", "json")
    saved = world.inventory.held_accounts["main"]
    assert told.code == 0 and (saved.unknown_answer, saved.parked_code) == (NEW.shape, "")
    calibrated = world.inventory.events[0]
    assert (calibrated.kind, calibrated.by, calibrated.reason) == ("account.calibrated", "ann", "asked the seller")
    assert calibrated.facts == {"shape": NEW.shape, "before": learnt}


def test_what_cannot_be_told_from_a_failure_is_accepted_by_nobody(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = parked()
    world.seller.unknown = CHANGED
    assert evercert("account", "check", "--accept-new-answer").code == 7
    assert world.inventory.held_accounts["main"].parked_code == "seller-answer-changed"


def test_check_of_a_bad_token_leaves_it_parked(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account(parked_code="auth-rejected")
    world.seller = FakeSeller(Refused("auth-rejected", "no"))
    assert evercert("account", "check", "main").code == 6
    assert world.inventory.held_accounts["main"].parked_code == "auth-rejected"


def test_show_needs_a_name_when_there_are_several(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts = {name: account(name) for name in ("one", "two")}
    told = evercert("account", "show", "-o", "json")
    assert told.code == 3 and told.error["detail"] == "one\ntwo"
    assert evercert("account", "show", "none", "-o", "json").error["code"] == "account-not-found"
    assert "secret" not in evercert("account", "show", "one", "-o", "json").out


DNS = ("dns-account", "add", "main", "--server", "192.0.2.1", "--tsig-name", "key.", "--environment", "live")


def add_dns(evercert: Evercert, *more: str) -> Outcome:
    zones = ("--zone", "Example.com.", "--zone", "example.net", "--secret-stdin")
    return evercert(*DNS, *zones, "-o", "json", *more, stdin="c2VjcmV0\n")


def test_add_dns_account(evercert: Evercert, world: World) -> None:
    told = add_dns(evercert)
    saved = world.inventory.held_dns["main"]
    assert told.code == 0 and saved.zones == ("example.com", "example.net") and saved.port == 53
    assert world.publisher.owners == ["_evercert-check.example.com", "_evercert-check.example.net"]
    assert world.inventory.secrets[saved.secret_id] == b"dns-tsig|c2VjcmV0"
    assert "c2VjcmV0" not in told.out + told.err


def test_a_dns_account_that_cannot_write_is_not_saved(evercert: Evercert, world: World) -> None:
    world.publisher = FakePublisher(Refused("dns-no-write-access", "refused"))
    assert add_dns(evercert, "--force").code == 6 and not world.inventory.held_dns
    world.publisher = FakePublisher(Unavailable("dns-unreachable", "away"))
    assert add_dns(evercert).code == 7 and not world.inventory.held_dns
    assert add_dns(evercert, "--force").code == 0 and world.inventory.held_dns


def test_check_list_show_dns_account(evercert: Evercert, world: World) -> None:
    world.inventory.held_dns["main"] = dns_account()
    assert "example.com can be written" in evercert("dns-account", "check", "main").err
    assert evercert("dns-account", "list", "-o", "id").out == "main\n"
    assert evercert("dns-account", "show", "main", "-o", "json").document["data"]["zones"] == ["example.com"]
    assert evercert("dns-account", "show", "none").code == 3


def test_products_are_asked_for_and_stored(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    row = evercert("product", "list", "-o", "json").document["data"][0]
    assert row["terms"] == [{"months": 12, "price": {"amount": "9.40", "currency": "USD"}}]
    assert world.inventory.catalogue == (PRODUCT,)
    assert "12 months USD 9.40" in evercert("product", "list", "main").out


def test_products_without_the_seller_are_marked_and_have_no_prices(evercert: Evercert, world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    world.seller = FakeSeller(Unavailable("seller-unreachable", "The seller is away."))
    told = evercert("product", "list", "-o", "json")
    assert (told.document["data"][0]["bundled"], told.document["data"][0]["terms"]) == (True, [])
    assert "not fresh" in told.err and not world.inventory.catalogue
    assert "12 months, 24 months" in evercert("product", "list", "main", "--stored").out


def test_audit_by_id_and_by_name(evercert: Evercert, world: World) -> None:
    add(evercert)
    world.inventory.records[ONE] = order()
    world.inventory.events.append(world.inventory.events[0].model_copy(update={"subject": ONE, "kind": "order.placed"}))
    assert len(evercert("audit", "list", "-o", "jsonl").out.splitlines()) == 2
    assert evercert("audit", "list", "www.example.com", "--columns", "kind").out == "order.placed\n"
    assert evercert("audit", "list", "nothing", "-o", "json").document["data"] == []
