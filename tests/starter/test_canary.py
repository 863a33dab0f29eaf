"""A planted secret is found in whatever form it leaks; what is not there is not found."""

import base64
import json
import textwrap
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from starter.prove.canary_forms import Canary, Found, Scanner, loosened, private_key_canaries

SECRET = "pa/ss+wo=rd \u00e9 \"'\\ line\nCANARY-19"


def told_in_base64(text: str, *, before: int, url: bool = False, width: int = 76) -> str:
    whole = b"<" * before + text.encode() + b">>"
    encoded = (base64.urlsafe_b64encode if url else base64.b64encode)(whole).decode()
    return "\n".join(textwrap.wrap(encoded, width))


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda it: it,
    "JSON": json.dumps,
    "JSON without escapes": lambda it: json.dumps(it, ensure_ascii=False),
    "JSON in JSON": lambda it: json.dumps(json.dumps({"a": it})),
    "JSON in JSON in JSON": lambda it: json.dumps(json.dumps(json.dumps({"a": it}))),
    "repr": repr,
    "repr of bytes": lambda it: repr(it.encode()),
    "URL-quoted": lambda it: quote(it, safe=""),
    "URL-quoted, but for slashes": quote,
    "URL-quoted twice": lambda it: quote(quote(it, safe=""), safe=""),
    "URL-quoted in small letters": lambda it: quote(it, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "hex": lambda it: it.encode().hex(),
    "HEX": lambda it: it.encode().hex().upper(),
    "hex with colons": lambda it: it.encode().hex(":"),
    **{
        f"base64{' for URLs' * url} at {before}, lines of {width}": partial(
            told_in_base64, before=before, url=url, width=width
        )
        for before in range(3)
        for url in (False, True)
        for width in (7, 64, 1000)
    },
    "base64 in JSON": lambda it: json.dumps(told_in_base64(it, before=1, width=20)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form: str) -> None:
    heap = f"first\nsecond <{FORMS[form](SECRET)}> third\n".encode()
    (found,) = Scanner([Canary("the secret", SECRET.encode())]).scan("a heap", heap)
    assert (found.kind, found.source) == ("the secret", "a heap")
    assert found.place.startswith("line ")
    other = f"first\nsecond <{FORMS[form](SECRET[::-1])}> third\n".encode()
    assert Scanner([Canary("the secret", SECRET.encode())]).scan("a heap", other) == []


@given(
    secret=st.text(
        st.characters(categories=("L", "N", "P", "S"), include_characters=" \n\t\b"), min_size=10, max_size=60
    ),
    form=st.sampled_from(sorted(set(FORMS) - {"URL-quoted twice"})),
)
@example(secret="%41%4a\\u0041\\n%", form="JSON in JSON")
def test_any_text_is_found_in_any_form(secret: str, form: str) -> None:
    if len(loosened(secret.encode())) < 8:
        return
    heap = f"before <{FORMS[form](secret)}> after".encode()
    assert Scanner([Canary("it", secret.encode())]).scan("heap", heap)


@given(value=st.binary(min_size=16, max_size=300), before=st.integers(0, 9), width=st.integers(4, 80))
def test_bytes_are_found_in_base64_wherever_they_stand(value: bytes, before: int, width: int) -> None:
    if len(loosened(value)) < 8:
        return
    encoded = base64.b64encode(b"\x00" * before + value + b"\x01\x02").decode()
    broken = "\r\n".join(textwrap.wrap(encoded, width))
    scanner = Scanner([Canary("it", value)])
    for heap in (broken, json.dumps(broken), encoded.replace("+", "-").replace("/", "_"), quote_plus(broken)):
        assert scanner.scan("heap", heap.encode())


KEYS: dict[str, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
    "ecdsa 256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa 384": ec.generate_private_key(ec.SECP384R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("style", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_is_found_in_every_encoding(name: str, style: PrivateFormat) -> None:
    key = KEYS[name]
    scanner = Scanner(private_key_canaries("key", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))
    pem = key.private_bytes(Encoding.PEM, style, NoEncryption()).decode()
    body = "".join(pem.splitlines()[1:-1])
    for heap in (pem, body, json.dumps({"key": pem}), quote(pem), repr(pem.encode()), textwrap.indent(pem, "    ")):
        assert scanner.scan("heap", heap.encode()), heap
    der = key.private_bytes(Encoding.DER, style, NoEncryption())
    for told in (der, der.hex().encode(), base64.urlsafe_b64encode(der), base64.b64encode(b"x" + der)):
        assert scanner.scan("heap", told)
    number = (
        key.private_numbers().private_value if isinstance(key, ec.EllipticCurvePrivateKey) else key.private_numbers().p
    )
    for number_as_text in (f"{number}", f"{number:x}", f"{number:#X}"):
        assert scanner.scan("heap", f"d={number_as_text};".encode())


def test_a_private_key_that_was_cut_is_found() -> None:
    key = KEYS["ecdsa 256"]
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    scanner = Scanner(private_key_canaries("key", der))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert [it.kind for it in scanner.scan("heap", pem[:110])] == ["key, scalar begun"]


@pytest.mark.parametrize("name", KEYS)
def test_public_parts_and_other_keys_are_no_secrets(name: str) -> None:
    key = KEYS[name]
    scanner = Scanner(private_key_canaries("key", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert scanner.scan("heap", public) == []
    others = [it for other, it in KEYS.items() if other != name]
    for other in others:
        assert scanner.scan("heap", other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())) == []


def test_a_find_tells_where_and_never_what() -> None:
    scanner = Scanner([Canary("token of acme", b"hunter2-hunter2"), Canary("other", b"not there at all")])
    heap = b"one\ntwo\nthree hunter2-hunter2 and again hunter2-hunter2\n"
    assert scanner.scan("worker.log", heap) == [Found("token of acme", "worker.log", "line 3", "plain")]
    wrapped = (
        b"one\n" + base64.b64encode(b"..hunter2-hunter2..")[:12] + b"\n" + base64.b64encode(b"..hunter2-hunter2..")[12:]
    )
    (found,) = scanner.scan("worker.log", wrapped)
    assert (found.place, found.form) == ("line 3", "base64")
    for text in (str(found), repr(found), repr(Canary("x", b"hunter2-hunter2"))):
        assert "hunter2" not in text


@pytest.mark.parametrize("value", [b"", b"short", b"1234567", b"a\n\\\n\nbcdef"])
def test_what_chance_would_find_is_no_canary(value: bytes) -> None:
    with pytest.raises(ValueError, match="too short"):
        Canary("it", value)


def test_a_scan_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="finds nothing"):
        Scanner([])
