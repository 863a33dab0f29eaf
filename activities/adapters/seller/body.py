"""Writing strictly: the bodies that are sent, with exact spellings and proper types."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from activities.adapters.seller.credential import Credential, bounded
from domain.names import bare, base_domain
from domain.seller import Placement

CULTURE = "en-US"
PAGE_SIZE = 100
LONGEST_REASON = 200
_DIGICERT = "DIGICERT"
Body = dict[str, object]


def with_auth(credential: Credential, fields: Mapping[str, object]) -> Body:
    """Return a body with the credential in its ``AuthRequest``; the replay token is a mere echo and guards nothing."""
    auth = {
        "PartnerCode": credential.partner_code,
        "AuthToken": credential.token,
        "ReplayToken": secrets.token_hex(8),
        "UserAgent": "evercert",
        "IsUsedForTokenSystem": False,
    }
    return {"AuthRequest": auth, **fields}


def flat_auth(credential: Credential) -> Body:
    """Return the body of ``health/validate``, whose credential stands at the root."""
    return {
        "PartnerCode": credential.partner_code,
        "AuthToken": credential.token,
        "ReplayToken": secrets.token_hex(8),
        "UserAgent": "evercert",
    }


def order_reference(seller_order_id: str = "", custom_order_id: str = "") -> Body:
    """Return the members that name one order; only what is known is sent."""
    named = {"TheSSLStoreOrderID": seller_order_id, "CustomOrderID": custom_order_id}
    return {**{key: value for key, value in named.items() if value}, "DateTimeCulture": CULTURE}


def order_query(since: datetime, page: int) -> Body:
    """Return the members of one page of the list; pages count from 1."""
    return {
        "StartDate": f"/Date({int(since.timestamp() * 1000)})/",
        "PageNumber": page,
        "PageSize": PAGE_SIZE,
        "DateTimeCulture": CULTURE,
    }


def refund_request(seller_order_id: str, reason: str) -> Body:
    """Return the members that ask for cancellation and refund of one order; the reason becomes one printable line."""
    return {**order_reference(seller_order_id), "RefundReason": bounded(reason, LONGEST_REASON)}


def new_order(placement: Placement, *, contact_email: str, csr_encoding: str) -> Body:
    """Return the members of neworder for a single-name DV order proved by DNS.

    ``AutoWWW`` is switched off by name: left out, some products add the ``www.`` twin, which nobody asked us to prove.
    """
    contact = _contact(contact_email)
    return {
        "CustomOrderID": placement.order_id,
        "ProductCode": placement.product,
        "ExtraProductCodes": "",
        "ValidityPeriod": placement.months,
        "ServerCount": placement.server_count,
        "CSR": _csr(placement.csr, csr_encoding),
        "DomainName": placement.common_name,
        "WebServerType": placement.server_type,
        "DNSNames": [],
        "ReserveSANCount": 0,
        "WildcardReserveSANCount": 0,
        "isCUOrder": False,
        "isRenewalOrder": False,
        "isTrialOrder": False,
        "AutoWWW": False,
        "RelatedTheSSLStoreOrderID": "",
        "SpecialInstructions": "",
        "AdminContact": contact,
        "TechnicalContact": contact,
        "ApproverEmail": _approver(placement),
        "FileAuthDVIndicator": False,
        "HTTPSFileAuthDVIndicator": False,
        "CNAMEAuthDVIndicator": True,
        "CSRUniqueValue": placement.unique_value,
        "SignatureHashAlgorithm": "sha256" if _is_digicert(placement) else "PREFER_SHA2",
        "CertTransparencyIndicator": True,
        "RenewalDays": 0,
        "AddInstallationSupport": False,
        "EmailLanguageCode": "EN",
        "DateTimeCulture": CULTURE,
    }


def _is_digicert(placement: Placement) -> bool:
    return placement.vendor.strip().upper() == _DIGICERT


def _approver(placement: Placement) -> str:
    """Return DigiCert's keyword for a CNAME; else an address that every CA allows and that gets no mail with DNS proof."""
    if _is_digicert(placement):
        return "dns_cname_token"
    return f"admin@{base_domain(placement.common_name) or bare(placement.common_name)}"


def _csr(pem: str, encoding: str) -> str:
    """Return the CSR percent-encoded, newlines and pluses included, or as it is for accounts switched to ``raw``."""
    canonical = "\n".join(line.strip() for line in pem.strip().splitlines()) + "\n"
    return canonical if encoding == "raw" else quote(canonical, safe="")


def _contact(email: str) -> Body:
    """Return a contact; DV needs no more than the address, and the rest stays empty rather than invented."""
    names = (
        "FirstName",
        "LastName",
        "Phone",
        "Title",
        "OrganizationName",
        "AddressLine1",
        "City",
        "Region",
        "PostalCode",
    )
    return {**dict.fromkeys(names, ""), "Email": email, "Country": ""}
