"""Endpoints that change how a pending order is proven: approvers, methods, mails, checks on demand."""

from deploy.sandbox.book import Method, Order, Proof
from deploy.sandbox.calls import Call, Shape, found
from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.csr import stored_csr
from deploy.sandbox.names import checked_name
from deploy.sandbox.ordering import KEYWORDS, check_method, dns_method
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.selling import make_proofs
from deploy.sandbox.settings import Switches
from deploy.sandbox.wire import Json, Members, dotnet_text

#: Words of `order/changeapprovermethod`, in upper case. CNAME is the DNS proof of the brand, as is the keyword DNS.
_WORDS: dict[str, Method] = {"EMAIL": "EMAIL", "FILE": "FILE", "HTTPS": "FILE", "CNAME": "TXT"}


def change_envelope(switches: Switches) -> Shape:
    """Envelope of acknowledgements whose shape nobody has recorded."""
    return "flat" if switches.approver_method_envelope == "flat" else "object"


def resend(call: Call, order: Order) -> None:
    """`order/resend`: the approver mail once more, for the names given or for all."""
    if call.request.text("ResendEmailType") != "ApproverEmail":
        return _ignore(call, "ResendEmailType")
    proofs = [proof for proof in _open_proofs(call, order) if proof.method == "EMAIL"]
    if not proofs:
        raise RefusalError(Code.ORDER_STATE, "No approver mail of this order is open")
    for proof in proofs:
        proof.mail_asked_at = call.world.clock.now()
    return _save(call, order, f"approver mail of order {order.seller_order_id} asked for again")


def change_approver(call: Call, order: Order) -> None:
    """`order/changeapproveremail`: another address for one name; a fresh mail goes out."""
    approver = call.request.text("ResendEmail").lower()
    proofs = [proof for proof in _open_proofs(call, order) if proof.method == "EMAIL"]
    if len(proofs) != 1:
        raise RefusalError(Code.PARAMETER, "DomainNames must be one domain that waits for an approver mail")
    check_method(proofs[0].name, "EMAIL", approver)
    proofs[0].approver, proofs[0].mail_asked_at = approver, call.world.clock.now()
    order.approver_email = ",".join(proof.approver for proof in order.proofs if proof.method == "EMAIL")
    _save(call, order, f"approver of {proofs[0].name} of order {order.seller_order_id} changed")


def change_method(call: Call, order: Order) -> None:
    """`order/changeapprovermethod`: another method for the names given or for all."""
    word = call.request.text("ApproverMethod")
    method = _WORDS.get(word)
    if method is None:
        return _ignore(call, "ApproverMethod")
    proofs = _open_proofs(call, order)
    approvers = call.request.texts("ApproverEmail")
    wanted = {
        proof.name: (method, approvers[min(at, len(approvers) - 1)] if approvers else "")
        for at, proof in enumerate(proofs)
    }
    return _replace(call, order, wanted)


def set_methods(call: Call, order: Order) -> None:
    """`digicert/setapprovermethod`: a method for each name of a list."""
    _require_digicert(order)
    wanted: dict[str, tuple[Method, str]] = {}
    for item in call.request.objects("DomainApproverList"):
        word = item.text("ApproverMethod")
        method = _WORDS.get(word) or KEYWORDS.get(word.upper())
        if method is None:
            _ignore(call, "ApproverMethod")
            continue
        proof = _proof_of(order, item)
        if proof.validated_at is None:
            wanted[proof.name] = method, item.text("ApproverEmail")
    if wanted:
        _check_open(order)
        _replace(call, order, wanted)


def check_now(call: Call, order: Order) -> None:
    """`digicert/checkdcv`: asks the CA to look at once."""
    _require_digicert(order)
    _check_open(order)
    proofs = [_proof_of(order, call.request)] if call.request.text("DomainName") else order.proofs
    for proof in proofs:
        proof.check_asked_at = call.world.clock.now()
    _save(call, order, f"check of order {order.seller_order_id} asked for")
    call.world.desk_called.set()


