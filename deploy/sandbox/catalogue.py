"""What the seller sells: a table, seeded from product codes that public clients name. Prices are invented."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from deploy.sandbox.wire import Json

Level = Literal["DV", "OV", "EV"]
Brand = Literal["sectigo", "digicert"]


@dataclass(frozen=True)
class Price:
    """One term on sale."""

    months: int
    price: Decimal
    srp: Decimal
    per_san: Decimal = Decimal("0.00")
    per_wildcard_san: Decimal = Decimal("0.00")


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product of the catalogue."""

    code: str
    name: str
    vendor: str
    level: Level
    is_wildcard: bool = False
    is_flex: bool = False
    included_sans: int = 0
    max_sans: int = 0
    prices: tuple[Price, ...] = ()

    @property
    def brand(self) -> Brand:
        """CA family, which decides proofs, dates and the intermediate."""
        return "digicert" if self.vendor == "DIGICERT" else "sectigo"

    @property
    def may_have_wildcards(self) -> bool:
        """Whether any name of an order may begin with `*.`."""
        return (self.is_wildcard or self.is_flex) and self.level != "EV"

    def price_for(self, months: int) -> Price | None:
        """The price row of a term, if it is sold."""
        return next((row for row in self.prices if row.months == months), None)


def _terms(
    yearly: str, srp: str, months: tuple[int, ...] = (12, 24), san: str = "0", wildcard: str = "0"
) -> tuple[Price, ...]:
    """Price rows from a yearly price: longer terms are a little cheaper, shorter ones a little dearer."""
    cent = Decimal("0.01")
    rows = []
    for term in months:
        share = Decimal(term) / 12
        factor = share * (Decimal("0.94") if term > 12 else Decimal("1.10") if term < 12 else Decimal(1))
        rows.append(
            Price(
                months=term,
                price=(Decimal(yearly) * factor).quantize(cent),
                srp=(Decimal(srp) * share).quantize(cent),
                per_san=(Decimal(san) * share).quantize(cent),
                per_wildcard_san=(Decimal(wildcard) * share).quantize(cent),
            )
        )
    return tuple(rows)


_LONG = (12, 24, 36)
_SHORT = (6, 12, 24)

PRODUCTS: tuple[Product, ...] = (
    Product(code="positivessl", name="PositiveSSL", vendor="COMODO", level="DV", prices=_terms("7.95", "49", (6, 12, 24, 36))),
    Product(code="positivesslwildcard", name="PositiveSSL Wildcard", vendor="COMODO", level="DV", is_wildcard=True,
            prices=_terms("68", "249")),
    Product(code="positivemdcssl", name="PositiveSSL Multi-Domain", vendor="COMODO", level="DV", included_sans=2, max_sans=250,
            prices=_terms("24.20", "99", _LONG, san="9.40")),
    Product(code="positivemdcwildcard", name="PositiveSSL Multi-Domain Wildcard", vendor="COMODO", level="DV", is_flex=True,
            included_sans=2, max_sans=250, prices=_terms("118", "399", san="9.40", wildcard="68")),
    Product(code="sectigossl", name="Sectigo SSL", vendor="SECTIGO", level="DV", prices=_terms("16", "99", _SHORT)),
    Product(code="sectigowildcard", name="Sectigo SSL Wildcard", vendor="SECTIGO", level="DV", is_wildcard=True,
            prices=_terms("110", "449")),
    Product(code="sectigodvucc", name="Sectigo DV UCC", vendor="SECTIGO", level="DV", included_sans=2, max_sans=250,
            prices=_terms("42", "199", san="14")),
    Product(code="essentialssl", name="Essential SSL", vendor="COMODO", level="DV", prices=_terms("12", "69")),
    Product(code="essentialwildcard", name="Essential SSL Wildcard", vendor="COMODO", level="DV", is_wildcard=True,
            prices=_terms("84", "299")),
    Product(code="comodossl", name="Comodo SSL", vendor="COMODO", level="DV", prices=_terms("15", "99")),
    Product(code="comodowildcard", name="Comodo SSL Wildcard", vendor="COMODO", level="DV", is_wildcard=True,
            prices=_terms("99", "449")),
    Product(code="sectigoovssl", name="Sectigo OV SSL", vendor="SECTIGO", level="OV", prices=_terms("43", "179")),
    Product(code="sectigomdc", name="Sectigo OV Multi-Domain", vendor="SECTIGO", level="OV", included_sans=2, max_sans=250,
            prices=_terms("95", "399", san="29")),
    Product(code="sectigoevssl", name="Sectigo EV SSL", vendor="SECTIGO", level="EV", prices=_terms("86", "299")),
    Product(code="digi_rapidssl", name="RapidSSL", vendor="DIGICERT", level="DV", prices=_terms("14.95", "59", _SHORT)),
    Product(code="digi_rapidssl_wc", name="RapidSSL Wildcard", vendor="DIGICERT", level="DV", is_wildcard=True,
            prices=_terms("99", "299")),
    Product(code="digi_ssl_dv_geotrust_flex", name="GeoTrust DV SSL", vendor="DIGICERT", level="DV", is_flex=True, max_sans=250,
            prices=_terms("39", "149", san="24", wildcard="120")),
    Product(code="digi_ssl_basic", name="DigiCert Basic OV", vendor="DIGICERT", level="OV", is_flex=True, max_sans=250,
            prices=_terms("175", "268", _LONG, san="120", wildcard="560")),
    Product(code="digi_ssl_ev_basic", name="DigiCert Basic EV", vendor="DIGICERT", level="EV", included_sans=0, max_sans=250,
            prices=_terms("225", "430", san="160")),
)  # fmt: skip

