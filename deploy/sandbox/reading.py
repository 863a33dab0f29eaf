"""Endpoints that only read a request: CSRs, agreements, the light check of an order."""

import hashlib

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from deploy.sandbox.calls import Call
from deploy.sandbox.catalogue import BY_CODE, Product
from deploy.sandbox.csr import SigningRequest, read_csr
from deploy.sandbox.names import approvers, base_domain, checked_name
from deploy.sandbox.ordering import known_product, request_csr
from deploy.sandbox.refusals import RefusalError
from deploy.sandbox.wire import Json


def show_csr(call: Call) -> dict[str, Json]:
    """`csr`: decode for a product; without a product for any."""
    product = BY_CODE.get(call.request.text("ProductCode").lower())
    return _decoded(_csr(call, product))


def decode_csr(call: Call) -> dict[str, Json]:
    """`csr/decodecsr`: decode only."""
    return _decoded(_csr(call, None))


def check_order(call: Call) -> dict[str, Json]:
    """`order/validate`: product, term and CSR; neither names nor proofs."""
    product, _ = known_product(call.request)
    return _decoded(_csr(call, product))


def show_approvers(call: Call) -> dict[str, Json]:
    """`order/approverlist`: mailboxes that may approve one name."""
    name = checked_name(call.request.text("DomainName"))
    boxes: list[Json] = list(approvers(name))
    return {"ApproverEmailList": boxes, "baseDomainName": base_domain(name)}


def show_agreement(call: Call) -> dict[str, Json]:
    """`order/agreement`: a text that binds nobody."""
    product, price = known_product(call.request)
    text = (
        f"<p>Subscriber agreement for {product.name}, {price.months} months.</p>"
        "<p>Certificates of this sandbox are trusted by nobody and bind nobody.</p>"
    )
    return {"Agreement": text}


def _csr(call: Call, product: Product | None) -> SigningRequest:
    if product is not None:
        return request_csr(call.world, call.request, product, needs_hash=False)
    return read_csr(
        call.request.text("CSR"), "sectigo", allow_bare_base64=call.world.switches.bare_base64_csr == "accept"
    )


def _decoded(csr: SigningRequest) -> dict[str, Json]:
    parsed = x509.load_der_x509_csr(csr.der)
    names: list[Json] = list(_sans(parsed))
    unit, name = _part(parsed, NameOID.ORGANIZATIONAL_UNIT_NAME), csr.common_name
    hash_used = parsed.signature_hash_algorithm
    return {
        "DomainName": name,
        "DominName": name,
        "DNSNames": names,
        "Country": _part(parsed, NameOID.COUNTRY_NAME),
        "Email": _part(parsed, NameOID.EMAIL_ADDRESS),
        "Locality": _part(parsed, NameOID.LOCALITY_NAME),
        "Organization": _part(parsed, NameOID.ORGANIZATION_NAME),
        "OrganizationUnit": unit,
        "OrganisationUnit": unit,
        "State": _part(parsed, NameOID.STATE_OR_PROVINCE_NAME),
        "hasBadExtensions": False,
        "isValidDomainName": _is_valid(name),
        "isWildcardCSR": name.startswith("*."),
        "MD5Hash": csr.md5.upper(),
        "SHA1Hash": hashlib.sha1(csr.der, usedforsecurity=False).hexdigest().upper(),
        "sha256": csr.sha256,
        "SignatureAlgorithm": hash_used.name if hash_used else "",
        "RegionSpecificOrderIndicator": None,
    }


def _part(csr: x509.CertificateSigningRequest, kind: ObjectIdentifier) -> str:
    found = csr.subject.get_attributes_for_oid(kind)
    return str(found[0].value) if found else ""


def _sans(csr: x509.CertificateSigningRequest) -> list[str]:
    try:
        extension = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _is_valid(name: str) -> bool:
    try:
        checked_name(name)
    except RefusalError:
        return False
    return True
