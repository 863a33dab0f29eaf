"""Endpoints about certificates that are out: `order/reissue` and `order/certificaterevokerequest`."""

from datetime import timedelta
from decimal import Decimal

from deploy.sandbox.book import Leaf, Method, Order
from deploy.sandbox.calls import Call
from deploy.sandbox.catalogue import BY_CODE, Product
from deploy.sandbox.csr import SigningRequest
from deploy.sandbox.names import checked_name
from deploy.sandbox.ordering import is_free_twin, proof_methods, request_csr, unique_value
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.revocation import reason_of
from deploy.sandbox.selling import check_bought, make_proofs
from deploy.sandbox.wire import Members
from deploy.sandbox.world import World

_INDICATORS = ("CNAMEAuthDVIndicator", "FileAuthDVIndicator", "HTTPSFileAuthDVIndicator")


def reissue(call: Call, order: Order) -> None:
    """Another certificate on the same order: other key, other names.

    The order keeps its ids but the partner's, and the leaf that is out is served until the next one is signed.
    A CustomOrderID is ignored.
    """
    world, request = call.world, call.request
    if order.shown_major(world.clock.now()) != "Active" or order.is_being_reissued:
        raise RefusalError(Code.ORDER_STATE, "Only an issued order can be reissued, once at a time")
    if request.truth("PreferEnrollmentLink"):
        order.is_invite = True
        world.book.save(order, world.clock.now())
        return
    _check_email(call, order)
    product = BY_CODE[order.product_code]
    csr = request_csr(world, request, product, is_renewal=True, needs_hash=False)
    names = _edited(request, [name for name in order.names if name not in order.free_names])
    _check_names(product, names)
    unique = unique_value(request)
    methods = _methods(call, order, product, names)
    _pay(call, order, product, names)
    order.earlier_leaves, order.leaf = order.leaves, None
    order.partner_order_id = str(world.next_number())
    order.names = [*names, *(name for name in order.free_names if name not in names)]
    order.csr_der_hex, order.csr_sha256, order.unique_value = csr.der.hex(), csr.sha256, unique
    order.signature_hash = request.text("SignatureHashAlgorithm") or order.signature_hash
    order.web_server_type = request.text("WebServerType") or order.web_server_type
    _begin(world, order, csr, methods)


def _begin(world: World, order: Order, csr: SigningRequest, methods: list[tuple[str, Method, str]]) -> None:
    """Let the CA work on the next leaf of an order: proofs first, fresh ones unless the switch says otherwise."""
    proven = {proof.name: proof.validated_at for proof in order.proofs}
    order.approver_email = ",".join(approver for _, _, approver in methods if approver)
    order.proofs = make_proofs(world, order, csr, methods, f"order {order.seller_order_id} {order.partner_order_id}")
    if world.switches.reissue_proof == "reused":
        for proof in order.proofs:
            proof.validated_at = proven.get(proof.name)
    now = world.clock.now()
    order.proof_visible_at = now + timedelta(seconds=world.switches.proof_delay_seconds)
    order.proven_at, order.major, order.minor = None, "Pending", "PENDING_REISSUE"
    world.book.save(order, now)
    world.journal.note(
        "order.reissued",
        f"order {order.seller_order_id} is reissued for {', '.join(order.names)}: {order.partner_order_id}",
        order=order.seller_order_id,
    )


def revoke(call: Call, order: Order) -> None:
    """Revoke one certificate of an order: the one of a serial number, or the current one.

    Raises:
        RefusalError: There is no such certificate.
    """
    world, request = call.world, call.request
    leaf = _leaf_of(order, request.text("SerialNumber"))
    reason = reason_of(request.text("RevokeReason") or request.text("RefundReason"))
    world.revoke(leaf.serial, reason)
    if leaf is order.served_leaf and order.major == "Active" and world.switches.revoked_order != "Active":
        order.major = order.minor = world.switches.revoked_order
        world.book.save(order, world.clock.now())


