"""Proof of control by DNS: what to publish, publish it and see it, take it away again."""

from datetime import timedelta

from temporalio import activity

from activities.interface import DcvActivities
from activities.issuance import view_of
from activities.messages import ProofToPublish, PublishInput, SellerRef
from activities.order_view import OrderView, overtaken
from activities.ports import Clock, DnsPublishers, DnsResolver, Inventory, Sellers, ServerView
from activities.recalling import Recalling
from activities.seller_calls import SellerCalls
from domain import cadence, dcv
from domain.errors import NotYet, Refused
from domain.order import OrderState
from domain.seller import ProofRecord, SellerState


class Dcv(DcvActivities):
    """Implements :class:`DcvActivities`."""

    def __init__(
        self,
        inventory: Inventory,
        sellers: Sellers,
        publishers: DnsPublishers,
        resolver: DnsResolver,
        clock: Clock,
    ) -> None:
        self._inventory = inventory
        self._publishers = publishers
        self._resolver = resolver
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._sales = Recalling(inventory, clock)

    @activity.defn(name="read_proof")
    async def read_proof(self, given: SellerRef) -> ProofToPublish:
        """Ask the seller what must be published, and remember it before anything is written.

        The seller's data is foreign input: a record outside the ordered names is refused as a whole
        (``proof-out-of-scope``) and a person is called. Twice: the same rows.
        """
        order = await self._view.enter(given.run, OrderState.READING_PROOF)
        async with self._calls.open(given.run) as seller:
            found = await seller.find(seller_order_id=given.seller_order_id)
        if found is None or (found.state is not SellerState.ACTIVE and not found.proof_records):
            pause = cadence.next_look(await self._waited())
            await self._view.look(given.run, "the seller has not told yet what to publish", next_in=pause)
            raise NotYet("dcv-details-pending", "the seller has not told yet what must be published", retry_after=pause)
        await self._sales.recall(order, found)
        _refuse_out_of_scope(found.proof_records, given.names)
        if found.state is not SellerState.ACTIVE:
            await self._inventory.save_proof(given.run.order_id, found.proof_records)
        return ProofToPublish(records=found.proof_records, view=view_of(found))

    @activity.defn(name="publish_proof")
    async def publish_proof(self, given: PublishInput) -> None:
        """Publish every record, then look where the CA will look; ends when all authoritative servers show all of them.

        Twice: a record that stands there already is success, other values on the name survive. A try that slept while
        the proof was withdrawn takes away again what it has published.
        """
        known = {_identity(row): row.withdrawn_at for row in await self._inventory.proof(given.run.order_id)}
        # Only now: whoever withdrew before the look above, and began after this try, has overtaken it.
        await self._view.enter(given.run, OrderState.PUBLISHING_PROOF)
        _refuse_out_of_scope(given.records, given.names)
        publisher = await self._publishers.open(given.dns_account)
        for record in given.records:
            await publisher.publish(record)
            is_wanted = await self._inventory.mark_proof(
                given.run.order_id,
                record,
                published=True,
                now=await self._clock.now(),
                withdrawn_before=known.get(_identity(record)),
            )
            if not is_wanted:
                await publisher.withdraw(record)
                raise overtaken()
        missing: list[ServerView] = []
        seen = 0
        for record in given.records:
            views = await self._resolver.views(record, given.dns_account)
            missing += [view for view in views if not view.seen]
            seen += sum(view.seen for view in views)
        if missing:
            pause = cadence.next_look(await self._waited())
            text = f"{len(missing)} of {len(missing) + seen} answers do not show the proof yet"
            await self._view.look(given.run, text, next_in=pause)
            raise NotYet(
                "dns-not-visible",
                text,
                why=tuple(f"{view.server} {view.detail}" for view in missing),
                retry_after=pause,
            )

    @activity.defn(name="withdraw_proof")
    async def withdraw_proof(self, given: PublishInput) -> None:
        """Remove every record of this order that was not removed yet, by name and value. Twice: nothing left to do.

        What the run has published counts too where the inventory has forgotten it, as a copy does that was put back.
        """
        await self._view.enter(given.run, OrderState.WITHDRAWING_PROOF)
        stored = await self._inventory.proof(given.run.order_id)
        known = {_identity(record) for record in stored}
        left: list[ProofRecord] = [record for record in stored if record.withdrawn_at is None]
        forgotten = [record for record in given.records if _identity(record) not in known]
        left += [record for record in forgotten if dcv.scope_problem(record, given.names) is None]
        if not left:
            return
        publisher = await self._publishers.open(given.dns_account)
        for record in left:
            await publisher.withdraw(record)
            await self._inventory.mark_proof(given.run.order_id, record, published=False, now=await self._clock.now())

    async def _waited(self) -> timedelta:
        return max(await self._clock.now() - activity.info().scheduled_time, timedelta())


def _identity(record: ProofRecord) -> tuple[str, str, str]:
    return record.owner, record.record_type, record.value


def _refuse_out_of_scope(records: tuple[ProofRecord, ...], names: tuple[str, ...]) -> None:
    problems = tuple(problem for record in records if (problem := dcv.scope_problem(record, names)) is not None)
    if problems:
        raise Refused(
            "proof-out-of-scope",
            "the seller's proof data does not belong to the ordered names; nothing was written: "
            + "; ".join(problems[:3]),
            next_step="ask the seller's support; evercert order check looks again.",
        )
