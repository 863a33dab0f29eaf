"""A world in memory behind the doors of the command line."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from activities.ports import DnsPublishers, Inventory, KeyVault, Sellers
from domain.errors import EvercertError, InvalidRequest, Unavailable
from domain.inventory import (
    AccountRecord,
    ActRecord,
    AlertRecord,
    AuditEvent,
    CertificateRecord,
    DnsAccountRecord,
    Environment,
    Installation,
    OrderRecord,
    VersionRecord,
    VersionState,
)
from domain.product import Product, ProductTerm
from domain.reconcile import Reason, Standing, Wait, wait_of
from domain.request import Act, ExtendDeadline, OrderRequest, ResolvePurchase
from domain.seller import Money, UnknownAnswer
from starter.binding import Doubt, Person
from starter.cli.doors import REAL, Doors
from starter.client import StartedSync
from starter.history import RunHistory
from workflows.messages import SyncResult

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ONE = "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA"
TWO = "EC-BBBBBBBBBBBBBBBBBBBBBBBBBB"
CERT = "crt_one"
LEAF = "-----BEGIN CERTIFICATE-----\nbGVhZg==\n-----END CERTIFICATE-----\n"
CHAIN = "-----BEGIN CERTIFICATE-----\nY2hhaW4=\n-----END CERTIFICATE-----\n"


def order(order_id: str = ONE, **changes: Any) -> OrderRecord:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "workflow_id": f"issue-www.example.com-{order_id[-1].lower()}",
        "run_id": "run-1",
        "account": "main",
        "product": "positivessl",
        "common_name": "www.example.com",
        "names": ("www.example.com",),
        "months": 12,
        "dns_account": "main",
        "request_digest": "d",
        "state": "awaiting-issuance",
        "waiting_for": "ca",
        "since": NOW - timedelta(minutes=3),
        "price": Money(amount=Decimal("9.40")),
        "created_at": NOW - timedelta(minutes=5),
        "updated_at": NOW - timedelta(minutes=3),
    }
    return OrderRecord.model_validate(fields | changes)


def version(number: int = 1, state: VersionState = VersionState.CURRENT) -> VersionRecord:
    return VersionRecord(
        order_id=ONE,
        certificate_id=CERT,
        key_id=f"key_{number}",
        leaf=LEAF,
        chain=CHAIN,
        serial=f"0{number}",
        fingerprint="ab" * 32,
        spki_sha256="cd" * 32,
        names=("www.example.com",),
        issuer="Example CA",
        not_before=NOW,
        not_after=NOW + timedelta(days=199),
        number=number,
        state=state,
        recorded_at=NOW,
    )


def certificate() -> CertificateRecord:
    return CertificateRecord(
        certificate_id=CERT,
        common_name="www.example.com",
        names=("www.example.com",),
        product="positivessl",
        account="main",
        order_id=ONE,
        current=version(2),
        versions=2,
        created_at=NOW,
    )


def account(name: str = "main", environment: Environment = Environment.LIVE, **changes: Any) -> AccountRecord:
    return AccountRecord(
        name=name,
        environment=environment,
        base_url="https://api.example.net/rest",
        partner_code="12345678",
        secret_id="sec_1",
        **changes,
    )


def dns_account(name: str = "main") -> DnsAccountRecord:
    return DnsAccountRecord(
        name=name,
        server="192.0.2.1",
        zones=("example.com",),
        tsig_name="key.",
        secret_id="sec_2",
        environment=Environment.LIVE,
    )


PRODUCT = Product(
    code="positivessl",
    name="PositiveSSL",
    vendor="COMODO",
    level="dv",
    terms=(ProductTerm(months=12, price=Decimal("9.40")),),
    read_at=NOW,
)


@dataclass
class FakeInventory:
    """As much of the inventory as commands use; ``script`` changes orders at each look."""

    records: dict[str, OrderRecord] = field(default_factory=dict)
    held_accounts: dict[str, AccountRecord] = field(default_factory=dict)
    held_dns: dict[str, DnsAccountRecord] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    events: list[AuditEvent] = field(default_factory=list)
    catalogue: tuple[Product, ...] = ()
    held_certificates: tuple[CertificateRecord, ...] = ()
    acts: dict[str, ActRecord] = field(default_factory=dict)
    held_installation: Installation = Installation(installation_id="i")  # noqa: RUF009 frozen
    held_alerts: dict[str, AlertRecord] = field(default_factory=dict)

    async def alert(self, alert_id: str) -> AlertRecord | None:
        return self.held_alerts.get(alert_id)

    async def alerts(self, *, settled_too: bool = False, limit: int = 200) -> tuple[AlertRecord, ...]:
        return tuple(it for it in self.held_alerts.values() if settled_too or it.settled_at is None)[:limit]

    async def settle_alert(self, alert_id: str, event: AuditEvent) -> bool:
        before = self.held_alerts[alert_id]
        if before.settled_at is not None:
            return False
        told = {"settled_at": event.at, "settled_by": event.by, "reason": event.reason}
        self.held_alerts[alert_id] = before.model_copy(update=told)
        self.events.append(event)
        return True

    async def reconcile_wait(self, name: str) -> Wait | None:
        return wait_of(self.held_installation, self.held_accounts[name])

    async def order(self, order_id: str) -> OrderRecord | None:
        return self.records.get(order_id)

    async def orders(
        self, *, name: str = "", account: str = "", state: str = "", limit: int = 200
    ) -> tuple[OrderRecord, ...]:
        found = [it for it in self.records.values() if name in {"", it.common_name} and state in {"", it.state}]
        return tuple(it for it in found if account in {"", it.account})[:limit]

    async def act(self, act_id: str) -> ActRecord | None:
        return self.acts.get(act_id)

    async def account(self, name: str) -> AccountRecord | None:
        return self.held_accounts.get(name)

    async def accounts(self) -> tuple[AccountRecord, ...]:
        return tuple(self.held_accounts.values())

    async def add_account(self, account: AccountRecord, sealed_token: bytes, event: AuditEvent) -> None:
        if account.name in self.held_accounts:
            raise InvalidRequest("name-taken", "there is an account of that name")
        self.held_accounts[account.name] = account
        self.secrets[account.secret_id] = sealed_token
        self.events.append(event)

    async def release_account(self, name: str, event: AuditEvent) -> bool:
        self.held_accounts[name] = self.held_accounts[name].model_copy(update={"parked_code": ""})
        self.events.append(event)
        return True

    async def save_unknown_answer(self, name: str, shape: str, event: AuditEvent) -> bool:
        self.held_accounts[name] = self.held_accounts[name].model_copy(update={"unknown_answer": shape})
        self.events.append(event)
        return True

    async def dns_account(self, name: str) -> DnsAccountRecord | None:
        return self.held_dns.get(name)

    async def dns_accounts(self) -> tuple[DnsAccountRecord, ...]:
        return tuple(self.held_dns.values())

    async def add_dns_account(self, account: DnsAccountRecord, sealed_secret: bytes, event: AuditEvent) -> None:
        self.held_dns[account.name] = account
        self.secrets[account.secret_id] = sealed_secret
        self.events.append(event)

    async def products(self, account: str) -> tuple[Product, ...]:
        return self.catalogue

    async def save_products(self, account: str, products: tuple[Product, ...]) -> None:
        self.catalogue = products

    async def certificate(self, certificate_id: str) -> CertificateRecord | None:
        return next((it for it in self.held_certificates if it.certificate_id == certificate_id), None)

    async def certificates(self, *, name: str = "", limit: int = 200) -> tuple[CertificateRecord, ...]:
        return tuple(it for it in self.held_certificates if name in {"", it.common_name})[:limit]

    async def versions(self, certificate_id: str) -> tuple[VersionRecord, ...]:
        return version(2), version(1, VersionState.SUPERSEDED)

    async def sealed_key(self, key_id: str) -> bytes:
        return b"certificate-key|key of " + key_id.encode()

    async def append_audit(self, event: AuditEvent) -> None:
        self.events.append(event)

    async def audit(self, *, subject: str = "", limit: int = 500) -> tuple[AuditEvent, ...]:
        return tuple(it for it in self.events if subject in {"", it.subject})[:limit]


@dataclass
class FakeVault:
    inventory: FakeInventory

    def seal(self, plaintext: bytes, *, row_id: str, purpose: str) -> bytes:
        return purpose.encode() + b"|" + plaintext

    def unseal(self, sealed: bytes, *, row_id: str, purpose: str) -> bytes:
        told = purpose != "certificate-key" or any(it.kind == "key.exported" for it in self.inventory.events)
        assert told, "a key must not be opened before its audit row is written"
        kind, _, plain = sealed.partition(b"|")
        assert kind == purpose.encode()
        return plain


UNKNOWN = UnknownAnswer(is_error=True, message="order not found", is_known=True)


@dataclass
class FakeSeller:
    """``unknown`` is what it answers for a reference that it does not know."""

    error: Exception | None = None
    tokens: list[str] = field(default_factory=list)
    unknown: Exception | UnknownAnswer = UNKNOWN

    async def check_credentials(self) -> None:
        if self.error is not None:
            raise self.error

    async def learn_unknown_answer(self) -> UnknownAnswer:
        if isinstance(self.unknown, Exception):
            raise self.unknown
        return self.unknown

    async def products(self, code: str = "") -> tuple[Product, ...]:
        if self.error is not None:
            raise self.error
        return (PRODUCT,)

    async def catalogue(self, account: str) -> tuple[Product, ...]:
        return (PRODUCT.model_copy(update={"terms": (), "months": (12, 24), "is_bundled": True}),)

    async def open(self, account: str) -> "FakeSeller":
        return self


@dataclass
class FakePublisher:
    error: Exception | None = None
    owners: list[str] = field(default_factory=list)

    async def check_access(self, owner: str, *, mark: str = "") -> str:
        if self.error is not None:
            raise self.error
        self.owners.append(owner)
        return owner.partition(".")[2]

    async def open(self, dns_account: str) -> "FakePublisher":
        return self


@dataclass(frozen=True)
class FakeStarted:
    order_id: str
    workflow_id: str
    run_id: str = "run-1"
    was_running: bool = False


@dataclass(frozen=True)
class FakeAnswer:
    done: bool
    message: str


@dataclass
class FakeEngine:
    error: Exception | None = None
    run: RunHistory | None = None
    requests: list[OrderRequest] = field(default_factory=list)
    acts: list[tuple[str, Act]] = field(default_factory=list)
    answer: FakeAnswer = FakeAnswer(done=True, message="looking now")
    syncs: list[str] = field(default_factory=list)
    found: SyncResult = field(default_factory=SyncResult)

    async def order(self, request: OrderRequest) -> FakeStarted:
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        return FakeStarted(ONE, f"issue-{request.common_name}-{request.request_id}")

    async def check_now(self, order: OrderRecord, act: Act) -> FakeAnswer:
        if self.error is not None:
            raise self.error
        self.acts.append((order.order_id, act))
        return self.answer

    async def resolve_purchase(self, order: OrderRecord, act: ResolvePurchase) -> FakeAnswer:
        return await self.check_now(order, act)

    async def cancel(self, order: OrderRecord, act: Act) -> FakeAnswer:
        return await self.check_now(order, act)

    async def extend_deadline(self, order: OrderRecord, act: ExtendDeadline) -> FakeAnswer:
        return await self.check_now(order, act)

    async def resume(self, order: OrderRecord, *, by: str, reason: str = "") -> FakeStarted:
        await self.check_now(order, Act(by=by, reason=reason))
        return FakeStarted(order.order_id, f"resume-{order.order_id}-1", was_running=len(self.acts) > 1)

    async def sync(self, request_id: str = "") -> StartedSync:
        if self.error is not None:
            raise self.error
        self.syncs.append(request_id)
        return StartedSync(f"sync-{request_id or 'made'}", "run-1")

    async def wait_for_sync(self, started: StartedSync) -> SyncResult:
        return self.found

    async def history(self, order: OrderRecord) -> RunHistory:
        if self.run is None:
            raise InvalidRequest("run-not-found", "Temporal has no open run of this order")
        return self.run


@dataclass
class FakeAdapters:
    inventory: Inventory
    vault: KeyVault
    sellers: Sellers
    publishers: DnsPublishers


@dataclass
class World:
    """Everything behind the doors; ``at_pause`` runs at each pause of a watch, and the clock moves on."""

    inventory: FakeInventory = field(default_factory=FakeInventory)
    seller: FakeSeller = field(default_factory=FakeSeller)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    engine: FakeEngine = field(default_factory=FakeEngine)
    now: datetime = NOW
    at_pause: Callable[[int], None] = lambda _: None
    pauses: int = 0
    pause_moves: timedelta = timedelta(seconds=20)
    schema: str = ""
    temporal: Any = None
    upgraded: str = ""
    made_keys: list[Path] = field(default_factory=list)
    standing: Standing = Standing(installation_id="i", newest=7)  # noqa: RUF009 frozen
    reason: Reason | None = None
    is_kept: bool = True
    doubt_error: EvercertError | None = None
    is_other_cluster: bool = True
    asked: list[Person] = field(default_factory=list)

    def doors(self) -> Doors:
        @asynccontextmanager
        async def adapters(_: object) -> AsyncIterator[FakeAdapters]:
            yield FakeAdapters(
                cast("Inventory", self.inventory),
                FakeVault(self.inventory),
                cast("Sellers", self.seller),
                cast("DnsPublishers", self.publisher),
            )

        @asynccontextmanager
        async def engine(_: object) -> AsyncIterator[FakeEngine]:
            yield self.engine

        @asynccontextmanager
        async def try_seller(_: object, record: AccountRecord, token: str) -> AsyncIterator[Any]:
            self.seller.tokens.append(token)
            yield self.seller

        @asynccontextmanager
        async def try_publisher(_: object, record: DnsAccountRecord, secret: str) -> AsyncIterator[Any]:
            yield self.publisher

        async def temporal(_: object) -> Any:
            if self.temporal is None:
                raise Unavailable("engine-unreachable", "no Temporal server answers")
            return self.temporal

        return Doors(
            adapters=adapters,
            engine=engine,
            try_seller=try_seller,
            try_publisher=try_publisher,
            export_key=REAL.export_key,
            create_key=self._make_key,
            upgrade=self._upgrade,
            schema=self._schema,
            temporal=temporal,
            doubt=self._doubt,
            reconcile=self._reconcile,
            rebind=self._rebind,
            now=lambda: self.now,
            pause=self._pause,
        )

    async def _doubt(self, _: object) -> Doubt:
        if self.doubt_error is not None:
            raise self.doubt_error
        accounts = tuple(self.inventory.held_accounts.values())
        return Doubt(self.inventory.held_installation, accounts, self.standing, self.reason, is_kept=self.is_kept)

    async def _reconcile(self, _: object, person: Person) -> Installation:
        self.asked.append(person)
        entered = {"reconcile_since": self.now, "reconcile_reason": "an administrator asked for it"}
        self.inventory.held_installation = self.inventory.held_installation.model_copy(update=entered)
        return self.inventory.held_installation

    async def _rebind(self, _: object, person: Person) -> bool:
        self.asked.append(person)
        return self.is_other_cluster

    def _make_key(self, path: Path) -> None:
        path.write_text("key")
        self.made_keys.append(path)

    async def _upgrade(self, _: object) -> str:
        return self.upgraded

    async def _schema(self, _: object) -> str:
        return self.schema

    async def _pause(self, _: float) -> None:
        self.pauses += 1
        self.now += self.pause_moves
        self.at_pause(self.pauses)