def _leaf_of(order: Order, serial: str) -> Leaf:
    if not serial:
        leaf = order.served_leaf
    else:
        try:
            number = int(serial.replace(":", "").replace(" ", "")[:64], 16)
        except ValueError:
            raise RefusalError(Code.PARAMETER, "The parameter SerialNumber is invalid") from None
        leaf = next((leaf for leaf in order.leaves if int(leaf.serial, 16) == number), None)
    if leaf is None:
        raise RefusalError(Code.ORDER_STATE, "The order has no such certificate")
    return leaf


def _check_email(call: Call, order: Order) -> None:
    known = order.admin_contact.get("Email", "").lower()
    if call.world.switches.reissue_email == "checked" and known and call.request.text("ReissueEmail").lower() != known:
        raise RefusalError(Code.PARAMETER, "ReissueEmail must be the e-mail of the AdminContact")


def _edited(request: Members, names: list[str]) -> list[str]:
    """Names of an order after the three lists of a reissue; the common name stays."""
    edits = [("Delete", item) for item in request.objects("DeleteSAN")]
    edits += [("Edit", item) for item in request.objects("EditSAN")]
    edits += [("Add", item) for item in request.objects("AddSAN")]
    for kind, item in edits:
        old = checked_name(item.text("OldValue")) if kind != "Add" else ""
        new = checked_name(item.text("NewValue")) if kind != "Delete" else ""
        if old and old not in names[1:]:
            raise RefusalError(Code.PARAMETER, "A name that shall go is not an additional name of this order")
        names = [*names, new] if kind == "Add" else [new if name == old else name for name in names]
        names = list(dict.fromkeys(name for name in names if name))
    return names


def _check_names(product: Product, names: list[str]) -> None:
    if product.max_sans == 0 and not all(is_free_twin(product, names[0], name) for name in names[1:]):
        raise RefusalError(Code.NAMES_NOT_SOLD, "The product covers one name only")
    if not product.may_have_wildcards and any(name.startswith("*.") for name in names):
        raise RefusalError(Code.NAMES_NOT_SOLD, "The product does not cover wildcard names")


def _methods(call: Call, order: Order, product: Product, names: list[str]) -> list[tuple[str, Method, str]]:
    """Methods that the request names; without any those the order had, for new names that of the first."""
    request = Members({**call.request.raw, "ApproverEmail": call.request.raw.get("ApproverEmails")})
    needs_proof = [name for name in names if name not in order.free_names]
    if request.texts("ApproverEmail") or any(request.truth(indicator) for indicator in _INDICATORS):
        return proof_methods(call.world, request, product, needs_proof, [])
    before = {proof.name: (proof.method, proof.approver) for proof in order.proofs}
    method, approver = order.proofs[0].method, order.proofs[0].approver
    return [(name, *before.get(name, (method, approver))) for name in needs_proof]


def _pay(call: Call, order: Order, product: Product, names: list[str]) -> None:
    """Check that additional names are bought, or sell them now."""
    wild = sum(name.startswith("*.") for name in names[1:])
    plain = len(names) - 1 - wild
    if product.max_sans == 0:
        return
    if len(names) - 1 > product.max_sans:
        raise RefusalError(Code.NAMES_NOT_SOLD, "More names than the product covers")
    if call.world.switches.reissue_extra_sans == "refused":
        check_bought(order, plain, wild)
        return
    price = product.price_for(order.months)
    more, more_wild = max(plain - order.sans_bought, 0), max(wild - order.wildcards_bought, 0)
    cost = more * price.per_san + more_wild * price.per_wildcard_san if price else Decimal(0)
    if call.world.book.spent + cost > call.world.switches.account_credit:
        raise RefusalError(Code.INSUFFICIENT_FUNDS)
    order.sans_bought, order.wildcards_bought = order.sans_bought + more, order.wildcards_bought + more_wild
    if cost:
        call.world.book.bill(order, cost, call.world.clock.now())
