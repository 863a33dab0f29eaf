"""Orders: released by a person, started once, followed without the engine."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from domain.errors import Unavailable
from domain.inventory import Environment, OrderRecord
from domain.request import OrderRequest
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, PRODUCT, TWO, FakeAnswer, FakeEngine, World, account, order

ASK = ("order", "create", "www.example.com", "--account", "main", "--product", "positivessl", "--months", "12")
CREATE = (*ASK, "--dns-account", "main")
RELEASED = ("--yes", "--reason", "CHG-1", "--max-price", "20")


@pytest.fixture(autouse=True)
def _account(world: World) -> None:
    world.inventory.held_accounts["main"] = account()
    world.inventory.catalogue = (PRODUCT,)


def test_create(evercert: Evercert, world: World) -> None:
    told = evercert(*CREATE, *RELEASED, "-o", "json", "--request-id", "r-1")
    assert told.code == 0 and told.document["data"] == snapshot(
        {
            "id": "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA",
            "name": "www.example.com",
            "account": "main",
            "product": "positivessl",
            "months": 12,
            "price": {"amount": "9.40", "currency": "USD"},
            "leaf_days": 199,
            "leaves_needed": 3,
            "request_id": "r-1",
            "workflow_id": "issue-www.example.com-r-1",
            "run_id": "run-1",
            "ui_url": "http://127.0.0.1:8233/namespaces/evercert/workflows/issue-www.example.com-r-1/run-1/user-metadata",
            "was_running": False,
        }
    )
    assert told.document["next"][0] == f"evercert order watch {ONE}"
    (request,) = world.engine.requests
    assert (request.reason, str(request.max_price), request.requested_by) == ("CHG-1", "20", "ann")
    assert request.dcv.dns_account == "main"


def test_a_request_id_is_made_and_told(evercert: Evercert, world: World) -> None:
    one = evercert(*CREATE, *RELEASED, "-o", "json").document["data"]["request_id"]
    two = evercert(*CREATE, *RELEASED, "-o", "json").document["data"]["request_id"]
    assert one != two and [it.request_id for it in world.engine.requests] == [one, two]


@pytest.mark.parametrize("without", ["--yes", "--reason", "--max-price"])
def test_money_needs_all_three_where_nobody_can_be_asked(evercert: Evercert, world: World, without: str) -> None:
    flags = {"--yes": (), "--reason": ("CHG-1",), "--max-price": ("20",)}
    given = [word for flag, value in flags.items() if flag != without for word in (flag, *value)]
    told = evercert(*CREATE, *given, "--no-input", "-o", "json")
    assert (told.code, told.error["code"]) == (4, "confirmation-required")
    assert without in told.error["hint"] and world.engine.requests == []


def test_sandbox_and_rehearsal_ask_nothing(evercert: Evercert, world: World) -> None:
    assert evercert(*CREATE, "--dry-run").code == 0 and world.engine.requests[0].dry_run
    world.inventory.held_accounts["main"] = account(environment=Environment.SANDBOX)
    assert evercert(*CREATE).code == 0 and len(world.engine.requests) == 2


def test_wrong_fields_never_reach_the_engine(evercert: Evercert, world: World) -> None:
    told = evercert("order", "create", "www.example.com", "--account", "a b", *RELEASED, "-o", "json")
    assert told.code == 4 and told.error["code"] == "input-invalid"
    assert {it.partition(":")[0] for it in told.error["detail"].splitlines()} == {"account", "product", "months"}
    assert "a b" not in told.err and world.engine.requests == []


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_request_from_a_file(evercert: Evercert, world: World, tmp_path: Path, form: str) -> None:
    toml = 'account = "main"\nproduct = "positivessl"\ncommon_name = "a.example.com"\nmonths = 12\n'
    text = toml if form == "toml" else '{"account":"main","product":"p","common_name":"a.example.com","months":12}'
    file = tmp_path / "request"
    file.write_text(text)
    assert evercert("order", "create", "-f", str(file), "--dry-run").code == 0
    assert evercert("order", "create", "b.example.com", "-f", "-", "--dry-run", stdin=text).code == 0
    assert [it.common_name for it in world.engine.requests] == ["a.example.com", "b.example.com"]


@pytest.mark.parametrize("text", ["no [ toml", '{"a": ', "[1]"])
def test_an_unreadable_file(evercert: Evercert, world: World, text: str) -> None:
    assert evercert("order", "create", "-f", "-", stdin=text).code == 4
    assert evercert("order", "create", "-f", "/no/such/file").code == 4


def test_a_secret_in_a_file_is_refused_without_being_told(evercert: Evercert, world: World) -> None:
    told = evercert("order", "create", "-f", "-", "-o", "json", stdin='token = "hunter2"\nmonths = 12\n')
    assert told.code == 4 and "rotate it" in told.error["detail"] and "hunter2" not in told.err


def test_print_for_the_web_ui_sends_nothing(evercert: Evercert, world: World) -> None:
    told = evercert(*CREATE, "--print", "ui")
    assert OrderRequest.model_validate_json(told.out).common_name == "www.example.com"
    assert json.loads(told.out) == {
        "account": "main",
        "product": "positivessl",
        "common_name": "www.example.com",
        "months": 12,
        "dcv": {"dns_account": "main"},
        "requested_by": "ann",
    }
    assert "temporal workflow start --type IssueCertificate" in evercert(*CREATE, "--print", "temporal").out
    compile(evercert(*CREATE, "--print", "python").out, "printed", "exec", flags=0x2000)  # top-level await
    assert world.engine.requests == []


def test_without_temporal_nothing_is_ordered(evercert: Evercert, world: World) -> None:
    world.engine = FakeEngine(Unavailable("engine-unreachable", "No Temporal server answers."))
    told = evercert(*CREATE, *RELEASED, "-o", "json")
    assert (told.code, told.error["code"], told.error["retryable"]) == (12, "engine-unreachable", True)


def test_lists_and_names(evercert: Evercert, world: World) -> None:
    world.inventory.records = {ONE: order(), TWO: order(TWO)}
    told = evercert("order", "show", "www.example.com", "-o", "json")
    assert (told.code, told.error["code"], told.error["detail"]) == (3, "ambiguous", f"{ONE}\n{TWO}")
    assert evercert("order", "show", "other.example.com", "-o", "json").error["code"] == "not-found"
    del world.inventory.records[TWO]
    assert evercert("order", "show", "WWW.example.com", "-o", "id").out == f"{ONE}\n"


def test_ids_from_stdin_and_some_that_fail(evercert: Evercert, world: World) -> None:
    world.inventory.records = {ONE: order()}
    told = evercert("order", "show", "-", "-o", "json", stdin=f"{ONE}\n{TWO}\n")
    assert told.code == 9
    assert [(it["id"], it["state"]) for it in told.document["data"]] == [(ONE, "awaiting-issuance"), (TWO, "failed")]
    assert "error not-found" in told.err


def test_check_asks_the_run_to_look(evercert: Evercert, world: World) -> None:
    world.inventory.records = {ONE: order()}
    told = evercert("order", "check", ONE, "--reason", "urgent", "-o", "json")
    assert told.code == 0 and told.document["data"]["message"] == "looking now"
    ((order_id, act),) = world.engine.acts
    assert (order_id, act.by, act.reason) == (ONE, "ann", "urgent")
    world.engine.answer = FakeAnswer(done=False, message="busy")
    assert evercert("order", "check", ONE).code == 5


def script(world: World, *steps: OrderRecord) -> Callable[[int], None]:
    """One step of the order at each pause."""

    def at_pause(number: int) -> None:
        if number <= len(steps):
            world.inventory.records[ONE] = steps[number - 1]

    return at_pause


def test_watch_tells_each_change_once(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order(state="purchasing", waiting_for="seller", since=NOW)
    later = NOW + timedelta(seconds=41)
    world.at_pause = script(
        world,
        order(state="purchasing", waiting_for="seller", since=NOW),
        order(state="awaiting-issuance", since=later, next_look_at=NOW + timedelta(minutes=9), looked_at=later),
        order(state="issued", waiting_for="nobody", since=NOW + timedelta(minutes=8), detail="version 1 is current"),
    )
    told = evercert("order", "watch", ONE)
    assert told.code == 0 and told.err == ""
    assert told.out == snapshot("""\
