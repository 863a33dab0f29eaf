"""From the body of a `neworder` to a checked draft; nothing is sold here."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote

from deploy.sandbox.book import Method
from deploy.sandbox.catalogue import BY_CODE, Price, Product
from deploy.sandbox.csr import SigningRequest, read_csr
from deploy.sandbox.names import approvers, checked_name, www_twin
from deploy.sandbox.organizations import vetted
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Members
from deploy.sandbox.world import World

_LONGEST_UNIQUE = 20
_ORGANIZATION_MEMBERS = ("OrganizationName", "Country")
#: Upper bounds of what goes into a subject (X.520).
_LONGEST_SUBJECT = {
    "OrganizationName": 64,
    "RegistrationNumber": 64,
    "City": 128,
    "Region": 128,
    "JurisdictionCountry": 2,
}
#: What an item of ApproverEmail says instead of an address; the vendor's own words differ by brand, all are taken.
KEYWORDS: dict[str, Method] = {
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
    plain_names: int
    wildcard_names: int
    """Additional names that cost money, by kind."""
    sans_bought: int
    wildcards_bought: int
    """The same with what is reserved or included in the price."""
    amount: Decimal
    organization: dict[str, str]


def draft_order(world: World, request: Members) -> Draft:
    """Check everything that a `neworder` body says.

    Raises:
        RefusalError: Something is invalid, not sold or not allowed.
    """
    product, price = known_product(request)
    csr = request_csr(world, request, product, is_renewal=request.truth("isRenewalOrder"))
    first = checked_name(request.text("DomainName") or csr.common_name)
    sans = [name for name in dict.fromkeys(map(checked_name, request.texts("DNSNames"))) if name != first]
    free = _free_names(world, request, product, first)
    paid = [name for name in sans if name not in free and not is_free_twin(product, first, name)]
    reserved, reserved_wild = (max(request.number(k), 0) for k in ("ReserveSANCount", "WildcardReserveSANCount"))
    _check_names(product, first, paid)
    wild_names = sum(name.startswith("*.") for name in paid)
    wild, plain = max(wild_names, reserved_wild), max(len(paid) - wild_names, reserved)
    if paid and plain + wild > product.max_sans:
        raise RefusalError(Code.NAMES_NOT_SOLD, "More names than the product covers")
    extra = max(plain - product.included_sans, 0) if product.max_sans else 0
    ordered = [first, *sans]
    return Draft(
        product=product,
        months=price.months,
        csr=csr,
        names=list(dict.fromkeys([*ordered, *free])),
        free_names=[name for name in free if name not in ordered],
        methods=proof_methods(world, request, product, ordered, free),
        unique_value=unique_value(request),
        reserved_sans=reserved,
        plain_names=len(paid) - wild_names,
        wildcard_names=wild_names,
        sans_bought=max(plain, product.included_sans),
        wildcards_bought=wild,
        amount=price.price + extra * price.per_san + (wild * price.per_wildcard_san if product.is_flex else 0),
        organization=_organization(request, product),
    )


def known_product(request: Members) -> tuple[Product, Price]:
    """Product and price row of a request.

    Raises:
        RefusalError: The product or its term is not sold.
    """
    product = BY_CODE.get(request.text("ProductCode").lower())
    if product is None:
        raise RefusalError(Code.PRODUCT_UNKNOWN)
    price = product.price_for(request.number("ValidityPeriod"))
    if price is None:
        raise RefusalError(Code.MONTHS_NOT_SOLD)
    return product, price


def request_csr(
    world: World, request: Members, product: Product, *, is_renewal: bool = False, needs_hash: bool = True
) -> SigningRequest:
    """The CSR of a request, as strictly as the switches say.

    Raises:
        RefusalError: It cannot be read, or a DigiCert order lacks the name of the hash.
    """
    switches, text = world.switches, request.text("CSR")
    if product.brand == "digicert":
        hash_is_missing = needs_hash and not request.text("SignatureHashAlgorithm")
        if hash_is_missing and switches.missing_hash_digicert == "csr_invalid":
            raise RefusalError(Code.CSR_INVALID)
        if switches.raw_csr_digicert == "csr_invalid" and unquote(text) == text:
            raise RefusalError(Code.CSR_INVALID)
    lenient = {"accept", "accept_on_renewal"} if is_renewal else {"accept"}
    return read_csr(text, product.brand, allow_bare_base64=switches.bare_base64_csr in lenient)


def unique_value(request: Members) -> str:
    """The CSRUniqueValue of a request.

    Raises:
        RefusalError: It is no run of up to 20 letters and digits.
    """
    unique = request.text("CSRUniqueValue")
    if len(unique) > _LONGEST_UNIQUE or not (unique == "" or (unique.isascii() and unique.isalnum())):
        raise RefusalError(Code.PARAMETER, "CSRUniqueValue must be up to 20 letters and digits")
    return unique


def is_free_twin(product: Product, first: str, name: str) -> bool:
    """Whether a product of one name covers this name besides the first at no cost."""
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
    number = request.number("TSSOrganizationId")
    if number and product.brand == "digicert" and product.level != "DV":
        return vetted(number)
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


def proof_methods(
    world: World, request: Members, product: Product, ordered: list[str], free: list[str]
) -> list[tuple[str, Method, str]]:
    """Method per name: an item of `ApproverEmail` for its name first, then the indicators, then e-mail.

    Raises:
        RefusalError: A method or an approver is not allowed for its name.
    """
    items = request.texts("ApproverEmail")
    default = _indicated(world, request, product)
    result: list[tuple[str, Method, str]] = []
    hosts = {name.removeprefix("*.") for name in ordered}
    for position, name in enumerate([*ordered, *(name for name in free if name not in hosts)]):
        item = items[min(position, len(items) - 1)] if items else ""
        method = KEYWORDS.get(item.upper()) or default
        if method == "TXT":
            method = dns_method(world, product)
        check_method(name, method, item)
        result.append((name, method, item.lower() if method == "EMAIL" else ""))
    return result


def check_method(name: str, method: Method, approver: str) -> None:
    """Check that a name may be proven like this.

    Raises:
        RefusalError: It may not.
    """
    if method == "FILE" and name.startswith("*."):
        raise RefusalError(Code.PROOF_METHOD_NOT_ALLOWED, "File authentication is not allowed for wildcard names")
    if method == "EMAIL" and approver.lower() not in approvers(name):
        raise RefusalError(Code.APPROVER_NOT_ALLOWED)


def _indicated(world: World, request: Members, product: Product) -> Method:
    if request.truth("CNAMEAuthDVIndicator"):
        return dns_method(world, product)
    if request.truth("FileAuthDVIndicator") or request.truth("HTTPSFileAuthDVIndicator"):
        return "FILE"
    return "EMAIL"


def dns_method(world: World, product: Product) -> Method:
    """The record type behind DNS proofs of a brand."""
    return "CNAME" if product.brand == "sectigo" or world.switches.digicert_dns == "cname" else "TXT"
