"""What all commands share: formats, flags, refusal of what cannot be honoured, exit codes, streams."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from inline_snapshot import snapshot

from domain.codes import Exit
from domain.errors import Refused
from starter.cli import main
from starter.cli.answer import Answer
from starter.cli.call import Call
from starter.cli.flags import SPELLINGS, Flags, hoisted, seconds
from starter.cli.verb import perform
from tests.cli.conftest import Evercert
from tests.cli.fakes import NOW, ONE, TWO, World, order


@pytest.fixture
def two_orders(world: World) -> World:
    world.inventory.records = {
        ONE: order(),
        TWO: order(TWO, common_name="mail.example.com", names=("mail.example.com",), state="issued", waiting_for=""),
    }
    return world


def test_the_envelope(evercert: Evercert, two_orders: World) -> None:
    told = evercert("order", "list", "-o", "json", "--state", "issued")
    assert told.code == 0 and told.err == ""
    assert told.document == snapshot(
        {
            "schema": "evercert/order.list/v1",
            "data": [
                {
                    "id": "EC-BBBBBBBBBBBBBBBBBBBBBBBBBB",
                    "name": "mail.example.com",
                    "names": ["mail.example.com"],
                    "state": "issued",
                    "waiting_for": "",
                    "detail": "",
                    "error_code": "",
                    "since": "2026-11-24T11:57:00Z",
                    "until": None,
                    "account": "main",
                    "product": "positivessl",
                    "months": 12,
                    "price": {"amount": "9.40", "currency": "USD"},
                    "charged": None,
                    "seller_order_id": "",
                    "status_text": "",
                    "certificate_id": "",
                    "leaf_ends_at": None,
                    "term_ends_at": None,
                    "looked_at": None,
                    "next_look_at": None,
                    "look": "",
                    "request_id": "",
                    "requested_by": "",
                    "reason": "",
                    "workflow_id": "issue-www.example.com-b",
                    "run_id": "run-1",
                    "created_at": "2026-11-24T11:55:00Z",
                    "updated_at": "2026-11-24T11:57:00Z",
                }
            ],
            "changed": False,
            "next": [],
        }
    )


def test_a_pipe_gets_lines_without_heading(evercert: Evercert, two_orders: World) -> None:
    told = evercert("order", "list", "--columns", "id,state,price,since")
    assert told.out == (
        f"{ONE}\tawaiting-issuance\tUSD 9.40\t2026-11-24T11:57:00Z\n{TWO}\tissued\tUSD 9.40\t2026-11-24T11:57:00Z\n"
    )


def test_a_table_for_people(evercert: Evercert, two_orders: World) -> None:
    lines = evercert("order", "list", "-o", "table", "--columns", "id,name,since").out.splitlines()
    assert [line.split() for line in lines] == [
        ["ORDER", "NAME", "SINCE"],
        [ONE, "www.example.com", "3", "minutes", "ago"],
        [TWO, "mail.example.com", "3", "minutes", "ago"],
    ]
    assert not set("".join(lines)) & set("│┃─━┏┓|\x1b")


def test_ids_are_never_broken(evercert: Evercert, two_orders: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert ONE in evercert("order", "list", "-o", "table").out


def test_colour_only_where_asked_for(evercert: Evercert, two_orders: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in evercert("order", "list", "-o", "table", "--color", "always").out
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert "\x1b[" in evercert("order", "list", "-o", "table").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in evercert("order", "list", "-o", "table").out
    assert "\x1b[" not in evercert("order", "list", "--accessible", "--color", "always").out


def test_accessible_is_sentences(evercert: Evercert, two_orders: World) -> None:
    assert evercert("order", "list", "--accessible", "--columns", "id,state").out == snapshot("""\
Item 1 of 2.
Order: EC-AAAAAAAAAAAAAAAAAAAAAAAAAA.
State: awaiting-issuance.

