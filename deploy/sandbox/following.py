"""Orders as answers show them: `order/status`, `order/query`, `order/download`."""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from deploy.sandbox.book import Leaf, Order, Proof
from deploy.sandbox.ca import Issued, LeafOrder
from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.csr import PublicKey
from deploy.sandbox.faults import Rule
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.vetting import authentication_statuses
from deploy.sandbox.wire import Json, Members, dates, dotnet_text
from deploy.sandbox.world import World

_WORDS = {"CNAME": "CNAME", "TXT": "TXT", "FILE": "HTTP", "EMAIL": "EMAIL"}


def order_answer(order: Order, now: datetime, *, with_proof: bool, foreign: Rule | None = None) -> dict[str, Json]:
    """An order in the shape that nearly every endpoint shares, without its AuthResponse."""
    product = BY_CODE[order.product_code]
    asked = [name for name in order.names if name not in order.free_names]
    return {
        "TheSSLStoreOrderID": order.seller_order_id,
        "PartnerOrderID": order.partner_order_id,
        "CustomOrderID": order.custom_order_id,
        "VendorOrderID": order.vendor_order_id,
        "RefundRequestID": order.refund_request_id,
        "isRefundApproved": order.refund_approved,
        "TinyOrderLink": enrollment_link(order) if order.is_invite else "",
        "Token": f"{order.token_id}#!{order.token_code}",
        "TokenID": order.token_id,
        "TokenCode": order.token_code,
        "OrderStatus": _order_status(order, now, with_proof=with_proof, foreign=foreign),
        "OrderAmount": f"{order.amount:.2f}",
        **dates("PurchaseDate", order.placed_at),
        **dates("OrderExpiryDate", order.expires_at),
        **_leaf_members(order.served_leaf),
        **dates("PollDate", max((p.last_look_at for p in order.proofs if p.last_look_at), default=None)),
        "CommonName": order.names[0] if order.names else "",
        "DNSNames": ",".join(asked[1:]),
        "SANCount": max(len(asked) - 1, order.reserved_sans, 0),
        "wildcardSANCount": sum(name.startswith("*.") for name in asked[1:]),
        "ServerCount": order.server_count,
        "Validity": order.months,
        "ProductCode": product.code,
        "ProductName": product.name,
        "VendorName": product.vendor,
        "SubVendorName": "",
        **_subject_members(order.organization),
        "WebServerType": order.web_server_type,
        "ApproverEmail": order.approver_email,
        "SignatureHashAlgorithm": order.signature_hash,
        "SignatureEncryptionAlgorithm": "",
        "SiteSealurl": "",
        "AdminContact": _plain(order.admin_contact),
        "TechnicalContact": _plain(order.technical_contact),
        **_main_proof(order, with_proof=with_proof, foreign=foreign),
        "PollStatus": order.proofs[0].last_result if order.proofs else "",
        "ReissueSuccessCode": "",
        "TSSOrganizationId": order.tss_organization_id,
        "CustomerID": 0,
        "CustomerLoginName": "",
        "CustomerPassword": "",
    }


def enrollment_link(order: Order) -> str:
    """The page where somebody else could complete an order; nobody serves it here, and like the token it is a secret."""
    return f"https://enroll.sandbox.test/?token={order.token_id}-{order.token_code}"


def blank_answer(ids: Literal["", "null"]) -> dict[str, Json]:
    """An answer about no order at all."""
    empty: Json = None if ids == "null" else ""
    names = ("TheSSLStoreOrderID", "PartnerOrderID", "CustomOrderID", "VendorOrderID", "RefundRequestID")
    return {
        **dict.fromkeys(names, empty),
        "isRefundApproved": False,
        "TinyOrderLink": empty,
        "Token": empty,
        "TokenID": empty,
        "TokenCode": empty,
        "OrderStatus": None
        if ids == "null"
        else {"MajorStatus": "", "MinorStatus": "", "DomainAuthVettingStatus": None},
        "CommonName": empty,
        "DNSNames": empty,
        "ProductCode": empty,
    }


