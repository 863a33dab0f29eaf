"""Reading leniently: values of odd types, dates, encodings, envelopes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.seller import reading
from activities.adapters.seller.credential import Credential, bounded
from activities.adapters.seller.errors import Meaning, read_error
from activities.adapters.seller.wire import OrderWire, read_envelope
from domain.inventory import Environment
from domain.seller import Money

NOON = datetime(2026, 7, 23, 13, 50, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7/23/2026 1:50:20 PM", NOON),
        ("07/23/2026 01:50:20 PM", NOON),
        ("7/23/2026 1:50:20\u202fPM", NOON),
        ("7/23/2026 13:50:20", NOON),
        ("7/23/2026 12:00:00 AM", datetime(2026, 7, 23, tzinfo=UTC)),
        ("7/23/2026", datetime(2026, 7, 23, tzinfo=UTC)),
        ("7/23/2026 1:50 pm", NOON.replace(second=0)),
        ("7/23/2026 13:50", None),
        ("7/23/2026 13:50:20 PM", None),
        ("7/23/2026 0:50:20 AM", None),
        ("7/23/2026 1:50:20PM", None),
        ("7/23/2026 24:00:00", None),
        ("2/30/2026", None),
        ("/Date(1784814620000)/", NOON),
        ("\\/Date(1784814620000-0400)\\/", NOON),
        ("2026-07-23T13:50:20Z", NOON),
        ("2026-07-23T15:50:20+02:00", NOON),
        ("2026-07-23T13:50:20", NOON),
        ("7%2F23%2F2026%201%3A50%3A20%20PM", NOON),
        ("1/1/1900 12:00:00 AM", None),
        ("1/1/1900", None),
        ("/Date(-2208988800000)/", None),
        ("", None),
        (None, None),
        ("23/7/2026 1:50:20 PM", None),
        ("23.07.2026 13:50:20", None),
        ("soon", None),
        ("/Date(99999999999999999999)/", None),
        ("0001-01-01T00:00:00+14:00", None),
        ([], None),
    ],
)
def test_instants(text: object, expected: datetime | None) -> None:
    assert reading.instant(text) == expected


def test_an_instant_without_zone_does_not_say_its_own() -> None:
    assert reading.zoned_instant("7/23/2026 1:50:20 PM") is None
    assert reading.zoned_instant("2026-07-23T13:50:20") is None
    assert reading.zoned_instant("/Date(1784814620000)/") == NOON


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        ("1", True),
        (1, True),
        (False, False),
        ("false", False),
        ("0", False),
        (None, None),
        ("", None),
        ("maybe", None),
        ([], None),
        ({}, None),
    ],
)
def test_truth_values(value: object, expected: bool | None) -> None:
    assert reading.flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", 12),
        (12, 12),
        ("12.0", 12),
        (" 12 ", 12),
        (None, 0),
        ("", 0),
        ("1e9", 0),
        ("9" * 40, 0),
        ("-1", -1),
        ("twelve", 0),
        ("١٢", 0),
        ([12], 0),
    ],
)
def test_whole_numbers(value: object, expected: int) -> None:
    assert reading.whole(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7.95", Money(amount=Decimal("7.95"))),
        ("$1,250.00", Money(amount=Decimal("1250.00"))),
        ("7.95 EUR", Money(amount=Decimal("7.95"), currency="EUR")),
        ("USD 7.95", Money(amount=Decimal("7.95"))),
        ("€7", Money(amount=Decimal(7), currency="EUR")),
        ("7,95", None),
        ("1e999999999", None),
        ("-7.95", None),
        ("", None),
        (None, None),
        ("free", None),
    ],
)
def test_amounts_are_exact_or_nothing(value: object, expected: Money | None) -> None:
    assert reading.money(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.test,b.test", ("a.test", "b.test")),
        (["a.test", None, ""], ("a.test",)),
        (None, ()),
        ("", ()),
        (" , ", ()),
        ({}, ()),
    ],
)
def test_lists_and_comma_lists(value: object, expected: tuple[str, ...]) -> None:
    assert reading.texts(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-----BEGIN%20CERTIFICATE-----%0AAB%2BC%3D", "-----BEGIN CERTIFICATE-----\nAB+C="),
        ("-----BEGIN+CERTIFICATE-----%0AAB%2BC", "-----BEGIN CERTIFICATE-----\nAB+C"),
        ("AB+C=", "AB+C="),
        ("100% sure", "100% sure"),
        ("%00x", "%00x"),
        ("%ff%fe", "%ff%fe"),
        ("\ud800x", "?x"),
    ],
)
def test_percent_encoding_is_undone_only_where_it_plainly_is_one(value: str, expected: str) -> None:
    assert reading.text(value) == expected


@pytest.mark.parametrize(
    ("body", "is_error", "messages", "is_array"),
    [
        (b'{"AuthResponse":{"isError":false,"Message":null}}', False, (), False),
        (b'{"AuthResponse":{"IsError":"true","Message":"bare"}}', True, ("bare",), False),
        (b'{"authresponse":{"ISERROR":1,"message":["a",null,""]}}', True, ("a",), False),
        (b'{"isError":false,"Message":["Success"]}', False, ("Success",), False),
        (b'[{"AuthResponse":{"isError":true,"Message":["no"]}}]', True, ("no",), True),
        (b"[]", False, (), True),
        (b"{}", None, (), False),
        (b'{"AuthResponse":null,"x":1}', None, (), False),
        (b'{"AuthResponse":{"isError":null}}', None, (), False),
        (b'[{"AuthResponse":{"isError":false}},{"x":1}]', None, (), True),
        (b'[{"AuthResponse":{"isError":false}},{"isError":true,"Message":"m"}]', True, ("m",), True),
        (b'{"isError":true,"IsError":false,"Message":[]}', True, (), False),
    ],
)
def test_three_envelopes(body: bytes, is_error: bool | None, messages: tuple[str, ...], is_array: bool) -> None:
    envelope = read_envelope(body)
    assert envelope is not None
    assert (envelope.is_error, envelope.messages, envelope.is_array) == (is_error, messages, is_array)


@pytest.mark.parametrize("body", [b"", b"null", b"7", b'"x"', b"[1]", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_envelope(body: bytes) -> None:
    assert read_envelope(body) is None


@pytest.mark.parametrize(("depth", "is_read"), [(50, True), (51, False), (900, False)])
def test_how_deep_an_answer_may_be(depth: int, is_read: bool) -> None:
    body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    assert (read_envelope(body) is not None) is is_read


def test_names_are_read_in_any_case_at_any_depth() -> None:
    parsed = reading.parse_json(b'[{"A":[{"Bc":1,"bC":2}],"B":null,"b":{"C":"x"},"N":null}]')
    assert parsed == [{"a": [{"bc": "1"}], "b": {"c": "x"}, "n": None}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_every_reader_is_total(value: Any) -> None:
    reading.text(value).encode("utf-8")
    reading.whole(value)
    reading.flag(value)
    reading.texts(value)
    reading.money(value)
    reading.instant(value)
    members = [name.replace("_", "") for name in OrderWire.model_fields]
    OrderWire.model_validate(dict.fromkeys(members, value))


@pytest.mark.parametrize(
    ("words", "codes", "meaning"),
    [
        (("ErrorCode:-9009|Message:Vendor returns error:-9008 x",), (-9009, -9008), Meaning.VENDOR),
        (("-9008 Token/Authentication Failure",), (-9008,), Meaning.AUTHENTICATION),
        (("Token/Authentication Failure",), (), Meaning.AUTHENTICATION),
        (("Order not found",), (), Meaning.UNKNOWN_ORDER),
        (("The certificate is not issued yet",), (), Meaning.NOT_ISSUED),
        (("ErrorCode:-99003|Message:The product code is unknown",), (-99003,), Meaning.PRODUCT),
        (("ErrorCode: -12345 | Message: something",), (-12345,), Meaning.OTHER),
        (("call +1-9008-555",), (), Meaning.OTHER),
        ((), (), Meaning.OTHER),
    ],
)
def test_codes_are_dug_out_of_free_text(words: tuple[str, ...], codes: tuple[int, ...], meaning: Meaning) -> None:
    found = read_error(words, Environment.SANDBOX)
    assert (found.codes, found.meaning) == (codes, meaning)


def test_synthetic_codes_mean_nothing_to_a_live_account() -> None:
    words = ("ErrorCode:-99008|Message:no money",)
    assert read_error(words, Environment.SANDBOX).is_before_order
    assert not read_error(words, Environment.LIVE).is_before_order
    assert read_error(("-9008 Token/Authentication Failure",), Environment.LIVE).is_before_order


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ErrorCode:-99009|Message:Order not found",), True),
        (("-99009 Order not found.",), True),
        (("order NOT found",), True),
        (("ErrorCode:-1234|Message:Order not found",), True),
        (("ErrorCode:-9009|Message:Order not found",), False),
        (("Order not found because the database is down",), False),
        (("Product not found",), False),
        (("Order not found", "and more"), False),
        ((), False),
    ],
)
def test_the_unknown_order_is_recognised_positively(words: tuple[str, ...], expected: bool) -> None:
    assert read_error(words, Environment.SANDBOX).is_unknown_order is expected


def test_foreign_words_are_bounded_and_never_carry_a_credential() -> None:
    credential = Credential("12345678", "tok+/en")
    assert "tok" not in repr(credential)
    quoted = credential.quote(
        "bad TOK+/EN and tok%2B%2Fen\nand T123#!abc and abcdefghij0123456789x \x1b[31m" + "y" * 500
    )
    assert "tok" not in quoted.lower().replace("token", "")
    assert "#!" not in quoted and "0123456789" not in quoted
    assert "\n" not in quoted and "\x1b" not in quoted
    assert len(quoted) <= 200


@given(st.text())
def test_bounded_text_is_printable_and_short(text: str) -> None:
    shown = bounded(text)
    assert shown.isprintable() and len(shown) <= 200