EC-AAAAAAAAAAAAAAAAAAAAAAAAAA www.example.com  positivessl  12 months  USD 9.40  (Ctrl-C stops watching, not the order)
  now   purchasing         the order is placed at the seller, waiting for seller since 12:00:00 UTC, told 3 min ago
  ok    purchasing         the order is placed at the seller  41 s
  now   awaiting-issuance  the CA looks for the proof and issues, waiting for ca since 12:00:41 UTC, next look 12:09:00 UTC, told 0 s ago
  ok    awaiting-issuance  the CA looks for the proof and issues  7 min
  end   issued             version 1 is current
""")  # noqa: E501 - the text as it is written


def test_watch_says_still_waiting_at_growing_distances(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order(since=NOW)
    world.pause_moves = timedelta(minutes=1)
    world.at_pause = lambda number: world.inventory.records.update({ONE: order(state="issued")} if number > 150 else {})
    told = evercert("order", "watch", ONE)
    assert told.out.count("still") == 5  # after 1, 5, 15, 60 and 120 minutes


def test_watch_json_lines_and_json(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order()
    world.at_pause = script(world, order(state="issued"))
    lines = evercert("order", "watch", ONE, "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["awaiting-issuance", "issued"]
    told = evercert("order", "watch", ONE, "-o", "json")
    assert told.document["data"]["state"] == "issued" and "Ctrl-C" in told.err


def test_wait_returns_when_a_person_is_needed(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order()
    world.at_pause = script(
        world, order(state="needs-person", waiting_for="person", error_code="purchase-in-doubt", detail="In doubt.")
    )
    told = evercert("order", "watch", ONE, "--wait", "-o", "json")
    assert (told.code, told.out) == (8, "")
    assert (told.error["code"], told.error["order_id"], told.error["message"]) == (
        "purchase-in-doubt",
        ONE,
        "In doubt.",
    )


def test_wait_needs_a_person_whatever_the_reason(evercert: Evercert, world: World) -> None:
    for code in ("dns-unreachable", "never-registered", ""):
        world.inventory.records[ONE] = order(state="needs-person", error_code=code)
        told = evercert("order", "watch", ONE, "--wait", "-o", "json")
        assert (told.code, told.error["code"]) == (8, "order-needs-person")


def test_watch_without_wait_goes_on_past_a_person(evercert: Evercert, world: World) -> None:
    world.inventory.records[ONE] = order(state="needs-person")
    world.at_pause = script(world, order(state="needs-person"), order(state="issued"))
    assert evercert("order", "watch", ONE).code == 0 and world.pauses == 2


@pytest.mark.parametrize(
    ("changes", "code", "exit_code"),
    [
        ({"state": "rejected", "error_code": "validity-not-sold"}, "validity-not-sold", 4),
        ({"state": "rejected"}, "order-rejected", 4),
        ({"state": "cancelled"}, "order-cancelled", 5),
        ({"state": "expired", "error_code": "term-over"}, "term-over", 5),
    ],
)
def test_bad_ends(evercert: Evercert, world: World, changes: dict[str, Any], code: str, exit_code: int) -> None:
    world.inventory.records[ONE] = order(**changes)
    told = evercert("order", "watch", ONE, "-o", "json")
    assert (told.code, told.error["code"]) == (exit_code, code)


def test_create_and_wait(evercert: Evercert, world: World) -> None:
    world.at_pause = script(world, order(state="checking"), order(state="issued", certificate_id="crt_one"))
    told = evercert(*CREATE, *RELEASED, "--wait", "-o", "json")
    assert told.code == 0 and told.document["data"]["certificate_id"] == "crt_one"
    assert "first leaf up to 199 days, 3 in the term" in told.err and "Ctrl-C" in told.err


def test_wait_for_an_order_that_no_worker_takes_up(evercert: Evercert, world: World) -> None:
    told = evercert(*CREATE, *RELEASED, "--wait", "-o", "json")
    assert (told.code, told.error["code"], told.error["order_id"]) == (12, "no-worker", ONE)


def test_time_out_of_a_wait(evercert: Evercert, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio
    from dataclasses import replace

    from starter.cli import doors

    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(doors, "doors", replace(world.doors(), pause=for_ever))
    world.inventory.records[ONE] = order()
    told = evercert("order", "watch", ONE, "--timeout", "0.01s", "-o", "json")
    assert (told.code, told.error["code"], told.error["hint"]) == (124, "timeout", f"evercert order watch {ONE}")


def test_a_terminal_redraws_the_present_line(evercert: Evercert, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from starter.cli.call import Call

    monkeypatch.setattr(Call, "is_terminal", True)
    world.inventory.records[ONE] = order()
    world.at_pause = script(world, order(), order(state="issued"))
    told = evercert("order", "watch", ONE)
    assert told.err.count("\r\x1b[K  now") == 2 and "  now" not in told.out
    assert "  ok    awaiting-issuance" in told.out and "  end   issued" in told.out
