"""What the seller sells: `products.csv`, product codes that public clients name.

Terms, limits of names and prices are invented.
"""

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
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


def _terms(yearly: str, srp: str, months: tuple[int, ...], san: str, wildcard: str) -> tuple[Price, ...]:
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


def _read_products() -> tuple[Product, ...]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_product(row) for row in csv.DictReader(file))


def _product(row: dict[str, str]) -> Product:
    return Product(
        code=row["code"],
        name=row["name"],
        vendor=row["vendor"],
        level=_LEVELS[row["level"]],
        is_wildcard=row["kind"] == "wildcard",
        is_flex=row["kind"] in {"flex", "multi+wildcard"},
        included_sans=int(row["included_sans"]),
        max_sans=int(row["max_sans"]),
        prices=_terms(
            row["yearly"],
            row["srp"],
            tuple(int(months) for months in row["months"].split()),
            row["per_san"],
            row["per_wildcard_san"],
        ),
    )


_TABLE = Path(__file__).with_name("products.csv")
_LEVELS: dict[str, Level] = {"DV": "DV", "OV": "OV", "EV": "EV"}
PRODUCTS: tuple[Product, ...] = _read_products()
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
