"""Checks of a request against catalogue, calendar and names: facts in, violations out, all of them at once."""

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches

from domain import ids, names
from domain.errors import Violation
from domain.inventory import AccountRecord, DnsAccountRecord, OrderRecord
from domain.product import Product
from domain.request import KeyChoice, OrderRequest

KEY_SIZES = {"ecdsa": (256, 384), "rsa": (2048, 3072, 4096)}
RENEWAL_LEAD = timedelta(days=30)
"""An equal request for an issued order with more of its term left than this would buy the same thing twice."""

_UNDIGESTED = {"request_id", "requested_by", "reason", "dry_run", "resume_order"}


def request_digest(request: OrderRequest) -> str:
    """Return the digest of what is bought: who asks, why, the request id, and which lost run it takes up are left out."""
    return ids.digest(request.model_dump(mode="json", exclude=_UNDIGESTED))


def check_key(key: KeyChoice) -> tuple[Violation, ...]:
    """Check algorithm and size (Baseline Requirements 6.1.5)."""
    sizes = KEY_SIZES[key.algorithm]
    if key.size is None or key.size in sizes:
        return ()
    listed = ", ".join(str(size) for size in sizes)
    code = "key-too-small" if key.size < sizes[0] else "key-size-not-supported"
    return (
        Violation(code, "key.size", f"{key.algorithm.upper()} keys may have {listed} bits", f"key.size: {sizes[0]}"),
    )


def check_name(request: OrderRequest, account: AccountRecord | None) -> tuple[str, tuple[Violation, ...]]:
    """Return the normalised common name (``""`` when it has none) and what speaks against it."""
    normal = names.normalise(request.common_name)
    if isinstance(normal, Violation):
        return "", (normal,)
    if account is None:
        return normal, ()
    problem = names.environment_problem(normal, account.environment)
    return normal, () if problem is None else (problem,)


def check_accounts(
    request: OrderRequest, account: AccountRecord | None, dns_account: DnsAccountRecord | None
) -> tuple[Violation, ...]:
    """Check that the named accounts exist and belong to one environment."""
    found: list[Violation] = []
    if account is None:
        found.append(
            Violation("account-not-found", "account", "there is no such seller account", "evercert account list")
        )
    if request.dcv.dns_account is None:
        found.append(
            Violation(
                "dns-account-required",
                "dcv.dns_account",
                "proof by DNS needs the DNS account that can write the zone",
                "evercert dns-account list",
            )
        )
    elif dns_account is None:
        found.append(
            Violation(
                "dns-account-not-found", "dcv.dns_account", "there is no such DNS account", "evercert dns-account list"
            )
        )
    elif account is not None and dns_account.environment is not account.environment:
        found.append(
            Violation(
                "account-mismatch",
                "dcv.dns_account",
                f"is a {dns_account.environment} account, but the seller account is a {account.environment} one",
            )
        )
    return tuple(found)


def check_offer(request: OrderRequest, catalogue: Sequence[Product]) -> tuple[Product | None, tuple[Violation, ...]]:
    """Find the product; check term, price, validation level and wildcard against it."""
    product = next((product for product in catalogue if product.code == request.product), None)
    if product is None:
        near = get_close_matches(request.product, [product.code for product in catalogue], n=3, cutoff=0.5)
        step = f"similar ones: {', '.join(near)}" if near else "evercert product list"
        return None, (Violation("product-not-found", "product", "the seller does not sell this product", step),)
    found: list[Violation] = []
    if product.level != "dv":
        found.append(
            Violation(
                "level-not-supported",
                "product",
                f"{product.code} needs a vetted organisation ({product.level.upper()}); only DV products can be ordered",
            )
        )
    is_wildcard = request.common_name.strip().startswith("*.")
    if is_wildcard and not product.is_wildcard:
        found.append(
            Violation("wildcard-not-in-product", "common_name", f"{product.code} does not cover wildcard names")
        )
    if product.is_wildcard and not is_wildcard:
        found.append(Violation("wildcard-required", "common_name", f"{product.code} is for a wildcard name (*.…)"))
    term = product.term(request.months)
    if term is None:
        sold = ", ".join(str(term.months) for term in product.terms)
        found.append(Violation("validity-not-sold", "months", f"{product.code} is sold for {sold} months"))
    elif request.max_price is not None and term.price > request.max_price:
        found.append(
            Violation(
                "price-over-limit",
                "max_price",
                f"the seller asks {product.currency} {term.price:.2f} for the term",
                "raise max_price, or choose another product or term",
            )
        )
    return product, tuple(found)


def check_others(
    request: OrderRequest,
    *,
    order_id: str,
    open_orders: Sequence[str],
    issued: Sequence[OrderRecord],
    same_request: OrderRecord | None,
    is_covered: bool,
) -> tuple[Violation, ...]:
    """Check against other orders of ours: the same request id, an equal open order, an equal one with term left.

    Args:
        request: what is asked for.
        order_id: of this order; it never stands in its own way.
        open_orders: ids of open orders with the same fingerprint.
        issued: issued orders with the same fingerprint, newest first.
        same_request: the order that holds the same request id.
        is_covered: the newest of ``issued`` has more than the renewal lead of its term left.
    """
    found: list[Violation] = []
    if same_request is not None and same_request.order_id != order_id:
        same = same_request.request_digest == request_digest(request)
        code = "request-id-taken" if same else "request-id-reused"
        found.append(
            Violation(
                code,
                "request_id",
                f"belongs to order {same_request.order_id}",
                f"evercert order show {same_request.order_id}",
            )
        )
    if request.allow_duplicate:
        return tuple(found)
    others = [other for other in open_orders if other != order_id]
    if others:
        found.append(
            Violation(
                "duplicate-order",
                "",
                f"an equal order is open: {others[0]}",
                f"evercert order show {others[0]}; set allow_duplicate to buy another one",
            )
        )
    if is_covered and issued and issued[0].order_id != order_id:
        found.append(
            Violation(
                "already-issued",
                "",
                f"order {issued[0].order_id} covers this name, and its term ends {issued[0].term_ends_at:%Y-%m-%d}",
                f"evercert cert show {issued[0].certificate_id}; set allow_duplicate to buy another one",
            )
        )
    return tuple(found)
