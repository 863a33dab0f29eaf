"""Changing an order that exists: reissue and revocation, sent once; approver and proof method, verified by looking again.

The service is known to answer *success* to what it did not understand, so an acknowledgement alone proves nothing.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from activities.adapters.http import HttpAnswer
from activities.adapters.seller import body as bodies
from activities.adapters.seller.answers import REISSUE, REVOCATION
from activities.adapters.seller.line import must_be_order_id
from activities.adapters.seller.looking import SellerLooks
from activities.adapters.seller.translate import is_serial, order_of
from activities.ports import MethodChoice, SendGate
from domain.errors import EvercertError, InvariantBroken, NotYet, Refused, Unavailable
from domain.inventory import Environment
from domain.seller import ProofMethod, Reissue, SellerOrder, SellerState

_LONGEST_URL = 2000
_METHOD_WORDS = {
    "EMAIL": ProofMethod.EMAIL,
    "FILE": ProofMethod.FILE,
    "HTTP": ProofMethod.FILE,
    "HTTPS": ProofMethod.FILE,
    "CNAME": ProofMethod.CNAME,
    "DNS": ProofMethod.CNAME,
    "TXT": ProofMethod.CNAME,
}


class SellerChanges(SellerLooks):
    """The changes of an order."""

    async def reissue(self, reissue: Reissue, gate: SendGate) -> SellerOrder:
        """Ask for a new certificate, once; only an order that shows the reissue counts as one."""
        must_be_order_id(reissue.seller_order_id)
        fields = bodies.reissue(
            reissue, contact_email=self._account.contact_email, csr_encoding=self._account.csr_encoding
        )
        told = await self._send_once(
            REISSUE, self._with_auth(fields), gate, lambda answer: self._reissued(answer, reissue)
        )
        if _shows_reissue(told, reissue):
            return told
        seen = await self._seen_afterwards(reissue.seller_order_id)
        if seen is not None and _shows_reissue(seen, reissue):
            return seen
        raise self._answers.in_doubt(REISSUE, "the seller took it, and the order does not show it")

    async def revoke(self, seller_order_id: str, *, serial: str, reason: str, gate: SendGate) -> SellerOrder:
        """Ask for revocation of one certificate, once.

        A bare acknowledgement names no order, and comes for unknown orders too: one that cannot be read back is doubt.
        """
        must_be_order_id(seller_order_id)
        if not is_serial(serial):
            # Without a serial the service revokes whatever is current.
            raise InvariantBroken("look-up-without-id", "a certificate was to be revoked without its serial number")
        payload = self._with_auth(bodies.revocation(seller_order_id, serial, reason))
        await self._send_once(REVOCATION, payload, gate, lambda answer: self._told(REVOCATION, answer))
        seen = await self._seen_afterwards(seller_order_id)
        if seen is None:
            raise self._answers.in_doubt(REVOCATION, "the seller took it, and the order cannot be read back")
        return seen

    async def resend_approver_mail(self, seller_order_id: str, *, name: str = "") -> None:
        """Have the approver mail sent again; nothing can be read back, a mail leaves no trace in the order."""
        fields = bodies.approver_mail(must_be_order_id(seller_order_id), name)
        await self._change("order/resend", self._with_auth(fields))

    async def change_approver(self, seller_order_id: str, *, name: str, email: str) -> SellerOrder:
        """Change the approver of one name and look whether the order shows it."""
        fields = bodies.approver_change(must_be_order_id(seller_order_id), name, email)
        await self._change("order/changeapproveremail", self._with_auth(fields))
        order = await self._read_back(seller_order_id)
        if not _has_approver(order, name, email):
            raise _not_taken("the seller said yes, and the order does not show the new approver")
        return order

    async def change_method(
        self, seller_order_id: str, *, name: str, method: ProofMethod, approver_email: str = ""
    ) -> SellerOrder:
        """Change the method of one name and look what the order shows for it."""
        fields = bodies.method_change(must_be_order_id(seller_order_id), name, method, approver_email)
        await self._change("order/changeapprovermethod", self._with_auth(fields))
        order = await self._read_back(seller_order_id)
        return _showing(order, (MethodChoice(name, method, approver_email),))

    async def set_methods(self, seller_order_id: str, choices: Sequence[MethodChoice]) -> SellerOrder:
        """Set DigiCert's method for each of several names and look what the order shows for every one."""
        fields = bodies.method_choices(must_be_order_id(seller_order_id), choices)
        await self._change("digicert/setapprovermethod", self._with_auth(fields))
        return _showing(await self._read_back(seller_order_id), choices)

    async def check_dcv(self, seller_order_id: str, *, name: str) -> None:
        """Ask DigiCert to look for the proof of one name now; what it saw shows in the status."""
        fields = {**bodies.order_reference(must_be_order_id(seller_order_id)), "DomainName": name}
        await self._change("digicert/checkdcv", self._with_auth(fields))

    async def set_callback(self, url: str) -> None:
        """Set or end the call-backs of the whole account; nothing can be read back of it."""
        if url:
            _must_be_callback(url, self._account.environment)
        endpoint = "setting/setordercallback" if url else "setting/cancelnotification"
        await self._change(endpoint, self._with_auth({"url": url}))

    async def _seen_afterwards(self, seller_order_id: str) -> SellerOrder | None:
        """Return the order after an act was sent; whatever keeps it from being seen is no reason to fail otherwise."""
        try:
            return await self.find(seller_order_id=seller_order_id)
        except EvercertError:
            return None

    async def _read_back(self, seller_order_id: str) -> SellerOrder:
        order = await self.find(seller_order_id=seller_order_id)
        if order is None:
            raise Unavailable("seller-order-missing", "the seller does not show the order that was just changed")
        return order

    def _reissued(self, answer: HttpAnswer, reissue: Reissue) -> SellerOrder:
        order = order_of(self._told(REISSUE, answer))
        if order.seller_order_id != reissue.seller_order_id:
            raise self._answers.in_doubt(REISSUE, "the answer does not name our order")
        return order


