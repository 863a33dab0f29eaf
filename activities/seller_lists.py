"""The seller's list of an account, read once for all who ask for it together.

Each order looks there for a sale of its own, so that many orders at once would read the same pages again and again. Whoever
asks joins a reading that has not sent its first request yet, and never one that has: what was sold before the question
could be missing there. While one reading is under way, all who ask meanwhile share the one that comes next.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from activities.ports import Seller
from domain.errors import EvercertError, Unavailable
from domain.seller import SellerOrder

MOST_PAGES = 200
"""Pages of a list that are read for one order, of up to 100 sales; a longer list shows nothing for certain."""

_LONGEST_REST = 10.0  # seconds; a seller that answers slowly is not waited for twice


class ListTooLong(Unavailable):
    """``seller-list-too-long``: a list has more pages than are read, and nothing follows from a part of it."""


class SellerLists:
    """The readings of one worker, by account."""

    def __init__(self) -> None:
        self._newest: dict[str, _Reading] = {}

    async def read(self, account: str, seller: Seller, since: datetime) -> tuple[SellerOrder, ...]:
        """Return the account's list, read wholly after this was called; older sales may be among it.

        Args:
            account: whose list it is.
            seller: opened for that account; another caller's may be the one that is used.
            since: from when on sales are wanted.

        Raises:
            ListTooLong: it was not read to its end. Else as ``Seller.list_orders``.
        """
        reading = self._newest.get(account)
        if reading is None or not reading.is_open:
            reading = self._newest[account] = _Reading(seller, since, reading)
        try:
            return await reading.join(since)
        finally:
            if self._newest.get(account) is reading and reading.is_over:
                del self._newest[account]


class _Reading:
    """One reading: open to all until its first request, given up when nobody waits for it any more."""

    def __init__(self, seller: Seller, since: datetime, former: "_Reading | None") -> None:
        self._since = since
        self._waiting = 0
        self.is_open = True
        self._task = asyncio.create_task(self._read(seller, former))

    @property
    def is_over(self) -> bool:
        """Tell whether it came to an end, or was given up."""
        return self._task.done() or not self._waiting

    async def join(self, since: datetime) -> tuple[SellerOrder, ...]:
        """Return what is read; another caller's cancellation ends nothing, and each gets an error of its own."""
        self._since = min(self._since, since)
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        except EvercertError as error:
            raise _again(error) from None
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.is_open = False
                self._task.cancel()

    async def _read(self, seller: Seller, former: "_Reading | None") -> tuple[SellerOrder, ...]:
        if former is not None and not former.is_over:
            await asyncio.wait({former._task}, timeout=_LONGEST_REST)
        self.is_open = False
        return await read_whole(seller, self._since)


async def read_whole(seller: Seller, since: datetime) -> tuple[SellerOrder, ...]:
    """Read a list to its end, each sale once. Raises ``ListTooLong``."""
    rows: dict[str, SellerOrder] = {}
    async for page in pages(seller, since, most=MOST_PAGES):
        rows.update((row.seller_order_id, row) for row in page)
    return tuple(rows.values())


async def pages(seller: Seller, since: datetime, *, most: int) -> AsyncIterator[tuple[SellerOrder, ...]]:
    """Give the pages of a list up to its end; a sale may stand on two of them, since lists move while they are read.

    It ends before the page that shows nothing new: an empty one, or the whole list again of a seller that knows no pages.

    Raises:
        ListTooLong: after ``most`` pages.
    """
    seen: set[str] = set()
    for number in range(1, most + 1):
        page = await seller.list_orders(since=since, page=number)
        known = len(seen)
        seen.update(row.seller_order_id for row in page)
        if len(seen) == known:
            return
        yield page
    raise ListTooLong(
        "seller-list-too-long",
        f"the seller's list since {since:%Y-%m-%d %H:%M} UTC has more than {most} pages; it was not read to its end",
    )


def _again(error: EvercertError) -> EvercertError:
    """Return the same error anew: who catches one may write into it."""
    return type(error)(
        error.code,
        error.message,
        next_step=error.next_step,
        why=error.why,
        retry_after=error.retry_after,
        violations=error.violations,
    )
