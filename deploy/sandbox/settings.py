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

_USUAL_PORT = 8560


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
    """Sandbox-clock seconds that the vetting of an organisation (OV, EV) takes in all, from the order on."""
    ocsp_pointer: bool = True
    """Whether leaves name the OCSP responder besides the revocation list."""
    caa_check: bool = True
    """Whether the CA looks for CAA records before it signs."""
    digicert_dns: Literal["txt", "cname"] = "txt"
    """Record type behind the DNS indicator and the `DNS` keyword for DigiCert brands."""
    missing_hash_digicert: Literal["csr_invalid", "accept"] = "csr_invalid"
    """A DigiCert order without SignatureHashAlgorithm."""
    bare_base64_csr: Literal["refuse", "accept_on_renewal", "accept"] = "refuse"
    """A CSR without its PEM lines: never, on renewals and reissues only, or always."""
    raw_csr_digicert: Literal["accept", "csr_invalid"] = "accept"
    """A CSR for a DigiCert brand that is not percent-encoded."""
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
    account_detail_is_error: bool = True
    """`user/accountdetail` says `isError: true` although all is well."""
    unknown_values: Literal["ignored", "refused"] = "ignored"
    """An ApproverMethod or ResendEmailType that does not exist (lower case does not): nothing done, or an error."""
    approver_method_envelope: Literal["flat", "wrapped"] = "flat"
    """Envelope of `order/changeapprovermethod`, `digicert/setapprovermethod` and `digicert/checkdcv`."""
    invite_nulls: Literal["accept", "refuse"] = "accept"
    """Whether `order/inviteorder` takes null for members that are not set."""
    revoked_order: Literal["Active", "Cancelled", "Revoked"] = "Active"
    """Major status of an order whose current certificate was revoked by request."""
    reissue_email: Literal["checked", "ignored"] = "checked"
    """Whether ReissueEmail must be the e-mail of the order's AdminContact, if the order has one."""
    reissue_extra_sans: Literal["refused", "billed"] = "refused"
    """More names on a reissue than were bought."""
    reissue_proof: Literal["fresh", "reused"] = "fresh"
    """Whether a name that was proven for this order must be proven again on a reissue."""
    modified_orders: Literal["summary", "full"] = "summary"
    """Rows of `order/getmodifiedorderssummary`: ids, status and date, or whole orders."""
    newer_download: Literal["content_members", "same_as_download"] = "content_members"
    """Members of `order/certificate/download`: CertificateContent and CaCertificateContent, or Certificates."""
    callback_payload: Literal["status", "order", "ids_only"] = "status"
    """What is posted to the URL of `setting/setordercallback`: ids and status, the whole order, or ids alone."""
    account_credit: Decimal = Decimal("1000000.00")
    """USD that may be spent in all; a sale beyond it is refused."""


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Start-up settings of one sandbox."""

    port: int = _USUAL_PORT
    """TCP port of seller, control API and `/pki`; 0 takes a free one."""
    dns_port: int = 8553
    """UDP and TCP port of the name server; 0 takes a free one."""
    web_port: int | None = None
    """TCP port of the web root with proof files; 0 takes a free one. `None`: 8580, but free if `port` is not 8560."""
    smtp_port: int | None = None
    """TCP port of the mail sink; 0 takes a free one. `None`: 8525, but free if `port` is not 8560."""
    web_address: tuple[str, int] | None = None
    """Address at which the CA fetches proof files of every name; `None` means the sandbox's own web root."""
    web_folder: Path | None = None
    """Folder that the web root serves besides, as `<folder>/<name>/<path>`."""
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

    def companion_port(self, wanted: int | None, usual: int) -> int:
        """A port as set; where nothing is set the usual one beside the usual seller, else a free one."""
        if wanted is not None:
            return wanted
        return usual if self.port == _USUAL_PORT else 0
