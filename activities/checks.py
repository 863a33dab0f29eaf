"""All that must be right before money is spent: each check returns its findings, the workflow joins them."""

from datetime import datetime, timedelta

from temporalio import activity

from activities.interface import CheckActivities
from activities.messages import CheckInput, CheckResult, Finding, Quote
from activities.order_view import OrderView
from activities.ports import Clock, DnsPublishers, Inventory, Seller, Sellers
from activities.seller_calls import SellerCalls
from domain import calendar, ids, names, policy, purchase
from domain.errors import InvalidRequest, Refused, Violation
from domain.inventory import ActState, NewOrder, OrderRecord
from domain.product import Product
from domain.seller import Money

_DAYS_A_MONTH = 30.4375
_CATALOGUE_SERVES = timedelta(minutes=10)


class Checks(CheckActivities):
    """Implements :class:`CheckActivities`."""

    def __init__(self, inventory: Inventory, sellers: Sellers, publishers: DnsPublishers, clock: Clock) -> None:
        self._inventory = inventory
        self._publishers = publishers
        self._clock = clock
        self._calls = SellerCalls(inventory, sellers, clock)
        self._view = OrderView(inventory, clock)
        self._catalogue_stored: dict[str, datetime] = {}

    @activity.defn(name="check_request")
    async def check_request(self, given: CheckInput) -> CheckResult:
        """Open the order's row and check names, accounts, key and other orders. Twice: one row, the same findings."""
        request, run = given.request, given.run
        account = await self._inventory.account(request.account)
        name = request.dcv.dns_account
        dns_account = await self._inventory.dns_account(name) if name is not None else None
        common_name, found = policy.check_name(request, account)
        now = await self._clock.now()
        if not common_name:
            # A row all the same, so that lists show what was refused and why.
            await self._open(given, request.common_name.strip().lower()[:253], now)
            return _result(found + policy.check_accounts(request, account, dns_account) + policy.check_key(request.key))
        await self._open(given, common_name, now)
        act = await self._inventory.act(run.order_id)
        mark = purchase.fingerprint(account=run.account, product=request.product, names=(common_name,))
        issued = await self._inventory.issued_orders_like(mark)
        same_request = None
        if request.request_id is not None:
            same_request = await self._inventory.order_with_request_id(request.account, request.request_id)
        found += policy.check_accounts(request, account, dns_account)
        found += policy.check_key(request.key)
        found += policy.check_others(
            request,
            order_id=run.order_id,
            open_orders=await self._inventory.open_orders_like(mark),
            issued=issued,
            same_request=same_request,
            is_covered=_is_covered(issued, now),
        )
        is_sent = act is not None and act.state is not ActState.RESERVED
        return _result(found, names=(common_name,)).model_copy(update={"is_sent": is_sent})

    async def _open(self, given: CheckInput, common_name: str, now: datetime) -> None:
        request, run = given.request, given.run
        order = NewOrder(
            order_id=run.order_id,
            workflow_id=run.workflow_id,
            run_id=run.first_run_id,
            account=run.account,
            product=request.product,
            common_name=common_name,
            names=(common_name,),
            months=request.months,
            dns_account=request.dcv.dns_account or "",
            request_id=request.request_id or "",
            request_digest=policy.request_digest(request),
            requested_by=request.requested_by,
            reason=request.reason,
            request=request.model_dump(mode="json", exclude_defaults=True),
        )
        await self._inventory.open_order(order, now)

    @activity.defn(name="check_offer")
    async def check_offer(self, given: CheckInput) -> CheckResult:
        """Ask the seller for product, term and price, and store what it told. Twice: asked and stored again."""
        request, run = given.request, given.run
        await self._view.require_ownership(run)
        account = await self._inventory.account(run.account)
        if account is None:
            return CheckResult()  # check_request tells it
        async with self._calls.open(run, account) as seller:
            offered = await self._offered(run.account, request.product, seller)
        product, found = policy.check_offer(request, offered)
        quote = None if product is None or found else self._quote(product, request.months, await self._clock.now())
        return CheckResult(findings=tuple(Finding.of(violation) for violation in found), quote=quote)

    async def _offered(self, account: str, code: str, seller: Seller) -> tuple[Product, ...]:
        """Return the product as it is sold now, and store it; or all that is sold, where it is not among that.

        All is read and stored by this worker once in ten minutes: it is long, and an order needs one row of it.
        """
        now = await self._clock.now()
        stored = self._catalogue_stored.get(account)
        if stored is not None and now - stored < _CATALOGUE_SERVES and (found := await seller.products(code)):
            await self._inventory.save_products(account, found)
            return found
        catalogue = await seller.products()
        await self._inventory.save_products(account, catalogue)
        self._catalogue_stored[account] = now
        return catalogue

    def _quote(self, product: Product, months: int, now: datetime) -> Quote:
        term = product.term(months)
        assert term is not None
        return Quote(
            product_name=product.name,
            vendor=product.vendor,
            price=Money(amount=term.price, currency=product.currency),
            leaf_days=calendar.leaf_days(now),
            leaves_needed=calendar.leaves_needed(now, round(months * _DAYS_A_MONTH)),
        )

    @activity.defn(name="check_zones")
    async def check_zones(self, given: CheckInput) -> CheckResult:
        """Write and remove a throw-away record in the zone of the name. Twice: written and removed again."""
        request = given.request
        await self._view.require_ownership(given.run)
        common_name = names.normalise(request.common_name)
        dns_account = request.dcv.dns_account
        if isinstance(common_name, Violation) or dns_account is None:
            return CheckResult()  # check_request tells it
        account = await self._inventory.account(given.run.account)
        known = await self._inventory.dns_account(dns_account)
        if account is None or known is None or known.environment is not account.environment:
            return CheckResult()  # the same; and nothing is tried at a name server of another world
        publisher = await self._publishers.open(dns_account)
        try:
            # The mark is the order's: what a try that died between writing and removing left, the next one removes.
            await publisher.check_access(names.bare(common_name), mark=ids.digest(given.run.order_id)[:8])
        except (Refused, InvalidRequest) as error:
            return _result((Violation(error.code, "dcv.dns_account", error.message, error.next_step),))
        return CheckResult()


def _result(found: tuple[Violation, ...], names: tuple[str, ...] = ()) -> CheckResult:
    return CheckResult(findings=tuple(Finding.of(violation) for violation in found), names=names)


def _is_covered(issued: tuple[OrderRecord, ...], now: datetime) -> bool:
    return bool(issued) and issued[0].term_ends_at is not None and issued[0].term_ends_at - now > policy.RENEWAL_LEAD
