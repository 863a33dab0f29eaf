"""Which approver mails the CA sends, and when."""

import secrets

from deploy.sandbox.book import Order, Proof
from deploy.sandbox.mail import Approval, Postman, approver_mail
from deploy.sandbox.world import World

_TOKEN_BYTES = 24


class MailDesk:
    """Sends approver mails: one per name, again when asked, another one for another approver."""

    def __init__(self, world: World, postman: Postman) -> None:
        self._world = world
        self._postman = postman
        self._under_way: set[str] = set()

    async def attend(self, order: Order, proof: Proof) -> str:
        """See to it that the right mail is out; what keeps the proof waiting, in words."""
        now = self._world.clock.now()
        approval = self._world.approvals.latest(order.seller_order_id, proof.name)
        if approval is None or approval.approver != proof.approver or not approval.is_live(now):
            self._world.approvals.void(order.seller_order_id, proof.name)
            approval = self._new(order, proof)
        is_asked_again = proof.mail_asked_at is not None and proof.mail_asked_at != approval.asked_at
        if (is_asked_again or not approval.is_sent) and approval.token not in self._under_way:
            problem = await self._send(order, proof, approval)
            if problem:
                return problem
        return f"waiting for approval by {proof.approver}"

    def _new(self, order: Order, proof: Proof) -> Approval:
        now = self._world.clock.now()
        approval = Approval(
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            order_id=order.seller_order_id,
            name=proof.name,
            approver=proof.approver,
            made_at=now,
        )
        approval.raw = approver_mail(order, proof, f"{self._world.address}/approve/{approval.token}", now)
        self._world.approvals.save(approval)
        return approval

    async def _send(self, order: Order, proof: Proof, approval: Approval) -> str:
        asked_at, is_again = proof.mail_asked_at, approval.is_sent
        self._under_way.add(approval.token)
        try:
            problem = await self._postman.send(approval)
        finally:
            self._under_way.discard(approval.token)
        if not problem:
            approval.is_sent, approval.asked_at = True, asked_at
            self._world.approvals.save(approval)
            self._world.journal.note(
                "mail.sent",
                f"approver mail {'sent again' if is_again else 'sent'} to {approval.approver} for {approval.name}: "
                f"order {order.seller_order_id}",
                order=order.seller_order_id,
            )
        return problem
