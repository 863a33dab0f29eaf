"""Evercert's own table of products, for an account of which nothing was ever read.

It knows terms and limits of names well enough to help with a form. It has no prices, so nothing can be bought by it.
"""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from domain.product import Product

_TABLE = Path(__file__).with_name("catalogue.json")


@cache
def bundled_products() -> tuple[Product, ...]:
    """Return the table, by code; ``read_at`` is the day on which it was written down."""
    table = json.loads(_TABLE.read_text(encoding="utf-8"))
    dated = datetime.fromisoformat(table["dated"]).replace(tzinfo=UTC)
    rows = (Product.model_validate({**row, "read_at": dated, "is_bundled": True}) for row in table["products"])
    return tuple(sorted(rows, key=lambda product: product.code))
