"""Where money changes hands: `order/neworder`, `order/inviteorder`, and completing what an invite sold."""

from datetime import timedelta
from decimal import Decimal

from deploy.sandbox.book import Method, Order, Proof
from deploy.sandbox.calls import Call, shown
from deploy.sandbox.catalogue import BY_CODE, Product
from deploy.sandbox.csr import SigningRequest
from deploy.sandbox.dcv import make_proof
from deploy.sandbox.ordering import Draft, draft_order, known_product
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.rules import add_months
from deploy.sandbox.wire import Json, Members
from deploy.sandbox.world import World

_LONGEST_ID = 100
_INVITE_COUNTS = ("ExtraSAN", "ExtraWildcardSAN")


def dry_run(call: Call) -> dict[str, Json]:
    """`order/validateorderparameters`: everything that `neworder` checks; nothing is sold or reserved."""
    draft_order(call.world, _as_sold(call.token_order, call.request))
    return {}


def new_order(call: Call) -> dict[str, Json]:
    """`order/neworder`: sell, or with an order token complete the order that was sold by an invite."""
    if call.token_order is not None:
        _complete(call.world, call.request, call.token_order)
        return shown(call, call.token_order)
    return shown(call, place_order(call.world, call.request))


def invite(call: Call) -> dict[str, Json]:
    """`order/inviteorder`: sell an order without CSR and names, to be completed with its token."""
    world, request = call.world, call.request
    if call.token_order is not None:
        raise RefusalError(Code.AUTHENTICATION)
    if world.switches.invite_nulls == "refuse" and any(value is None for value in request.raw.values()):
        raise RefusalError(Code.PARAMETER, "Null is not allowed here")
    product, price = known_product(request)
    sans, wild = (max(request.number(key), 0) for key in _INVITE_COUNTS)
    if product.max_sans == 0:  # clients ask for names that a single-name product cannot have
        sans = wild = 0
    if sans + wild > product.max_sans:
        raise RefusalError(Code.NAMES_NOT_SOLD, "More names than the product covers")
    known = _repeated(world, request)
    if known is not None:
        return shown(call, known)
    cost = price.price + max(sans - product.included_sans, 0) * price.per_san + wild * price.per_wildcard_san
    order = _blank(world, request, product, price.months, cost)
    order.major = order.minor = "Initial"
    order.is_invite, order.requestor_email = True, request.text("RequestorEmail")
    order.sans_bought, order.wildcards_bought = max(sans, product.included_sans), wild
    order.reserved_sans = sans
    _sell(world, order)
    return shown(call, order)


def place_order(world: World, request: Members) -> Order:
    """Sell: check, then commit the order with its ledger line.

    Raises:
        RefusalError: Nothing was sold.
    """
    draft = draft_order(world, request)
    known = _repeated(world, request)
    if known is not None:
        return known
    order = _blank(world, request, draft.product, draft.months, draft.amount)
    _configure(world, request, draft, order)
    _sell(world, order)
    return order


def make_proofs(
    world: World, order: Order, csr: SigningRequest, methods: list[tuple[str, Method, str]], purpose: str
) -> list[Proof]:
    """Proofs of an order by its names' methods; equal purposes of one order give equal random values."""
    dice = world.dice(purpose)
    brand = BY_CODE[order.product_code].brand
    return [
        make_proof(name, method, brand, csr, order.unique_value, dice, approver) for name, method, approver in methods
    ]


def check_bought(order: Order, plain: int, wildcards: int) -> None:
    """Check that so many additional names are paid for.

    Raises:
        RefusalError: They are not.
    """
    if plain > order.sans_bought or wildcards > order.wildcards_bought:
        raise RefusalError(Code.NAMES_NOT_SOLD, "More names than were bought")


