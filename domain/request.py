"""What a person types to order a certificate: shape only.

Everything here is checked before anything happens and without looking anywhere: types, lengths, closed words. Whatever
can change with time, catalogue or policy is checked by an activity, so that a replay never depends on it. A released
field is never removed, renamed or narrowed: that would hang open runs.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

_SECRET_FIELDS = frozenset({"password", "passphrase", "token", "secret", "private_key_pem", "api_key", "auth_token"})
_MAX_DEPTH = 20
_PLAIN_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_ADVICE = "secrets never belong in a request: rotate it, delete this run, and name a configured object instead"

ObjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""Name of a configured object (account, DNS account, secret), never an address, path or command."""

HostText = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\s/:@]+$")]
"""A host name as typed, international or not, wildcard or not; its rules are checked by an activity."""

ShortText = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _field_name(name: object) -> str:
    """Return a typed key for use in a message; anything but a plain word may itself be a secret."""
    text = str(name)
    return text if _PLAIN_WORD.fullmatch(text) else "(unprintable field)"


def _find_secret(value: object, path: str, depth: int) -> str | None:
    """Return the path of the first thing that looks like a secret, never the thing itself."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        return (path or "input") if "PRIVATE KEY-----" in value else None
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{_field_name(name)}" if path else _field_name(name)
            if str(name).lower() in _SECRET_FIELDS:
                return here
            if (found := _find_secret(inner, here, depth + 1)) is not None:
                return found
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            if (found := _find_secret(inner, f"{path}[{index}]", depth + 1)) is not None:
                return found
    return None


class UserInput(BaseModel):
    """Base of every model that a person may type; unknown fields are refused and values never quoted in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_secrets(cls, value: Any) -> Any:
        found = _find_secret(value, "", 0)
        if found is not None:
            raise PydanticCustomError("secret_in_input", "{path}: {advice}", {"path": found, "advice": _ADVICE})
        return value


class DcvChoice(UserInput):
    """How control of the names is proved.

    Attributes:
        method: only ``dns`` so far: Evercert publishes the record itself.
        dns_account: name of the configured DNS account that can write the zones of all names.
    """

    method: Literal["dns"] = "dns"
    dns_account: ObjectName | None = None


class KeyChoice(UserInput):
    """Which key Evercert makes.

    Attributes:
        algorithm: ``ecdsa`` or ``rsa``.
        size: bits: 256 or 384 for ECDSA (default 256), 2048, 3072 or 4096 for RSA (default 2048).
    """

    algorithm: Literal["ecdsa", "rsa"] = "ecdsa"
    size: Annotated[int, Field(ge=1, le=16384)] | None = None


class OrderRequest(UserInput):
    """Input of ``IssueCertificate``: one new order.

    Attributes:
        account: configured seller account.
        product: the seller's product code (``evercert product list``).
        common_name: the name to certify.
        months: paid term in months, one that the product sells.
        dcv: how control is proved.
        request_id: made once by the caller and repeated with the call; unique per account, kept for ever.
        key: the key to make.
        server_count: servers that will use it; passed to the seller unchanged.
        server_type: the seller's word for the server software.
        requested_by: who asks (claimed, not proved).
        reason: why, for the audit.
        max_price: highest price for the whole term in the account's currency; above it nothing is bought.
        allow_duplicate: buy although an equal order is open or an issued one has much of its term left.
        dry_run: check and price everything, buy nothing.
        resume_order: take up this order, whose run is lost, instead of buying one; the rest must be what it was.
    """

    schema_version: Literal[1] = 1
    account: ObjectName
    product: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    common_name: HostText
    months: Annotated[int, Field(ge=1, le=120)]
    dcv: DcvChoice = DcvChoice()
    request_id: ObjectName | None = None
    key: KeyChoice = KeyChoice()
    server_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    server_type: Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9 ._/+-]+$")] = (
        "Other"
    )
    requested_by: ShortText = ""
    reason: ShortText = ""
    max_price: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None
    allow_duplicate: bool = False
    dry_run: bool = False
    resume_order: Annotated[str, StringConstraints(pattern=r"^EC-[A-Z2-7]{26}$")] | None = None


class Act(UserInput):
    """Payload of an update or signal by which a person or service acts on a running order.

    Attributes:
        by: who acts (claimed, not proved).
        reason: why, for the audit.
    """

    by: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    reason: ShortText = ""


class ResolvePurchase(Act):
    """Payload of ``resolve_purchase``: how a person settles what Evercert cannot tell by itself.

    Attributes:
        outcome: ``placed`` (the seller's number is needed), ``not-placed`` (buy it now), ``abandon`` (stop looking; the
            money counts as spent), ``refunded`` or ``not-refunded`` (what became of a cancel).
        seller_order_id: the seller's number, digits; only with ``placed``.
    """

    outcome: Literal["placed", "not-placed", "abandon", "refunded", "not-refunded"]
    seller_order_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")] | None = None

    @model_validator(mode="after")
    def _number_with_placed(self) -> Self:
        if (self.outcome == "placed") != (self.seller_order_id is not None):
            raise PydanticCustomError("number_with_placed", "goes with outcome placed, and is needed there")
        return self


class ExtendDeadline(Act):
    """Payload of ``extend_deadline``.

    Attributes:
        days: how many days the deadline is moved from where it stands now, 1 to 365.
    """

    days: Annotated[int, Field(ge=1, le=365)]
