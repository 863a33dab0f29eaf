"""What the seller sells: product codes, terms, prices, limits. Dated data: never used inside a workflow."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class ProductTerm(BaseModel):
    """One paid term of a product.

    Attributes:
        months: length of the term.
        price: reseller price of the whole term.
        list_price: what the seller recommends to charge, or None.
    """

    model_config = ConfigDict(frozen=True)

    months: int
    price: Decimal
    list_price: Decimal | None = None


class Product(BaseModel):
    """One product of the catalogue, as the seller told it at ``read_at``.

    Attributes:
        code: the seller's product code.
        name: for people.
        vendor: ``SECTIGO``, ``COMODO``, ``DIGICERT``, … verbatim.
        level: ``dv``, ``ov``, ``ev``, or ``other`` (code signing, scans).
        is_wildcard: covers one wildcard name.
        max_sans: how many names besides the common name may be had; 0 for single-name products.
        currency: ISO 4217.
        terms: what may be ordered, shortest first.
        read_at: when the seller was asked, UTC; for a bundled row when it was written down.
        months: terms that a bundled row knows of; it has no ``terms``, since prices come from the seller alone.
        is_bundled: from Evercert's own table, for limits only: nothing is bought by it.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    name: str
    vendor: str
    level: str
    is_wildcard: bool = False
    max_sans: int = 0
    currency: str = "USD"
    terms: tuple[ProductTerm, ...] = ()
    read_at: datetime
    months: tuple[int, ...] = ()
    is_bundled: bool = False

    @property
    def known_months(self) -> tuple[int, ...]:
        """The lengths of terms, shortest first, whether or not a price is known for them."""
        return tuple(term.months for term in self.terms) or self.months

    def term(self, months: int) -> ProductTerm | None:
        """Return the term of that many months, or None if the product is not sold for it."""
        return next((term for term in self.terms if term.months == months), None)
