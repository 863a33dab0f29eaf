"""From rows to the records that the rest of Evercert sees."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Row

from activities.adapters.inventory.tables import ActRow, Base, OrderRow
from domain.inventory import ActRecord, CertificateRecord, OrderRecord, VersionRecord, VersionState
from domain.seller import Message, Money

RecordT = TypeVar("RecordT", bound=Message)

_ORDER_FIELDS = set(OrderRecord.model_fields) - {"price", "charged", "seller_order_id"}
_ACT_FIELDS = set(ActRecord.model_fields) - {"price", "charged"}


def record(kind: type[RecordT], row: Base | Row[Any]) -> RecordT:
    """Return the record whose fields are called like the row's columns."""
    return kind.model_validate({name: getattr(row, name) for name in kind.model_fields})


def order_record(row: OrderRow | Row[Any]) -> OrderRecord:
    """Return the record of an order."""
    return OrderRecord.model_validate(
        {name: getattr(row, name) for name in _ORDER_FIELDS}
        | {
            "price": _money(row.price_amount, row.price_currency),
            "charged": _money(row.charged_amount, row.charged_currency),
            "seller_order_id": row.seller_order_id or "",
        }
    )


def act_record(row: ActRow | Row[Any]) -> ActRecord:
    """Return the record of an act."""
    return ActRecord.model_validate(
        {name: getattr(row, name) for name in _ACT_FIELDS}
        | {
            "price": _money(row.price_amount, row.price_currency),
            "charged": _money(row.charged_amount, row.charged_currency),
        }
    )


def certificate_record(row: Row[Any], versions: Sequence[Row[Any]]) -> CertificateRecord:
    """Return the record of a certificate; ``versions`` are all its rows, of which only numbered ones count."""
    current = next((version for version in versions if version.state == VersionState.CURRENT), None)
    return CertificateRecord(
        certificate_id=row.certificate_id,
        common_name=row.common_name,
        names=tuple(row.names),
        product=row.product,
        account=row.account,
        order_id=row.order_id,
        current=None if current is None else record(VersionRecord, current),
        versions=sum(version.number > 0 for version in versions),
        created_at=row.created_at,
    )


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount=amount, currency=currency)
