"""Approval by mail: what happens when the link in a mail is opened and its button pressed."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from deploy.sandbox.book import Order, Proof
from deploy.sandbox.control_guard import ControlError, check_host
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.mail import Approval
from deploy.sandbox.markup import SAFE_HEADERS, escape, page
from deploy.sandbox.world import World


class ApprovalPages:
    """Serves `/approve/{token}`: opening the page approves nothing (mail scanners open links), its button does."""

    def __init__(self, world: World, desk: IssuingDesk) -> None:
        self._world = world
        self._desk = desk

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/approve/{token}", self._serve, methods=["GET", "POST"])]

    async def _serve(self, request: Request) -> Response:
        try:
            check_host(request)
        except ControlError as error:
            return _answer(error.status, str(error))
        approval = self._world.approvals.find(str(request.path_params["token"]))
        if approval is None:
            return _answer(404, "This link is unknown.")
        if approval.used_at is not None:
            return _answer(200, f"The certificate for {approval.name} is approved already.")
        order, proof = self._awaited(approval)
        if order is None or proof is None:
            return _answer(410, "This link is not valid any more.")
        if request.method == "GET":
            return _question(approval)
        approval.used_at = self._world.clock.now()
        self._world.approvals.save(approval)
        proof.last_result = f"approved by {approval.approver}"
        self._desk.accept(order, proof)
        return _answer(200, f"You approved the certificate for {approval.name}.")

    def _awaited(self, approval: Approval) -> tuple[Order | None, Proof | None]:
        """Order and proof that an approval is for, if they still wait for just this one."""
        order = self._world.book.by_id(approval.order_id)
        if order is None or order.major != "Pending" or not approval.is_live(self._world.clock.now()):
            return None, None
        waiting = (p for p in order.proofs if p.name == approval.name and p.validated_at is None)
        proof = next((p for p in waiting if p.method == "EMAIL" and p.approver == approval.approver), None)
        return order, proof


def _question(approval: Approval) -> Response:
    body = (
        f"<p>A certificate for <b>{escape(approval.name)}</b> was ordered. Do you agree, as "
        f"{escape(approval.approver)}?</p>"
        f'<form method="post"><button>I approve</button></form>'
    )
    return HTMLResponse(page("Approve a certificate", body), headers=SAFE_HEADERS)


def _answer(status: int, sentence: str) -> Response:
    return HTMLResponse(page("Approve a certificate", f"<p>{escape(sentence)}</p>"), status, headers=SAFE_HEADERS)
