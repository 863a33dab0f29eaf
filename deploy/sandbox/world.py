"""Everything that one sandbox knows, in one place: what the seller, the CA, the DNS and the control API share."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime

import dns.name

from deploy.sandbox.book import Book, Order
from deploy.sandbox.ca import CertificateAuthority
from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.clock import SandboxClock
from deploy.sandbox.faults import FaultBook
from deploy.sandbox.files import WebRoot
from deploy.sandbox.journal import Journal
from deploy.sandbox.mail import Approvals, Mailbox
from deploy.sandbox.revocation import UNSPECIFIED, Revocation, reason_of
from deploy.sandbox.settings import SandboxSettings, Switches
from deploy.sandbox.state import Store
from deploy.sandbox.vetting import VettedLevel, VettedOrganization, VettedOrganizations
from deploy.sandbox.wire import Json
from deploy.sandbox.zone import Zone


class World:
    """State of one sandbox, without any socket."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.switches = settings.switches
        self.store = Store(settings.state_file)
        self.clock = SandboxClock()
        self.journal = Journal(self.clock.now, (settings.auth_token, settings.tsig_secret))
        self.faults = FaultBook(settings.seed)
        self.book = Book(self.store)
        self.zones = [
            Zone("test.", self.store, is_updatable=True),
            Zone("readonly.test.", self.store, is_updatable=False),
        ]
        self.mailbox = Mailbox(self.store)
        self.approvals = Approvals(self.store)
        self.desk_called = asyncio.Event()
        """Set when somebody asks the CA to look at once; its next round clears it."""
        self.vetted = VettedOrganizations(self.store)
        self.address = ""
        """Where the sandbox is reached, without a trailing slash; known once it listens."""
        self.files = WebRoot(self.store, settings.web_folder)
        self._ca: CertificateAuthority | None = None
        # Seller ids start at the time of the first start, so that two fresh sandboxes never hand out the same id.
        self._counter = int(self.store.row("counter", "order") or int(datetime.now(UTC).timestamp() * 10))

    @property
    def ca(self) -> CertificateAuthority:
        """The issuing CA; there once the sandbox's address is known."""
        assert self._ca is not None
        return self._ca

    def found_ca(self, base_url: str) -> None:
        """Make or restore the CA, whose leaves point at addresses below `base_url`."""
        self.address = base_url
        self._ca = CertificateAuthority(self.store, base_url, self.clock.now, lambda: self.switches.ocsp_pointer)

    def next_number(self) -> int:
        """A number never used before in this state, also after a reset."""
        self._counter += 1
        self.store.put_all(("counter", "order", str(self._counter)))
        return self._counter

    def dice(self, purpose: str) -> random.Random:
        """Reproducible dice for one purpose, for example one order's tokens."""
        return random.Random(f"{self.settings.seed}/{purpose}")  # noqa: S311 - reproducible on purpose

    def take_mail(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Put a mail that reached the sink into the mailbox."""
        mail = self.mailbox.put(self.clock.now(), sender, recipients, raw)
        self.journal.note("mail.received", f"mail {mail.number} for {', '.join(recipients)}")

    def switch(self, changes: Mapping[str, Json]) -> Switches:
        """Change switches by name.

        Raises:
            pydantic.ValidationError: A name or value does not exist.
        """
        self.switches = Switches.model_validate({**self.switches.model_dump(), **changes})
        return self.switches

    def revocations(self, issuer_name: str) -> dict[int, Revocation]:
        """Every revocation of an issuer by serial number: what the CA's ledger and the seller's book say."""
        found = {
            int(leaf.serial, 16): Revocation(leaf.revoked_at, reason_of(leaf.revocation_reason))
            for order in self.book
            for leaf in order.leaves
            if leaf.revoked_at and BY_CODE[order.product_code].brand == issuer_name
        }
        return found | self.ca.ledger.revocations(issuer_name)

    def revoke(self, serial: str, reason: str = UNSPECIFIED) -> bool:
        """Revoke a certificate by its hexadecimal serial number, in the CA's ledger and in the seller's book.

        Raises:
            ValueError: No such reason, or no hexadecimal digits.
        """
        if not self.ca.revoke(serial, reason):
            return False
        now, number = self.clock.now(), int(serial, 16)
        for order in self.book:
            for leaf in order.leaves:
                if int(leaf.serial, 16) == number:
                    leaf.revoked_at, leaf.revocation_reason = leaf.revoked_at or now, reason
                    self.book.save(order, now)
        self.journal.note("certificate.revoked", f"certificate {number:X} revoked ({reason})")
        return True

    def note_vetted(self, order: Order, level: VettedLevel) -> None:
        """Remember that an order's organisation is through with its vetting."""
        name, country = order.organization.get("OrganizationName", ""), order.organization.get("Country", "")
        self.vetted.add(VettedOrganization(name=name, country=country, level=level, vetted_at=self.clock.now()))
        self.journal.note(
            "vetting.done",
            f"organisation of order {order.seller_order_id} vetted ({level})",
            order=order.seller_order_id,
        )

    def cancel(self, order: Order, reason: str) -> None:
        """End an order; every leaf that was issued is revoked."""
        now = self.clock.now()
        order.major, order.minor = "Cancelled", "Cancelled"
        order.notes.append((now, reason))
        for leaf in order.leaves:
            leaf.revoked_at = leaf.revoked_at or now
        self.book.save(order, now)
        self.journal.note(
            "order.cancelled", f"order {order.seller_order_id} cancelled: {reason}", order=order.seller_order_id
        )

    def decide_refund(self, order: Order, *, approve: bool) -> None:
        """Approve or deny the refund of an order; a denied one looks like a pending one from outside."""
        word = "approved" if approve else "denied"
        order.refund_approved = approve
        self.journal.note(
            "refund.decided", f"refund of order {order.seller_order_id} {word}", order=order.seller_order_id
        )
        if approve:
            self.cancel(order, "refunded")
        else:
            self.book.save(order, self.clock.now())

    def reset(self) -> None:
        """Forget orders, sales, records, faults, journal and clock; keys, switches' defaults and ids go on."""
        self.book.clear()
        self.store.drop("dns")
        self.files.clear()
        self.mailbox.clear()
        self.approvals.clear()
        self.vetted.clear()
        for zone in self.zones:
            zone.clear()
        self.faults.clear()
        self.clock.follow_system()
        self.switches = self.settings.switches
        self.journal.clear()

    def records(self) -> list[dict[str, str | int]]:
        """Every DNS record of every zone."""
        return [record for zone in self.zones for record in zone.records()]

    def has_record(self, name: str, kind: str, value: str) -> bool:
        """Whether a record stands in the DNS; for tests that look without a resolver."""
        owner = dns.name.from_text(name).to_text().lower()
        return any(
            str(r["name"]).lower() == owner
            and r["type"] == kind
            and str(r["value"]).strip('"').rstrip(".") == value.rstrip(".")
            for r in self.records()
        )