def show_domain(call: Call) -> dict[str, Json]:
    """`digicert/getdomaininfo`: how a name is proven, and whose it is."""
    order = found(call)
    if isinstance(order, str):
        return {"dcvDetails": None, "validations": None, "OrganizationDetails": None}
    _require_digicert(order)
    proof = _proof_of(order, call.request)
    is_visible = order.proof_visible_at <= call.world.clock.now()
    validation: dict[str, Json] = {
        "type": BY_CODE[order.product_code].level.lower(),
        "status": "active" if proof.validated_at else "pending",
        "dcv_status": "complete" if proof.validated_at else "pending",
        "validated": dotnet_text(proof.validated_at),
    }
    details: dict[str, Json] = {
        "DomainName": proof.name,
        "dcvMethod": proof.method.lower(),
        "dcvStatus": "Validated" if proof.validated_at else "Not Validated",
        "DNSName": (proof.record_name or None) if is_visible else None,
        "DNSEntry": (proof.record_value or None) if is_visible else None,
        "FileName": (proof.file_name or None) if is_visible else None,
        "FileContents": (proof.file_content or None) if is_visible else None,
        "ApproverEmail": proof.approver or None,
    }
    owner: dict[str, Json] = {"Name": order.organization.get("OrganizationName", "")}
    return {"dcvDetails": details, "validations": [validation], "OrganizationDetails": owner}


def _replace(call: Call, order: Order, wanted: dict[str, tuple[Method, str]]) -> None:
    """Give names another method; what they had is worthless from then on."""
    world, product = call.world, BY_CODE[order.product_code]
    methods: list[tuple[str, Method, str]] = []
    for name, (asked, approver) in wanted.items():
        method = dns_method(world, product) if asked == "TXT" else asked
        check_method(name, method, approver)
        methods.append((name, method, approver.lower() if method == "EMAIL" else ""))
    csr = stored_csr(bytes.fromhex(order.csr_der_hex))
    purpose = f"order {order.seller_order_id} method {world.next_number()}"
    fresh = {proof.name: proof for proof in make_proofs(world, order, csr, methods, purpose)}
    order.proofs = [fresh.get(proof.name, proof) for proof in order.proofs]
    order.approver_email = ",".join(proof.approver for proof in order.proofs if proof.method == "EMAIL")
    _save(call, order, f"order {order.seller_order_id} is proven by {', '.join(m for _, m, _ in methods)} now")


def _open_proofs(call: Call, order: Order) -> list[Proof]:
    """Proofs that are still open, of the names given or of all.

    Raises:
        RefusalError: The order waits for no proof, or a name is not of this order.
    """
    _check_open(order)
    names = call.request.texts("DomainNames")
    chosen = [_proof_of(order, Members({"DomainName": name})) for name in names] or order.proofs
    return [proof for proof in chosen if proof.validated_at is None]


def _check_open(order: Order) -> None:
    if order.major != "Pending":
        raise RefusalError(Code.ORDER_STATE)


def _proof_of(order: Order, request: Members) -> Proof:
    name = checked_name(request.text("DomainName"))
    proof = next((proof for proof in order.proofs if name in {proof.name, proof.host}), None)
    if proof is None:
        raise RefusalError(Code.PARAMETER, "The domain is not of this order")
    return proof


def _require_digicert(order: Order) -> None:
    if BY_CODE[order.product_code].brand != "digicert":
        raise RefusalError(Code.ORDER_STATE, "The order is not one of DigiCert")


def _ignore(call: Call, member: str) -> None:
    if call.world.switches.unknown_values == "refused":
        raise RefusalError(Code.PARAMETER, f"The parameter {member} is invalid")


def _save(call: Call, order: Order, text: str) -> None:
    call.world.book.save(order, call.world.clock.now())
    call.world.journal.note("order.changed", text, order=order.seller_order_id)