Item 2 of 2.
Order: EC-BBBBBBBBBBBBBBBBBBBBBBBBBB.
State: issued.
""")


def test_csv_flattens_one_level(evercert: Evercert, two_orders: World) -> None:
    header, first, _ = evercert("order", "list", "-o", "csv").out.splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert row["id"] == ONE and row["price.amount"] == "9.40" and row["price.currency"] == "USD"


def test_ids_and_json_lines(evercert: Evercert, two_orders: World) -> None:
    assert evercert("order", "list", "-o", "id").out == f"{ONE}\n{TWO}\n"
    lines = evercert("order", "list", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ONE, TWO]


def test_empty_lists(evercert: Evercert) -> None:
    assert evercert("order", "list").out == ""
    assert evercert("order", "list", "-o", "json").document["data"] == []
    assert evercert("order", "list", "-o", "csv").out.startswith("id,name,state")
    assert evercert("order", "list", "--accessible").out == "No items.\n"


def test_an_unknown_column_is_wrong_usage(evercert: Evercert, two_orders: World) -> None:
    told = evercert("order", "list", "--columns", "nam")
    assert told.code == 2 and "columns: id, name" in told.err and told.out == ""


def test_shared_flags_before_noun_and_verb(evercert: Evercert, two_orders: World) -> None:
    expected = evercert("order", "list", "-o", "json", "--columns", "id").out
    assert evercert("-o", "json", "order", "--columns=id", "list").out == expected
    assert hoisted(["-o", "json", "order", "show", "--", "-x"]) == ["order", "show", "-o", "json", "--", "-x"]


@pytest.mark.parametrize("flag", ["--wait", "--dry-run", "--max-price", "--yes"])
def test_a_flag_that_cannot_be_honoured_is_refused(evercert: Evercert, flag: str) -> None:
    told = evercert("order", "list", flag, *(["1"] if SPELLINGS[flag] else []))
    assert told.code == 2 and told.out == ""
    assert f"evercert order list cannot honour {flag}" in told.err
    assert evercert(flag, *(["1"] if SPELLINGS[flag] else []), "order", "list").code == 2


def test_variables_set_flags_but_never_refuse_a_command(
    evercert: Evercert, two_orders: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERCERT_OUTPUT", "json")
    assert evercert("order", "list").document["schema"] == "evercert/order.list/v1"
    assert evercert("completion", "show", "bash").code == 0


def test_wrong_usage_as_json_is_the_last_line_of_stderr(evercert: Evercert) -> None:
    told = evercert("order", "lst", "-o", "json")
    assert (told.code, told.out) == (2, "")
    assert told.error["code"] == "usage" and "list" in told.error["message"]
    assert evercert("order", "create", "--months", "many").code == 2


def test_help_needs_no_module_of_a_command() -> None:
    heavy = "{'temporalio', 'sqlalchemy', 'cryptography', 'httpx', 'rich', 'pydantic_settings', 'dns'}"
    program = (
        f"import sys; from starter.cli import main; code = main.run(['--help']);"
        f"print(sorted({heavy} & set(sys.modules)), [m for m in sys.modules if m == 'starter.cli.order']); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] []"
    assert all(f"  {name} " in done.stdout for name in main.ENTRIES)


@pytest.mark.parametrize("name", main.ENTRIES)
def test_every_command_has_help(evercert: Evercert, name: str) -> None:
    told = evercert(name, "--help")
    assert told.code == 0 and told.out.startswith(f"Usage: evercert {name}")


def performed(run: Callable[[Call], Awaitable[Any]], flags: Flags | None = None) -> int:
    return perform(run, flags or Flags(output="json"))


def test_exit_codes_come_from_the_registry(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def refused(call: Call) -> Answer:
        raise Refused("auth-rejected", "no")

    async def broken(call: Call) -> Answer:
        raise ZeroDivisionError

    async def own(call: Call) -> int:
        return 3

    assert performed(refused) == Exit.CREDENTIALS
    assert performed(broken) == Exit.BUG
    assert performed(own) == 3
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err


def test_a_bug_is_kept_in_a_file_of_its_own(world: World, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(call: Call) -> Answer:
        raise ZeroDivisionError

    performed(broken)
    error = json.loads(capsys.readouterr().err)["error"]
    log = home / "state" / "errors.log"
    assert str(log) in error["hint"] and stat.S_IMODE(log.stat().st_mode) == 0o600
    assert error["message"] in log.read_text() and "in broken" in log.read_text()


def test_debug_shows_where_a_bug_is(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(call: Call) -> Answer:
        raise ZeroDivisionError

    performed(broken, Flags(debug=True))
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_neither_shows_the_words_of_an_error(world: World, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They may quote a secret; the place in the code cannot."""
    secret = "hunter2"

    def quoting(address: str) -> None:
        raise ValueError(f"cannot parse {address}")

    async def broken(call: Call) -> Answer:
        try:
            quoting(f"postgresql://{secret}@db")
        except ValueError as error:
            raise RuntimeError(f"cannot use {secret}") from error
        raise AssertionError

    performed(broken, Flags(debug=True))
    for text in (capsys.readouterr().err, (home / "state" / "errors.log").read_text()):
        assert secret not in text
        assert "in quoting" in text and "in broken" in text and "ValueError" in text and "RuntimeError" in text