def query_orders(world: World, request: Members) -> list[Order]:
    """Orders that match a query, oldest first; without paging members the whole book.

    Raises:
        RefusalError: A member cannot be read.
    """
    since, until = request.instant("StartDate"), request.instant("EndDate")
    expires_since, expires_until = (
        request.instant("CertificateExpireFromDate"),
        request.instant("CertificateExpireToDate"),
    )
    domain, product = request.text("DomainName").lower(), request.text("ProductCode").lower()
    lag = world.faults.strike("query_lag", "order/query")
    now = world.clock.now()
    seen = (world.book.as_of(order, now, lag.seconds if lag else 0) for order in world.book)
    matching = [
        order
        for order in seen
        if order is not None
        and within(order.placed_at, since, until)
        and (not (expires_since or expires_until) or within(_leaf_end(order), expires_since, expires_until))
        and (not domain or domain in order.names)
        and (product in {"", "0"} or product == order.product_code)
    ]
    size, page = request.number("PageSize"), max(request.number("PageNumber", 1), 1)
    return matching[(page - 1) * size : page * size] if size > 0 else matching


def download_answer(world: World, request: Members, order: Order) -> dict[str, Json]:
    """Leaf and intermediate of an order as files; while a reissue is pending those of the generation before.

    Raises:
        RefusalError: There is no leaf yet (unless switched otherwise).
    """
    files = certificate_files(world, order, as_pkcs7=request.truth("ReturnPKCS7Cert"))
    shown: list[Json] = [{"FileName": name, "FileContent": encoded_text(world, text)} for name, text in files]
    return {**download_head(world, order), "Certificates": shown}


def download_head(world: World, order: Order) -> dict[str, Json]:
    """What every kind of download says besides the certificates."""
    leaf = order.served_leaf
    return {
        "PartnerOrderID": order.partner_order_id,
        "TheSSLStoreOrderID": order.seller_order_id,
        "VendorOrderID": order.vendor_order_id,
        "CertificateStatus": order.shown_major(world.clock.now()),
        "ValidationStatus": "",
        **dates("CertificateStartDate", leaf.not_before if leaf else None),
        **dates("CertificateEndDate", leaf.not_after if leaf else None),
    }


def certificate_files(world: World, order: Order, *, as_pkcs7: bool) -> list[tuple[str, str]]:
    """Names and texts of an order's certificate files.

    Raises:
        RefusalError: There is no leaf yet (unless switched otherwise).
    """
    served = order.served_leaf
    if served is None and world.switches.download_before_issue == "error":
        raise RefusalError(Code.NOT_ISSUED)
    wrong = world.faults.strike("wrong_leaf", "order/download", order.ids)
    if served is None:
        return []
    leaf, chain = _files(world, order, served, wrong)
    stem = order.names[0].replace("*", "STAR").replace(".", "_")
    if as_pkcs7:
        return [(f"{stem}.p7b", _pkcs7(leaf, chain))]
    return [(f"{stem}.crt", leaf), ("My_CA_Bundle.ca-bundle", chain)]


def encoded_text(world: World, text: str) -> str:
    """A text as the switches make it: empty, percent-encoded or as it is."""
    if world.switches.empty_certificates:
        return ""
    return quote(text, safe="") if world.switches.percent_encoded_answers else text


def leaf_order(order: Order, public_key: PublicKey) -> LeafOrder:
    """What the CA shall put into the leaf of an order."""
    product = BY_CODE[order.product_code]
    return LeafOrder(order.names, public_key, product.brand, product.level, order.expires_at, order.organization)


def signing_key(order: Order) -> PublicKey:
    """Public key of an order's CSR."""
    key = x509.load_der_x509_csr(bytes.fromhex(order.csr_der_hex)).public_key()
    assert isinstance(key, PublicKey)
    return key


