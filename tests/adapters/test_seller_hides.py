"""Free texts of the seller's answers never bring the credential, or an order's own secrets, to where people read them."""

import base64
import json
import re

import pytest

from activities.adapters.seller.credential import Credential
from activities.adapters.seller.translate import order_of
from activities.adapters.seller.wire import OrderWire, read_envelope

CREDENTIAL = Credential("12345678", "tok+/en-of-acme")
BASIC = base64.b64encode(b"12345678:tok+/en-of-acme").decode()
LINK = "https://enroll.example.test/?t=00-ab"


def told(status: str, **members: object) -> str:
    body = {
        "AuthResponse": {"isError": False},
        "TheSSLStoreOrderID": "123456789",
        "Token": "T12#!c0de-of-order",
        "TokenCode": "c0de-of-order",
        "TinyOrderLink": LINK,
        "OrderStatus": {"MajorStatus": "Pending", "MinorStatus": status},
        **members,
    }
    envelope = read_envelope(json.dumps(body).encode(), CREDENTIAL.hidden)
    assert envelope is not None
    order = order_of(OrderWire.model_validate(envelope.rows[0]))
    assert order.seller_order_id == "123456789"
    return order.status_text


@pytest.mark.parametrize(
    "words",
    [
        "tok+/en-of-acme",
        "TOK+/EN-OF-ACME",
        "tok%2B%2Fen-of-acme",
        "%74ok%2b%2fen-of-acme",
        BASIC,
        "T12#!c0de-of-order",
        "c0de-of-order",
        LINK,
    ],
)
def test_a_status_never_repeats_a_secret(words: str) -> None:
    assert told(f"denied for {words} today") == "Pending / denied for (hidden) today"


@pytest.mark.parametrize("words", ["naïve tok+/en-of-acme", "to\u212a+/en-of-acme", "naïf c0de%2Dof-order %c3%a9"])
def test_a_secret_among_letters_of_other_scripts(words: str) -> None:
    shown = told(f"{words} {LINK}")
    assert "(hidden)" in shown and not re.search("of-acme|of-order|00-ab", shown)


def test_an_order_in_a_list_never_repeats_the_secret_of_another() -> None:
    rows = [
        {"AuthResponse": {"isError": False}, "TokenCode": f"c0de-of-{n}", "CommonName": f"by C0DE-OF-{1 - n}"}
        for n in (0, 1)
    ]
    envelope = read_envelope(json.dumps(rows).encode(), CREDENTIAL.hidden)
    assert envelope is not None
    assert [(row["commonname"], row["tokencode"]) for row in envelope.rows] == [
        ("by (hidden)", "c0de-of-0"),
        ("by (hidden)", "c0de-of-1"),
    ]


def test_digits_are_read_as_they_came() -> None:
    """A token that is the order's number would else hide the number, and a sale would be in doubt."""
    assert told("123456789 waits", TokenCode="123456789", Token="123456789") == "Pending / 123456789 waits"


def test_ordinary_words_stay() -> None:
    assert told("PENDING_REISSUE", Token="Pending", TokenCode="") == "Pending / PENDING_REISSUE"


@pytest.mark.parametrize("word", ["0123456789abcdef", "T17641234567#!0123456789abcdef", "token=T1764-0123456789abcdef"])
def test_a_sentence_never_repeats_what_looks_like_a_secret_of_an_order(word: str) -> None:
    assert CREDENTIAL.quote(f"order {word} is odd") == "order (hidden) is odd"
