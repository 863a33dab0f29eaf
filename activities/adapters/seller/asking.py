"""Further reads: approvers, agreement, CSR, account, organisations, changed orders."""

from datetime import datetime

from activities.adapters.seller import body as bodies
from activities.adapters.seller import reading
from activities.adapters.seller.countries import country_code
from activities.adapters.seller.credential import bounded
from activities.adapters.seller.errors import Meaning
from activities.adapters.seller.line import SellerLine
from activities.adapters.seller.proof import host
from activities.adapters.seller.translate import is_order_id, mailboxes, modified_order_of
from activities.adapters.seller.wire import (
    AccountWire,
    AgreementWire,
    ApproverListWire,
    CsrWire,
    ModifiedListWire,
    OrganizationListWire,
    OrganizationWire,
)
from activities.ports import ListedOrganization
from domain.seller import AccountDetail, CsrFacts, ModifiedOrders

_NOT_APPROVERS = frozenset({"support@geotrust.com", "support_preprod@geotrust.com"})
_LONGEST_DIGEST = 64


class SellerReads(SellerLine):
    """The reads that are about no single order."""

    async def approver_list(self, product: str, name: str, *, seller_order_id: str = "") -> tuple[str, ...]:
        """Return the addresses that may approve a name; old mailboxes of the CA that approve nothing are left out."""
        fields = {"ProductCode": product, "DomainName": name}
        if seller_order_id:
            fields["RelatedTheSSLStoreOrderID"] = seller_order_id
        envelope = await self._ask("order/approverlist", self._with_auth(dict(fields)))
        if envelope.is_error:
            raise self._answers.refusal_of_parameters(self._answers.error(envelope))
        self._answers.expect_success(envelope)
        told = mailboxes(ApproverListWire.model_validate(envelope.rows[0]).approver_email_list)
        return tuple(address for address in told if address not in _NOT_APPROVERS)

    async def agreement(self, product: str, months: int, *, server_count: int = 1) -> str:
        """Return the agreement's text; an answer without one is no agreement."""
        envelope = await self._ask("order/agreement", self._with_auth(bodies.agreement(product, months, server_count)))
        if envelope.is_error:
            raise self._answers.refusal_of_parameters(self._answers.error(envelope))
        self._answers.expect_success(envelope)
        wire = AgreementWire.model_validate(envelope.rows[0])
        if not (wire.agreement or wire.order_agreement):
            raise self._answers.changed("holds no agreement")
        return wire.agreement or wire.order_agreement

    async def decode_csr(self, product: str, csr: str) -> CsrFacts:
        """Return how the seller reads a CSR; old misspellings of its members are understood."""
        payload = self._with_auth(bodies.csr_check(product, csr, self._account.csr_encoding))
        envelope = await self._ask("csr", payload)
        if envelope.is_error:
            raise self._answers.refusal_of_csr(self._answers.error(envelope))
        self._answers.expect_success(envelope)
        wire = CsrWire.model_validate(envelope.rows[0])
        common_name = host(wire.domain_name or wire.domin_name)
        if not common_name:
            raise self._answers.changed("reads a request without a name")
        return CsrFacts(
            common_name=common_name,
            names=tuple(dict.fromkeys((common_name, *(host(name) for name in wire.dns_names)))),
            organization=bounded(wire.organization),
            country=bounded(wire.country),
            md5=_digest(wire.md5_hash, 32),
            sha1=_digest(wire.sha1_hash, 40),
            sha256=_digest(wire.sha256, _LONGEST_DIGEST),
            is_wildcard=wire.is_wildcard_csr or common_name.startswith("*."),
            has_bad_extensions=wire.has_bad_extensions,
        )

    async def check_csr(
        self, product: str, csr: str, months: int, *, server_count: int = 1, server_type: str = "Other"
    ) -> None:
        """Let the seller check a CSR for a product and term; what it decodes from it is not looked at."""
        fields = bodies.light_check(
            product,
            csr,
            months,
            server_count=server_count,
            server_type=server_type,
            encoding=self._account.csr_encoding,
        )
        envelope = await self._ask("order/validate", self._with_auth(fields))
        if envelope.is_error:
            error = self._answers.error(envelope)
            is_about_csr = error.says_csr or error.meaning is Meaning.VENDOR
            raise (self._answers.refusal_of_csr if is_about_csr else self._answers.refusal_of_parameters)(error)
        self._answers.expect_success(envelope)

    async def service_status(self) -> None:
        """Ask ``health/status``, which needs no credential: the service is up when this returns."""
        envelope = await self._get("health/status")
        if envelope.is_error is not False:
            raise self._answers.changed("does not say that the service is up")

    async def account_detail(self) -> AccountDetail:
        """Return the account; what it holds tells success from error, since ``isError`` is true either way here."""
        envelope = await self._ask("user/accountdetail", bodies.flat_auth(self._credential))
        wire = AccountWire.model_validate(envelope.rows[0]) if len(envelope.rows) == 1 else AccountWire()
        error = self._answers.error(envelope)
        if envelope.is_error and (error.meaning is Meaning.AUTHENTICATION or not wire.partner_code):
            raise self._answers.refusal(error)
        if envelope.is_array or wire.partner_code != self._account.partner_code:
            raise self._answers.changed("is not about this account")
        currency = wire.currency_code.upper()
        return AccountDetail(
            partner_code=wire.partner_code,
            company=bounded(wire.company_name),
            balance=reading.money(wire.account_balance, currency or "USD"),
            allows_credit=wire.allow_credit,
        )

    async def organizations(self) -> tuple[ListedOrganization, ...]:
        """Return the organisations on file; entries without a number cannot be ordered for and are left out."""
        envelope = await self._ask("digicert/organizationlist", self._organizations_body())
        self._answers.expect_success(envelope)
        wires = OrganizationListWire.model_validate(envelope.rows[0]).organization_list
        return tuple(_organization(wire) for wire in wires if wire.tss_organization_id > 0)

    def _organizations_body(self) -> bodies.Body:
        """Return the body with the credential in both places: public clients disagree on where it belongs."""
        return {**bodies.flat_auth(self._credential), **self._with_auth({})}

    async def modified_since(self, since: datetime, *, page: int = 1) -> ModifiedOrders:
        """Return one page of changed orders; a row without its number makes the page unreadable rather than shorter."""
        envelope = await self._ask(
            "order/getmodifiedorderssummary", self._with_auth(bodies.modified_orders(since, page))
        )
        self._answers.expect_success(envelope)
        wire = ModifiedListWire.model_validate(envelope.rows[0])
        if wire.orders is None:
            raise self._answers.changed("holds no list of orders")
        if not all(is_order_id(order.the_ssl_store_order_id) for order in wire.orders):
            raise self._answers.changed("lists an order without its number")
        count = reading.whole(wire.total_orders)
        total = count if count > 0 or wire.total_orders == "0" else None
        return ModifiedOrders(orders=tuple(modified_order_of(order) for order in wire.orders), total=total)


def _digest(text: str, length: int) -> str:
    word = text.lower()
    return word if len(word) == length and set(word) <= set("0123456789abcdef") else ""


def _organization(wire: OrganizationWire) -> ListedOrganization:
    country = country_code(wire.country)
    return ListedOrganization(
        organization_id=wire.tss_organization_id,
        name=bounded(wire.name),
        city=bounded(wire.city),
        country=country or bounded(wire.country),
        status=bounded(wire.status),
        is_active=wire.status.strip().casefold() == "active",
        has_unknown_country=bool(wire.country) and country is None,
    )