def _complete(world: World, request: Members, order: Order) -> None:
    if order.major != "Initial":
        raise RefusalError(Code.ORDER_STATE, "The order of this token is configured already")
    code = request.text("ProductCode").lower()
    if code not in {"", order.product_code}:
        raise RefusalError(Code.PARAMETER, "The order of this token is for another product")
    draft = draft_order(world, _as_sold(order, request))
    check_bought(order, draft.plain_names, draft.wildcard_names)
    bought = order.sans_bought, order.wildcards_bought, order.reserved_sans
    _configure(world, request, draft, order)
    order.sans_bought, order.wildcards_bought, order.reserved_sans = bought
    order.custom_order_id = order.custom_order_id or _custom_id(request)
    order.is_claimed, order.major, order.minor = True, "Pending", "Pending"
    now = world.clock.now()
    order.expires_at = add_months(now, order.months)
    world.book.save(order, now)
    world.journal.note(
        "order.completed",
        f"order {order.seller_order_id} completed with its token for {order.names[0]}",
        order=order.seller_order_id,
    )


def _as_sold(order: Order | None, request: Members) -> Members:
    """A request with product and term of the order that it completes."""
    if order is None:
        return request
    return Members({**request.raw, "ProductCode": order.product_code, "ValidityPeriod": order.months})


def _custom_id(request: Members) -> str:
    custom_id = request.text("CustomOrderID")
    if len(custom_id) > _LONGEST_ID:
        raise RefusalError(Code.PARAMETER, "CustomOrderID is too long")
    return custom_id


def _repeated(world: World, request: Members) -> Order | None:
    """The order to answer with when an id is used again and the switch says so."""
    known = world.book.by_custom_id(_custom_id(request))
    if known is not None and world.switches.duplicate_custom_order_id == "reject":
        raise RefusalError(Code.DUPLICATE_CUSTOM_ORDER_ID)
    return known if world.switches.duplicate_custom_order_id == "return_existing" else None


def _blank(world: World, request: Members, product: Product, months: int, amount: Decimal) -> Order:
    """An order with its ids and price; not sold yet, and about no names."""
    if world.book.spent + amount > world.switches.account_credit:
        raise RefusalError(Code.INSUFFICIENT_FUNDS)
    servers = request.number("ServerCount", 1)
    now, seller_id = world.clock.now(), str(world.next_number())
    return Order(
        seller_order_id=seller_id,
        partner_order_id=str(world.next_number()),
        custom_order_id=_custom_id(request),
        token_id=f"T{seller_id}",
        token_code=f"{world.dice(f'token {seller_id}').getrandbits(64):016x}",
        product_code=product.code,
        months=months,
        server_count=servers,
        names=[],
        csr_der_hex="",
        csr_sha256="",
        amount=amount,
        placed_at=now,
        expires_at=add_months(now, months),
        updated_at=now,
        proof_visible_at=now,
        signature_hash=request.text("SignatureHashAlgorithm"),
    )


def _configure(world: World, request: Members, draft: Draft, order: Order) -> None:
    """Put what a draft says into an order."""
    order.vendor_order_id = str(world.next_number())
    order.names, order.free_names = draft.names, draft.free_names
    order.reserved_sans = draft.reserved_sans
    order.sans_bought, order.wildcards_bought = draft.sans_bought, draft.wildcards_bought
    order.csr_der_hex, order.csr_sha256 = draft.csr.der.hex(), draft.csr.sha256
    order.unique_value = draft.unique_value
    order.web_server_type = request.text("WebServerType")
    order.signature_hash = request.text("SignatureHashAlgorithm")
    order.approver_email = request.text("ApproverEmail")
    order.admin_contact = request.plain("AdminContact")
    order.technical_contact = request.plain("TechnicalContact")
    order.organization = draft.organization
    order.tss_organization_id = request.number("TSSOrganizationId")
    order.related_order_id = request.text("RelatedTheSSLStoreOrderID")
    order.proofs = make_proofs(world, order, draft.csr, draft.methods, f"order {order.seller_order_id}")
    order.proof_visible_at = world.clock.now() + timedelta(seconds=world.switches.proof_delay_seconds)


def _sell(world: World, order: Order) -> None:
    sale = world.book.sell(order)
    what = f"for {order.names[0]}" if order.names else "by invite"
    world.journal.note(
        "order.sold",
        f"sold {order.product_code} {what}, {order.months} months, {sale.amount} {sale.currency}: "
        f"order {order.seller_order_id} ({order.custom_order_id or 'no id of the caller'})",
        order=order.seller_order_id,
        custom_order_id=order.custom_order_id,
    )
