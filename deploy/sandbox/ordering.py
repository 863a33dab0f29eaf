"""`order/neworder` and its dry run: from a request to a draft, from a draft to a sale."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from deploy.sandbox.book import Method, Order, Proof
from deploy.sandbox.catalogue import BY_CODE, Price, Product
from deploy.sandbox.csr import SigningRequest, read_csr
from deploy.sandbox.dcv import make_proof
from deploy.sandbox.names import approvers, checked_name, www_twin
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.rules import add_months
from deploy.sandbox.wire import Members
from deploy.sandbox.world import World

_LONGEST_ID, _LONGEST_UNIQUE = 100, 20
_ORGANIZATION_MEMBERS = ("OrganizationName", "Country")
#: Upper bounds of what goes into a subject (X.520).
_LONGEST_SUBJECT = {
    "OrganizationName": 64,
    "RegistrationNumber": 64,
    "City": 128,
    "Region": 128,
    "JurisdictionCountry": 2,
}
_KEYWORDS: dict[str, Method] = {
    "HTTP": "FILE",
    "HTTPS": "FILE",
    "EMAIL": "EMAIL",
    "DNS": "TXT",
    "DNS_CNAME_TOKEN": "CNAME",
}


@dataclass(frozen=True)
class Draft:
    """A checked order that nobody has paid for."""

    product: Product
    months: int
    csr: SigningRequest
    names: list[str]
    free_names: list[str]
    methods: list[tuple[str, Method, str]]
    """Name, method and approver, for every name that needs a proof of its own."""
    unique_value: str
    reserved_sans: int
    amount: Decimal
    organization: dict[str, str]


def draft_order(world: World, request: Members) -> Draft:
    """Check everything that a `neworder` body says.

    Raises:
        RefusalError: Something is invalid, not sold or not allowed.
    """
    product, price = _product(request)
    csr = _csr(world, request, product)
    first = checked_name(request.text("DomainName") or csr.common_name)
    sans = [name for name in dict.fromkeys(map(checked_name, request.texts("DNSNames"))) if name != first]
    free = _free_names(world, request, product, first)
    paid = [name for name in sans if name not in free and not _is_free_twin(product, first, name)]
    reserved, reserved_wild = (max(request.number(k), 0) for k in ("ReserveSANCount", "WildcardReserveSANCount"))
    _check_names(product, first, paid)
    wild = max(sum(name.startswith("*.") for name in paid), reserved_wild)
    plain = max(sum(not name.startswith("*.") for name in paid), reserved)
    if paid and plain + wild > product.max_sans:
        raise RefusalError(Code.NAMES_NOT_SOLD, "More names than the product covers")
    extra = max(plain - product.included_sans, 0) if product.max_sans else 0
    unique = request.text("CSRUniqueValue")
    if len(unique) > _LONGEST_UNIQUE or not (unique == "" or (unique.isascii() and unique.isalnum())):
        raise RefusalError(Code.PARAMETER, "CSRUniqueValue must be up to 20 letters and digits")
    ordered = [first, *sans]
    return Draft(
        product=product,
        months=price.months,
        csr=csr,
        names=list(dict.fromkeys([*ordered, *free])),
        free_names=[name for name in free if name not in ordered],
        methods=_methods(world, request, product, ordered, free),
        unique_value=unique,
        reserved_sans=reserved,
        amount=price.price + extra * price.per_san + (wild * price.per_wildcard_san if product.is_flex else 0),
        organization=_organization(request, product),
    )


def place_order(world: World, request: Members) -> Order:
    """Sell: check, then commit the order with its ledger line.

    Raises:
        RefusalError: Nothing was sold.
    """
    draft = draft_order(world, request)
    custom_id = request.text("CustomOrderID")
    if len(custom_id) > _LONGEST_ID:
        raise RefusalError(Code.PARAMETER, "CustomOrderID is too long")
    known = world.book.by_custom_id(custom_id)
    if known is not None and world.switches.duplicate_custom_order_id == "reject":
        raise RefusalError(Code.DUPLICATE_CUSTOM_ORDER_ID)
    if known is not None and world.switches.duplicate_custom_order_id == "return_existing":
        return known
    if world.book.spent + draft.amount > world.switches.account_credit:
        raise RefusalError(Code.INSUFFICIENT_FUNDS)
    order = _order(world, request, draft, custom_id)
    sale = world.book.sell(order)
    world.journal.note(
        "order.sold",
        f"sold {order.product_code} for {order.names[0]}, {order.months} months, {sale.amount} {sale.currency}: "
        f"order {order.seller_order_id} ({custom_id or 'no id of the caller'})",
        order=order.seller_order_id,
        custom_order_id=custom_id,
    )
    return order


def _order(world: World, request: Members, draft: Draft, custom_id: str) -> Order:
    now = world.clock.now()
    seller_id = str(world.next_number())
    dice = world.dice(f"order {seller_id}")
    proofs: list[Proof] = [
        make_proof(name, method, draft.product.brand, draft.csr, draft.unique_value, dice, approver)
        for name, method, approver in draft.methods
    ]
    return Order(
        seller_order_id=seller_id,
        partner_order_id=str(world.next_number()),
        custom_order_id=custom_id,
        vendor_order_id=str(world.next_number()),
        token_id=f"T{seller_id}",
        token_code=f"{dice.getrandbits(64):016x}",
        product_code=draft.product.code,
        months=draft.months,
        server_count=request.number("ServerCount", 1),
        names=draft.names,
        free_names=draft.free_names,
        reserved_sans=draft.reserved_sans,
        csr_der_hex=draft.csr.der.hex(),
        csr_sha256=draft.csr.sha256,
        unique_value=draft.unique_value,
        amount=draft.amount,
        placed_at=now,
        expires_at=add_months(now, draft.months),
        updated_at=now,
        web_server_type=request.text("WebServerType"),
        signature_hash=request.text("SignatureHashAlgorithm"),
        approver_email=request.text("ApproverEmail"),
        admin_contact=request.plain("AdminContact"),
        technical_contact=request.plain("TechnicalContact"),
        organization=draft.organization,
        proofs=proofs,
        proof_visible_at=now + timedelta(seconds=world.switches.proof_delay_seconds),
    )


def _product(request: Members) -> tuple[Product, Price]:
    product = BY_CODE.get(request.text("ProductCode").lower())
    if product is None:
        raise RefusalError(Code.PRODUCT_UNKNOWN)
    price = product.price_for(request.number("ValidityPeriod"))
    if price is None:
        raise RefusalError(Code.MONTHS_NOT_SOLD)
    return product, price


def _csr(world: World, request: Members, product: Product) -> SigningRequest:
    hash_is_missing = not request.text("SignatureHashAlgorithm")
    if product.brand == "digicert" and hash_is_missing and world.switches.missing_hash_digicert == "csr_invalid":
        raise RefusalError(Code.CSR_INVALID)
    lenient = world.switches.bare_base64_csr == "accept"
    return read_csr(request.text("CSR"), product.brand, allow_bare_base64=lenient)


def _is_free_twin(product: Product, first: str, name: str) -> bool:
    return product.max_sans == 0 and name in {www_twin(first), first.removeprefix("*.")}


def _free_names(world: World, request: Members, product: Product, first: str) -> list[str]:
    """Names the CA adds at no cost: the bare name under a wildcard, the `www.` twin of a single name."""
    if product.is_wildcard:
        return [first.removeprefix("*.")]
    twin = www_twin(first)
    wanted = world.switches.auto_www == "always" or request.truth("AutoWWW")
    return [twin] if twin and wanted and product.max_sans == 0 else []


def _check_names(product: Product, first: str, paid: list[str]) -> None:
    if product.is_wildcard and not first.startswith("*."):
        raise RefusalError(Code.NAMES_NOT_SOLD, "The product needs a wildcard name")
    if not product.may_have_wildcards and any(name.startswith("*.") for name in [first, *paid]):
        raise RefusalError(Code.NAMES_NOT_SOLD, "The product does not cover wildcard names")
    if paid and product.max_sans == 0:
        raise RefusalError(Code.NAMES_NOT_SOLD, "The product covers one name only")


def _organization(request: Members, product: Product) -> dict[str, str]:
    organization = request.plain("OrganizationInfo")
    organization.setdefault("City", organization.get("LocalityName", ""))
    if product.level == "DV":
        return organization
    place = organization.get("City") or organization.get("Region")
    if not place or not all(organization.get(member) for member in _ORGANIZATION_MEMBERS):
        raise RefusalError(Code.ORGANIZATION_REQUIRED)
    if len(organization["Country"]) != 2:
        raise RefusalError(
            Code.VENDOR, "Vendor returns error:The value of the 'appRepCountryName' argument is invalid!"
        )
    if any(len(organization.get(member, "")) > longest for member, longest in _LONGEST_SUBJECT.items()):
        raise RefusalError(Code.PARAMETER, "A part of the organization information is too long")
    return organization


def _methods(
    world: World, request: Members, product: Product, ordered: list[str], free: list[str]
) -> list[tuple[str, Method, str]]:
    """Method per name: an item of `ApproverEmail` for its name first, then the indicators, then e-mail."""
    items = request.texts("ApproverEmail")
    default = _indicated(world, request, product)
    result: list[tuple[str, Method, str]] = []
    hosts = {name.removeprefix("*.") for name in ordered}
    for position, name in enumerate([*ordered, *(name for name in free if name not in hosts)]):
        item = items[min(position, len(items) - 1)] if items else ""
        method = _KEYWORDS.get(item.upper()) or default
        if method == "TXT":
            method = _dns_method(world, product)
        if method == "FILE" and name.startswith("*."):
            raise RefusalError(Code.PROOF_METHOD_NOT_ALLOWED, "File authentication is not allowed for wildcard names")
        if method == "EMAIL" and item.lower() not in approvers(name):
            raise RefusalError(Code.APPROVER_NOT_ALLOWED)
        result.append((name, method, item.lower() if method == "EMAIL" else ""))
    return result


def _indicated(world: World, request: Members, product: Product) -> Method:
    if request.truth("CNAMEAuthDVIndicator"):
        return _dns_method(world, product)
    if request.truth("FileAuthDVIndicator") or request.truth("HTTPSFileAuthDVIndicator"):
        return "FILE"
    return "EMAIL"


def _dns_method(world: World, product: Product) -> Method:
    return "CNAME" if product.brand == "sectigo" or world.switches.digicert_dns == "cname" else "TXT"
