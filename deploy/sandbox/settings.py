"""What a sandbox is started with, and the switches for what nobody has observed of the real service.

Settings are fixed for a run; switches may be changed at run time through the control API. Every switch stands for a
question about the real API whose answer is unknown, or for a delay; the default is the likeliest answer.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: Published on purpose: this key guards nothing but a name server on loopback that holds invented names.
PUBLISHED_TSIG_SECRET = "ZXZlcmNlcnQtc2FuZGJveC1wdWJsaXNoZWQta2V5LTE="  # noqa: S105 - a well-known default, no secret


class Switches(BaseModel):
    """Behaviour that can be changed while the sandbox runs (`POST /control/switches`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicate_custom_order_id: Literal["accept", "reject", "return_existing"] = "accept"
    """What a second `neworder` with a known, non-empty CustomOrderID does. `accept` sells again."""
    unknown_order: Literal["error", "empty_success", "null_ids"] = "error"
    """Answer for an order nobody placed, credentials being good: refused, or a success with empty or null ids."""
    query_credentials: Literal["checked", "ignored"] = "checked"
    """Whether `order/query` looks at the token at all."""
    error_text: Literal["code_and_message", "code_then_text", "text_only"] = "code_and_message"
    """Layout of error sentences: `ErrorCode:<n>|Message:<text>`, `<n> <text>`, or the text alone."""
    error_status: Literal[200, 400] = 200
    """HTTP status of application errors."""
    proof_delay_seconds: float = Field(default=0, ge=0)
    """Sandbox-clock seconds until proof material shows up; above zero `neworder` never carries it."""
    issue_delay_seconds: float = Field(default=0, ge=0)
    """Sandbox-clock seconds between the last proof seen and the leaf."""
    vetting_seconds: float = Field(default=0, ge=0)
    """Sandbox-clock seconds that the vetting of an organisation (OV, EV) takes."""
    digicert_dns: Literal["txt", "cname"] = "txt"
    """Record type behind the DNS indicator and the `DNS` keyword for DigiCert brands."""
    missing_hash_digicert: Literal["csr_invalid", "accept"] = "csr_invalid"
    """A DigiCert order without SignatureHashAlgorithm."""
    bare_base64_csr: Literal["refuse", "accept"] = "refuse"
    """A CSR without its PEM lines."""
    auto_www: Literal["asked", "always"] = "asked"
    """Whether the free `www.` twin needs `AutoWWW: true`."""
    query_custom_order_id: Literal["present", "absent"] = "present"
    """Whether rows of `order/query` carry CustomOrderID."""
    download_before_issue: Literal["error", "empty"] = "error"
    """`order/download` of an order without a leaf."""
    empty_certificates: bool = False
    """Downloads of issued orders carry files without content."""
    percent_encoded_answers: bool = False
    """Certificates in downloads are percent-encoded, as an old portal of the vendor expected."""
    refund: Literal["manual", "auto", "deny"] = "manual"
    """Who decides a refund: the control API, approval at once, or refusal at once."""
    account_credit: Decimal = Decimal("1000000.00")
    """USD that may be spent in all; a sale beyond it is refused."""


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Start-up settings of one sandbox."""

    port: int = 8560
    """TCP port of seller, control API and `/pki`; 0 takes a free one."""
    dns_port: int = 8553
    """UDP and TCP port of the name server; 0 takes a free one."""
    host: str = "127.0.0.1"
    """Loopback address to listen on."""
    state_file: Path | None = None
    """SQLite file for keys, orders, sales and DNS records; without one nothing outlives the process."""
    ca_poll_seconds: float = 2.0
    """Real seconds between two rounds of the CA's look-ups."""
    seed: int = 20261125
    """Seed of all dice: random tokens of proofs and fault probabilities."""
    partner_code: str = "12345678"
    """Partner code of the one reseller account."""
    auth_token: str = field(default="sandbox-token", repr=False)
    """Its token."""
    tsig_name: str = "evercert-sandbox."
    """Name of the TSIG key that may update the zone."""
    tsig_secret: str = field(default=PUBLISHED_TSIG_SECRET, repr=False)
    """Base64 secret of that key (hmac-sha256)."""
    resolver: tuple[str, int] | None = None
    """Address the CA resolves through; `None` means the sandbox's own name server."""
    switches: Switches = field(default_factory=Switches)
    """Switches to start with."""