BY_CODE: dict[str, Product] = {product.code: product for product in PRODUCTS}

_KINDS: dict[Level, int] = {"DV": 1, "EV": 2, "OV": 3}
_WILDCARD_KIND, _SAN_KIND = 4, 7


def matches_kind(product: Product, kind: int) -> bool:
    """Whether `ProductType` of a `product/query` request selects a product; 0 selects all."""
    if kind == 0:
        return True
    if kind == _WILDCARD_KIND:
        return product.is_wildcard
    if kind == _SAN_KIND:
        return product.max_sans > 0
    return _KINDS[product.level] == kind


def wire_product(product: Product) -> dict[str, Json]:
    """One element of a `product/query` answer, without its AuthResponse; spelling as recorded, typos included."""
    return {
        "ProductCode": product.code,
        "ProductName": product.name,
        "ProductSlug": product.code.replace("_", "-"),
        "ProductDescription": f"{product.name} ({product.level})",
        "VendorName": product.vendor,
        "ProductType": _KINDS[product.level],
        "isDVProduct": product.level == "DV",
        "isOVProduct": product.level == "OV",
        "isEVProduct": product.level == "EV",
        "isGreenBar": product.level == "EV",
        "isWildcard": product.is_wildcard,
        "isWlidcard": product.is_wildcard,
        "IsSanEnable": product.max_sans > 0,
        "MinSan": product.included_sans,
        "MaxSan": product.max_sans,
        "isFlexProduct": product.is_flex,
        "isCodeSigning": False,
        "isScanProduct": False,
        "isNoOfServerFree": True,
        "CanbeReissued": True,
        "ReissueDays": 365,
        "IsCompetitiveUpgradeSupported": False,
        "IsSupportAutoInstall": False,
        "CurrencyCode": "USD",
        "IssuanceTime": "Minutes" if product.level == "DV" else "1-3 days",
        "Warranty": "$50,000",
        "SiteSeal": "Static",
        "PricingInfo": [
            {
                "NumberOfMonths": row.months,
                "NumberOfServer": 1,
                "Price": float(row.price),
                "SRP": float(row.srp),
                "PricePerAdditionalSAN": float(row.per_san),
                "PricePerAdditionalServer": 0.0,
                "PricePerWildcardSAN": float(row.per_wildcard_san),
            }
            for row in product.prices
        ],
    }
