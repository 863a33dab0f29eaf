"""Names: normal form, what is refused, base domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Violation
from domain.inventory import Environment
from domain.names import authorisation_names, base_domain, environment_problem, is_public, is_reserved, normalise


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM.", "www.example.com"),
        ("  www.example.test ", "www.example.test"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example.com", "xn--bcher-kva.example.com"),
        ("*.BÜCHER.example.com", "*.xn--bcher-kva.example.com"),
        ("faß.example.com", "xn--fa-hia.example.com"),
        ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
        ("例え。example。com", "xn--r8jz45g.example.com"),
        ("a-b--c.example.com", "a-b--c.example.com"),
        ("1.example.com", "1.example.com"),
        (f"{'a' * 63}.example.com", f"{'a' * 63}.example.com"),
    ],
)
def test_normal_form(typed: str, expected: str) -> None:
    assert normalise(typed) == expected


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "name-invalid"),
        (".", "name-invalid"),
        ("*", "name-invalid"),
        ("*.", "name-invalid"),
        ("*.*.example.com", "name-invalid"),
        ("www.*.example.com", "name-invalid"),
        ("w*.example.com", "name-invalid"),
        ("a..example.com", "name-invalid"),
        (".example.com", "name-invalid"),
        ("-a.example.com", "name-invalid"),
        ("a-.example.com", "name-invalid"),
        ("a_b.example.com", "name-invalid"),
        ("_acme.example.com", "name-invalid"),
        ("ab--cd.example.com", "name-invalid"),
        ("xn--.example.com", "name-invalid"),
        ("xn--a.example.com", "name-invalid"),
        ("XN--BCHER-KVA9.example.com", "name-invalid"),
        ("https://example.com", "name-invalid"),
        ("example.com:443", "name-invalid"),
        ("exa mple.com", "name-invalid"),
        ("192.0.2.1", "name-invalid"),
        ("2001:db8::1", "name-invalid"),
        ("1.2.0.192.in-addr.arpa", "name-invalid"),
        ("x.ip6.arpa", "name-invalid"),
        ("co.uk", "name-invalid"),
        ("*.co.uk", "name-invalid"),
        ("b.kobe.jp", "name-invalid"),
        (f"{'a' * 64}.example.com", "name-invalid"),
        (".".join(["a" * 50] * 5) + ".example.com", "name-invalid"),
        ("a\x00b.example.com", "name-invalid"),
        ("\U0001f600.example.com", "name-invalid"),
        ("mailserver", "name-internal"),
        ("*.local", "name-internal"),
        ("localhost", "name-internal"),
    ],
)
def test_what_is_no_name(typed: str, code: str) -> None:
    found = normalise(typed, "sans[0]")
    assert isinstance(found, Violation)
    assert (found.code, found.path) == (code, "sans[0]")
    assert found.next_step


def test_a_violation_never_quotes_what_was_typed() -> None:
    found = normalise("hunter2-my_secret!.example.com")
    assert isinstance(found, Violation)
    assert "hunter2" not in found.message + found.next_step


@given(st.text(max_size=300))
def test_any_text_has_an_answer_and_the_normal_form_is_stable(typed: str) -> None:
    found = normalise(typed)
    if isinstance(found, str):
        assert found.isascii() and found == found.lower() and len(found) <= 253 and "." in found
        assert normalise(found) == found
        assert base_domain(found) is not None


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("*.example.co.uk", "example.co.uk"),
        ("foo.github.io", "github.io"),
        ("a.b.c.kobe.jp", "b.c.kobe.jp"),
        ("city.kobe.jp", "city.kobe.jp"),
        ("x.pvt.k12.ma.us", "x.pvt.k12.ma.us"),
        ("deep.www.shop.test", "shop.test"),
        ("co.uk", None),
    ],
)
def test_base_domain_by_the_icann_section(name: str, base: str | None) -> None:
    assert base_domain(name) == base


def test_authorisation_names_stop_at_the_base_domain() -> None:
    assert authorisation_names("*.a.b.example.co.uk") == ("a.b.example.co.uk", "b.example.co.uk", "example.co.uk")
    assert authorisation_names("example.com") == ("example.com",)
    assert authorisation_names("co.uk") == ()


@pytest.mark.parametrize("name", ["www.shop.test", "printer.local", "x.example", "www.example.com", "a.home.arpa"])
def test_reserved_names(name: str) -> None:
    assert is_reserved(name)
    found = environment_problem(name, Environment.LIVE)
    assert found is not None and found.code == "name-internal"


@pytest.mark.parametrize("name", ["www.shop.invalidtld", "server.corp", "nas.lan"])
def test_a_live_account_orders_nothing_outside_the_public_dns(name: str) -> None:
    assert not is_public(name)
    found = environment_problem(name, Environment.LIVE)
    assert found is not None and found.code == "name-internal"


def test_each_environment_orders_its_own_names_only() -> None:
    assert environment_problem("www.temporal.io", Environment.LIVE) is None
    assert environment_problem("*.shop.test", Environment.SANDBOX) is None
    found = environment_problem("www.temporal.io", Environment.SANDBOX)
    assert found is not None and found.code == "name-invalid"
    assert environment_problem("www.fake-test.com", Environment.SANDBOX) is not None