def _shows_reissue(order: SellerOrder, reissue: Reissue) -> bool:
    has_changed = reissue.partner_order_id and order.partner_order_id not in ("", reissue.partner_order_id)
    return order.state is SellerState.REISSUE_PENDING or bool(has_changed)


def _has_approver(order: SellerOrder, name: str, email: str) -> bool:
    """Tell whether the name's approver is this one; where the list is not one per name, whether any is."""
    wanted, shown = email.lower(), order.approver_emails
    if len(shown) == len(order.names) and name in order.names:
        return shown[order.names.index(name)] == wanted
    return wanted in shown


def _showing(order: SellerOrder, choices: Sequence[MethodChoice]) -> SellerOrder:
    """Return the order if it shows each chosen method; one that shows another counts before one that shows none yet."""
    shown = [(choice, _methods_shown(order, choice.name)) for choice in choices]
    for choice, methods in shown:
        is_mail = choice.method is ProofMethod.EMAIL
        if methods - {choice.method} or (is_mail and not _mail_goes_to(order, choice.name, choice.approver_email)):
            raise _not_taken("the seller said yes, and the order still shows another method for the name")
    if any(choice.method not in methods for choice, methods in shown):
        raise NotYet("dcv-details-pending", "the seller does not show yet what the new method asks for")
    return order


def _must_be_callback(url: str, environment: Environment) -> None:
    """Raise for an address that the seller shall not call: HTTPS to a public host, for a sandbox account loopback too."""
    if not _is_callback(url, is_sandbox=environment is Environment.SANDBOX):
        raise Refused(
            "callback-url-refused",
            "call-backs go to an HTTPS address of a public host, or to loopback for a sandbox account",
            next_step="Name another address.",
        )


def _is_callback(url: str, *, is_sandbox: bool) -> bool:
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0 and not parts.username and not parts.password and not parts.fragment
    except ValueError:
        return False
    host = (parts.hostname or "").rstrip(".")
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL
    if not (host and is_usable and is_plain):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_loopback = host == "localhost" or host.endswith(".localhost")
        is_public = "." in host and not is_loopback
    else:
        is_loopback, is_public = address.is_loopback, address.is_global
    if is_loopback:
        return is_sandbox and parts.scheme in ("http", "https")
    return is_public and parts.scheme == "https"


def _mail_goes_to(order: SellerOrder, name: str, email: str) -> bool:
    return not email or _has_approver(order, name, email)


def _methods_shown(order: SellerOrder, name: str) -> set[ProofMethod]:
    """Return the methods that the order shows for a name: by its material, which wins, or by the seller's word."""
    shown = {ProofMethod.CNAME} if any(record.name == name for record in order.proof_records) else set()
    if any(proof.name == name for proof in order.file_proofs):
        shown.add(ProofMethod.FILE)
    if shown:
        return shown
    words = (proof.method.strip().upper() for proof in order.name_proofs if proof.name == name)
    return {_METHOD_WORDS[word] for word in words if word in _METHOD_WORDS}


def _not_taken(sentence: str) -> Refused:
    return Refused("change-not-taken", sentence, next_step="Try another method, or settle it with the seller.")
