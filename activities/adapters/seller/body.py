"""Writing strictly: the bodies that are sent, with exact spellings and proper types."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from activities.adapters.seller.credential import Credential, bounded
from activities.ports import MethodChoice
from domain.names import bare, base_domain
from domain.seller import Placement, ProofMethod, Reissue

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


def reissue(wanted: Reissue, *, contact_email: str, csr_encoding: str) -> Body:
    """Return the members of a reissue proved by DNS; ``ReissueEmail`` has to be the order's own contact."""
    return {
        "TheSSLStoreOrderID": wanted.seller_order_id,
        "CSR": _csr(wanted.csr, csr_encoding),
        "WebServerType": wanted.server_type,
        "DNSNames": [name for name in wanted.names if name != wanted.common_name],
        "AddSAN": [{"OldValue": "", "NewValue": name} for name in wanted.add_names],
        "DeleteSAN": [{"OldValue": name, "NewValue": ""} for name in wanted.remove_names],
        "EditSAN": [],
        "isRenewalOrder": False,
        "isWildCard": wanted.common_name.startswith("*."),
        "PreferEnrollmentLink": False,
        "ReissueEmail": contact_email,
        "ApproverEmails": _approver(wanted),
        "FileAuthDVIndicator": False,
        "HTTPSFileAuthDVIndicator": False,
        "CNAMEAuthDVIndicator": True,
        "CSRUniqueValue": wanted.unique_value,
        "SignatureHashAlgorithm": "sha256" if _is_digicert(wanted) else "PREFER_SHA2",
        "CertTransparencyIndicator": True,
        "SpecialInstructions": "",
        "DateTimeCulture": CULTURE,
    }


def revocation(seller_order_id: str, serial: str, reason: str) -> Body:
    """Return the members that ask for revocation; which of the two reasons the service reads is not known."""
    told = bounded(reason, LONGEST_REASON)
    return {**order_reference(seller_order_id), "SerialNumber": serial, "RevokeReason": told, "RefundReason": told}


def approver_mail(seller_order_id: str, name: str) -> Body:
    """Return the members that have the approver mail sent again, for one name or for all."""
    fields = {**order_reference(seller_order_id), "ResendEmailType": "ApproverEmail"}
    return {**fields, "DomainNames": name} if name else fields


def approver_change(seller_order_id: str, name: str, email: str) -> Body:
    """Return the members that change the approver of one name."""
    return {**order_reference(seller_order_id), "ResendEmail": email, "DomainNames": name}


def method_change(seller_order_id: str, name: str, method: ProofMethod, email: str) -> Body:
    """Return the members that change the method of one name; the words count in upper case only."""
    fields = {**order_reference(seller_order_id), "ApproverMethod": method.value, "DomainNames": name}
    return {**fields, "ApproverEmail": email}


def method_choices(seller_order_id: str, choices: Sequence[MethodChoice]) -> Body:
    """Return the members that set a method for each of several names; the element's shape is a likely one."""
    rows = [
        {"DomainName": it.name, "ApproverMethod": it.method.value, "ApproverEmail": it.approver_email} for it in choices
    ]
    return {**order_reference(seller_order_id), "DomainApproverList": rows}


def modified_orders(since: datetime, page: int) -> Body:
    """Return the members of one page of changed orders; two public clients name the instant differently, so both are sent."""
    return {
        **order_query(since, page),
        "SubUserID": "",
        "ModifiedSinceDate": f"/Date({int(since.timestamp() * 1000)})/",
    }


def agreement(product: str, months: int, server_count: int) -> Body:
    """Return the members that ask for the subscriber agreement."""
    return {"ProductCode": product, "ValidityPeriod": months, "ServerCount": server_count, "DateTimeCulture": CULTURE}


def csr_check(product: str, csr: str, encoding: str) -> Body:
    """Return the members that ask how a CSR is read."""
    return {"ProductCode": product, "CSR": _csr(csr, encoding)}


def light_check(product: str, csr: str, months: int, *, server_count: int, server_type: str, encoding: str) -> Body:
    """Return the members of the light check of a CSR for a product and term."""
    term = {"ValidityPeriod": months, "ServerCount": server_count, "WebServerType": server_type}
    return {**csr_check(product, csr, encoding), **term}


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


def _is_digicert(placement: Placement | Reissue) -> bool:
    return placement.vendor.strip().upper() == _DIGICERT


def _approver(placement: Placement | Reissue) -> str:
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