def test_timeout_ends_with_124_and_the_way_to_go_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def endless(call: Call) -> Answer:
        call.order_id = ONE
        await asyncio.Event().wait()
        raise AssertionError

    assert performed(endless, Flags(timeout=0.01)) == Exit.TIMEOUT
    assert f"evercert order watch {ONE}" in capsys.readouterr().err


def test_a_time_out_within_a_command_is_not_ours(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def slow(call: Call) -> Answer:
        raise TimeoutError

    assert performed(slow, Flags(timeout=60)) == Exit.BUG
    capsys.readouterr()


def test_ctrl_c(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def stopped(call: Call) -> Answer:
        call.order_id = ONE
        raise KeyboardInterrupt

    async def service(call: Call) -> None:
        call.ends_with_ctrl_c = True
        raise KeyboardInterrupt

    assert performed(stopped) == Exit.INTERRUPTED
    assert f"evercert order watch {ONE}" in json.loads(capsys.readouterr().err)["error"]["hint"]
    assert performed(service) == Exit.DONE


def test_confirmation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        answer = "y\n"

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self.answer

    Call(Flags(yes=True)).confirm("Really?")
    monkeypatch.setattr(sys, "stdin", Terminal())
    Call(Flags()).confirm("Really?")
    with pytest.raises(Exception, match="Nobody could be asked"):
        Call(Flags(no_input=True)).confirm("Really?")
    monkeypatch.setattr(Terminal, "answer", "\n")
    with pytest.raises(Exception, match="Not confirmed"):
        Call(Flags()).confirm("Really?")


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5s", 1.5)])
def test_spans(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_a_wrong_span_is_wrong_usage(evercert: Evercert) -> None:
    assert evercert("order", "watch", ONE, "--timeout", "soon").code == 2


def run_program(*argv: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "starter.cli", *argv], capture_output=True, text=True, check=False, env=env
    )


def test_as_a_program(home: object) -> None:
    env = {"EVERCERT_HOME": str(home), "PATH": ""}
    good = run_program("help", "errors", "AMBIGUOUS", "-o", "json", env=env)
    assert good.returncode == 0 and good.stderr == ""
    assert cast("dict[str, Any]", json.loads(good.stdout))["data"]["id"] == "ambiguous"
    bad = run_program("help", "errors", "no-such", "-o", "json", env=env)
    assert (bad.returncode, bad.stdout) == (3, "")
    assert json.loads(bad.stderr.splitlines()[-1])["error"]["exit_code"] == 3
    assert run_program("nonsense", env=env).returncode == 2


def test_a_reader_that_goes_away_is_no_error(home: object) -> None:
    shown = f"{sys.executable} -m starter.cli help errors -o json | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_now_is_a_door(world: World) -> None:
    world.now = NOW + timedelta(days=1)
    assert Call(Flags()).now() == NOW + timedelta(days=1)
