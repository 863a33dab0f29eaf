"""Call-backs: every change of an order's status is posted to the URL that `setting/setordercallback` named.

What the real service posts is unknown; the shape is a switch. A call-back that fails is noted and not repeated: clients
must treat them as hints.
"""

import asyncio

import httpx

from deploy.sandbox.book import Order
from deploy.sandbox.following import order_answer
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World

_SECONDS = 5.0


class Callbacks:
    """Posts changes of status, each in a task of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, order: Order) -> None:
        """Post the status of an order, if anybody asked for it."""
        url = self._world.book.callback_url
        if not url:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # the book is used without a server around it: nobody listens
            return
        task = loop.create_task(self._post(url, self._payload(order), order.seller_order_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _payload(self, order: Order) -> dict[str, Json]:
        now = self._world.clock.now()
        ids: dict[str, Json] = {
            "TheSSLStoreOrderID": order.seller_order_id,
            "PartnerOrderID": order.partner_order_id,
            "CustomOrderID": order.custom_order_id,
        }
        match self._world.switches.callback_payload:
            case "ids_only":
                return ids
            case "order":
                hidden = dict.fromkeys(("Token", "TokenID", "TokenCode", "TinyOrderLink"), "")
                return {**order_answer(order, now, with_proof=order.proof_visible_at <= now), **hidden}
            case _:
                return {**ids, "MajorStatus": order.shown_major(now), "MinorStatus": order.minor}

    async def _post(self, url: str, payload: dict[str, Json], order_id: str) -> None:
        outcome = ""
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
                outcome = str((await http.post(url, json=payload)).status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            outcome = type(error).__name__
        self._world.journal.note("callback.sent", f"call-back for order {order_id}: {outcome}", order=order_id)
