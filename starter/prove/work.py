"""What a proof has left to do: the cases of each database, handed out as lanes become free for them."""

import asyncio
from collections import deque
from collections.abc import Iterable

from starter.prove.case import Case, Database


class Work:
    """Cases that wait for a lane, in their order; more may be added until all are known."""

    def __init__(self) -> None:
        self._waiting: dict[Database, deque[Case]] = {database: deque() for database in Database}
        self._changed = asyncio.Condition()
        self._all_known = False

    async def add(self, cases: Iterable[Case], *, are_last: bool = False) -> None:
        """Add cases behind those that are there.

        Args:
            cases: to add.
            are_last: no more will come, so that lanes that find nothing any more are done.
        """
        async with self._changed:
            for case in cases:
                self._waiting[case.database].append(case)
            self._all_known = self._all_known or are_last
            self._changed.notify_all()

    async def next(self, database: Database) -> Case | None:
        """Take the next case of a database, waiting for one to come; None when none will."""
        mine = self._waiting[database]
        async with self._changed:
            await self._changed.wait_for(lambda: mine or self._all_known)
            return mine.popleft() if mine else None