def _files(world: World, order: Order, leaf: Leaf, wrong: Rule | None) -> tuple[str, str]:
    if wrong is None:
        return leaf.pem, leaf.chain_pem
    issued: Issued = world.ca.issue(leaf_order(order, signing_key(order)), world.clock.now(), wrong.kind)
    return issued.leaf_pem, issued.chain_pem


def _pkcs7(*pems: str) -> str:
    certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
    return pkcs7.serialize_certificates(certificates, Encoding.PEM).decode()


def _order_status(order: Order, now: datetime, *, with_proof: bool, foreign: Rule | None) -> dict[str, Json]:
    state = "Completed" if order.proven_at else "Pending"
    vetting: list[Json] = [_vetting(proof, foreign) for proof in order.proofs]
    return {
        "isTinyOrder": order.is_invite,
        "isTinyOrderClaimed": order.is_claimed,
        "MajorStatus": order.shown_major(now),
        "MinorStatus": order.minor,
        "AuthenticationStatuses": [
            {
                "AuthenticationStep": "Domain Control Validation",
                "Status": state,
                "LastUpdated": dotnet_text(order.proven_at or order.placed_at),
            },
            *authentication_statuses(order.vetting),
        ],
        "AuthenticationComments": "",
        "OrderNotes": [{"Comments": text, "DateAdded": dotnet_text(at)} for at, text in order.notes],
        "DomainAuthVettingStatus": vetting if with_proof else None,
    }


def _vetting(proof: Proof, foreign: Rule | None) -> dict[str, Json]:
    has_dns, has_file = bool(proof.record_name), bool(proof.file_name)
    return {
        "domain": proof.name,
        "dcvMethod": _WORDS[proof.method],
        "dcvStatus": "Validated" if proof.validated_at else "Not Validated",
        "FileName": proof.file_name if has_file else None,
        "FileContents": proof.file_content if has_file else None,
        "DNSName": (foreign.name if foreign else proof.record_name) if has_dns else None,
        "DNSEntry": (foreign.value if foreign else proof.record_value) if has_dns else None,
        "PollStatus": proof.last_result,
        "LastPollDate": dotnet_text(proof.last_look_at) if proof.last_look_at else None,
    }


def _main_proof(order: Order, *, with_proof: bool, foreign: Rule | None) -> dict[str, Json]:
    main = order.proofs[0] if order.proofs and with_proof else None
    has_dns = bool(main and main.record_name)
    return {
        "AuthFileName": main.file_name if main else "",
        "AuthFileContent": main.file_content if main else "",
        "CNAMEAuthName": foreign.name if foreign and has_dns else main.record_name if main else "",
        "CNAMEAuthValue": foreign.value if foreign and has_dns else main.record_value if main else "",
    }


def _leaf_members(leaf: Leaf | None) -> dict[str, Json]:
    return {
        "SerialNumber": leaf.serial if leaf else "",
        **dates("CertificateStartDate", leaf.not_before if leaf else None),
        **dates("CertificateEndDate", leaf.not_after if leaf else None),
    }


def _subject_members(organization: dict[str, str]) -> dict[str, Json]:
    address = (organization.get("AddressLine1"), organization.get("AddressLine2"))
    return {
        "Organization": organization.get("OrganizationName", ""),
        "OrganizationalUnit": organization.get("Division", ""),
        "OrganizationAddress": " ".join(filter(None, address)),
        "OrganizationPhone": organization.get("Phone", ""),
        "OrganizationPostalcode": organization.get("PostalCode", ""),
        "Locality": organization.get("City", ""),
        "State": organization.get("Region", ""),
        "Country": organization.get("Country", ""),
        "DUNS": organization.get("DUNS", ""),
    }


def _plain(members: dict[str, str]) -> dict[str, Json]:
    return dict(members)


def within(at: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    """Whether an instant lies in a span with open ends."""
    return at is not None and (since is None or at >= since) and (until is None or at <= until)


def _leaf_end(order: Order) -> datetime | None:
    return order.served_leaf.not_after if order.served_leaf else None
