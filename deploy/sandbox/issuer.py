"""The CA at work: looks for proofs on its own schedule and issues when all of an order's names are proven."""

import asyncio
import contextlib
from datetime import datetime, timedelta

from deploy.sandbox.book import Leaf, Order, Proof
from deploy.sandbox.caa import why_forbidden
from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.dcv import RANDOM_VALUE_LIFE, Look, ProofLooker, give_fresh_value
from deploy.sandbox.following import leaf_order, signing_key
from deploy.sandbox.mail_desk import MailDesk
from deploy.sandbox.resolver import Resolver
from deploy.sandbox.vetting import advance, is_done, needs_plan, plan
from deploy.sandbox.world import World

_LOOKS_AT_ONCE = 16


class IssuingDesk:
    """Takes pending orders from proof to leaf."""

    def __init__(self, world: World, looker: ProofLooker, resolver: Resolver, mails: MailDesk) -> None:
        self._world = world
        self._looker = looker
        self._mails = mails
        self._resolver = resolver
        self._slots = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Work in rounds until cancelled: on a schedule, and when called."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._world.settings.ca_poll_seconds):
                    await self._world.desk_called.wait()
            self._world.desk_called.clear()
            await self.round()

    async def round(self) -> None:
        """Look at every pending order once; an order that breaks the desk is noted and tried again next time."""
        orders = self._world.book.pending()
        results = await asyncio.gather(*(self._work_on(order) for order in orders), return_exceptions=True)
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, Exception):
                self._tell_failure(order, result)

    async def _work_on(self, order: Order) -> None:
        async with self._slots:
            for proof in order.proofs:
                if proof.validated_at is None and order.major == "Pending":
                    await self._look(order, proof)
        if order.major != "Pending":
            return
        now = self._world.clock.now()
        self._vet(order, now)
        if any(proof.validated_at is None for proof in order.proofs):
            return
        if order.proven_at is None:
            order.proven_at = now
            self._world.book.save(order, now)
        if now >= order.proven_at + self._delay(order) and is_done(order.vetting) and await self._is_permitted(order):
            self.issue(order)

    def _vet(self, order: Order, now: datetime) -> None:
        """Get on with the vetting of the order's organisation, beside all proofs of names."""
        level, known = BY_CODE[order.product_code].level, self._world.vetted
        if level == "DV":
            return
        is_known = order.tss_organization_id > 0 or known.is_vetted(order.organization, level, now)
        changed = needs_plan(order.vetting, now)
        if changed:
            order.vetting = plan(level, now, is_vetted=is_known)
        if advance(order.vetting, now, self._world.switches.vetting_seconds):
            changed = True
            if is_done(order.vetting):
                self._world.note_vetted(order, level)
        if changed:
            self._world.book.save(order, now)

    async def _is_permitted(self, order: Order) -> bool:
        """Ask the DNS for CAA records of every name; an order that they stop waits, and is told why."""
        if not self._world.switches.caa_check:
            return True
        brand = BY_CODE[order.product_code].brand
        for name in order.names:
            problem = await why_forbidden(self._resolver, name, brand)
            if problem and order.major == "Pending":
                self._note_obstacle(order, f"{name}: {problem}")
            if problem:
                return False
        return order.major == "Pending"

    def _note_obstacle(self, order: Order, text: str) -> None:
        """Put into an order's notes what keeps the CA from signing, once in a row."""
        now = self._world.clock.now()
        if not order.notes or order.notes[-1][1] != text:
            order.notes.append((now, text))
            self._world.book.save(order, now)
            self._world.journal.note("issuance.stopped", f"order {order.seller_order_id} waits: {text}")

    async def _look(self, order: Order, proof: Proof) -> None:
        if proof.method == "EMAIL":
            look = Look(is_proven=False, result=await self._mails.attend(order, proof))
        else:
            self._world.approvals.void(order.seller_order_id, proof.name)
            self._refresh_value(order, proof)
            look = await self._looker.look(proof)
        now = self._world.clock.now()
        if order.major != "Pending" or proof.validated_at is not None or proof not in order.proofs:
            return
        news, proof.last_look_at, proof.last_result = look.result != proof.last_result, now, look.result
        if look.is_proven:
            self.accept(order, proof)
        elif news:
            self._world.book.save(order, now)

    def _refresh_value(self, order: Order, proof: Proof) -> None:
        """Put a fresh random value in the place of one that is 30 days old; what was published is worthless then."""
        now = self._world.clock.now()
        if BY_CODE[order.product_code].brand != "digicert":
            return
        if proof.made_at is None:
            proof.made_at = now
        if now < proof.made_at + RANDOM_VALUE_LIFE:
            return
        give_fresh_value(proof, self._world.dice(f"order {order.seller_order_id} {proof.name} {now.isoformat()}"))
        proof.made_at, proof.last_result = now, "the random value expired; there is a new one"
        self._world.book.save(order, now)
        self._world.journal.note(
            "proof.expired",
            f"the random value for {proof.name} of order {order.seller_order_id} expired; there is a new one",
            order=order.seller_order_id,
        )

    def accept(self, order: Order, proof: Proof) -> None:
        """Take one name as proven."""
        now = self._world.clock.now()
        proof.validated_at = now
        self._world.book.save(order, now)
        self._world.journal.note(
            "proof.seen",
            f"proof for {proof.name} of order {order.seller_order_id} {proof.last_result}".rstrip(),
            order=order.seller_order_id,
        )

    def accept_all(self, order: Order) -> None:
        """Take every name of a pending order as proven, on a person's word."""
        for proof in order.proofs if order.major == "Pending" else ():
            if proof.validated_at is None:
                proof.last_result = "approved by hand"
                self.accept(order, proof)

    def issue(self, order: Order) -> None:
        """Sign the leaf and make the order active."""
        now = self._world.clock.now()
        issued = self._world.ca.issue(leaf_order(order, signing_key(order)), now)
        serial = f"{issued.leaf.serial_number:X}"
        order.leaf = Leaf(
            serial=serial if len(serial) % 2 == 0 else f"0{serial}",
            pem=issued.leaf_pem,
            chain_pem=issued.chain_pem,
            not_before=issued.leaf.not_valid_before_utc,
            not_after=issued.leaf.not_valid_after_utc,
            names=order.names,
        )
        order.major = order.minor = "Active"
        self._world.book.save(order, now)
        self._world.journal.note(
            "certificate.issued",
            f"issued {order.leaf.serial} for {', '.join(order.names)} until {order.leaf.not_after:%Y-%m-%d}: "
            f"order {order.seller_order_id}",
            order=order.seller_order_id,
        )

    def _tell_failure(self, order: Order, error: Exception) -> None:
        """Note a failure once, not in every round."""
        text = f"{type(error).__name__}: {error}"
        if self._told.get(order.seller_order_id) != text:
            self._told[order.seller_order_id] = text
            self._world.journal.note("desk.failed", f"order {order.seller_order_id} cannot be worked on", error=text)

    def _delay(self, order: Order) -> timedelta:
        own = self._world.faults.seconds_of("issue_delay", order.ids)
        return timedelta(seconds=max(self._world.switches.issue_delay_seconds, own))
