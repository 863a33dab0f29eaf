"""Every endpoint of the seller API by its path. How one is reached, wrapped and broken on purpose is `rest.py`."""

import hmac

from deploy.sandbox import account, changing, collecting, listing, organizations, reading, refunding, reissuing, selling
from deploy.sandbox.book import Order
from deploy.sandbox.calls import Call, Endpoint, acknowledge, referred_ids, show_after
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Members
from deploy.sandbox.world import World


def authenticate(world: World, name: str, request: Members) -> Order | None:
    """Check the credentials of a call; the order of an order token, if it carries one.

    An order token wins over the partner's pair, also when both are there: otherwise a client that completes a paid
    order would buy another one. Where the account itself is meant, a token counts for nothing.

    Raises:
        RefusalError: Unknown partner, token or order token.
    """
    endpoint = ENDPOINTS[name]
    if endpoint.credentials == "none":
        return None
    auth = endpoint.auth_of(request)
    token = auth.text("Token") or "#!".join(filter(None, (auth.text("TokenID"), auth.text("TokenCode"))))
    if token and not endpoint.is_partner_only:
        order = world.book.by_token(token)
        if order is None:
            raise RefusalError(Code.AUTHENTICATION)
        return order
    settings = world.settings
    good = _same(auth.text("PartnerCode"), settings.partner_code) & _same(auth.text("AuthToken"), settings.auth_token)
    if good and world.faults.strike("token_rejected", name, referred_ids(world, request)):
        good = False
    if not good and not (name == "order/query" and world.switches.query_credentials == "ignored"):
        raise RefusalError(Code.AUTHENTICATION)
    return None


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _look(call: Call, order: Order) -> None:
    """Nothing is done: the answer shows the order."""


ENDPOINTS: dict[str, Endpoint] = {
    "health/status": Endpoint(account.say_well, "flat", "none"),
    "health/validate": Endpoint(account.say_well, "flat", "flat"),
    "health/validatetoken": Endpoint(account.show_token, "both", "either"),
    "user/accountdetail": Endpoint(
        account.show_account,
        "object",
        "either",
        is_partner_only=True,
        claims_error=lambda switches: switches.account_detail_is_error,
    ),
    "setting/setordercallback": Endpoint(account.set_order_callback, "flat", "either", is_partner_only=True),
    "setting/setpricecallback": Endpoint(account.set_price_callback, "flat", "either", is_partner_only=True),
    "setting/cancelnotification": Endpoint(account.cancel_notification, "flat", "either", is_partner_only=True),
    "product/query": Endpoint(listing.products, "array"),
    "csr": Endpoint(reading.show_csr, "object"),
    "csr/decodecsr": Endpoint(reading.decode_csr, "object"),
    "order/approverlist": Endpoint(reading.show_approvers, "object"),
    "order/agreement": Endpoint(reading.show_agreement, "object"),
    "order/validate": Endpoint(reading.check_order, "object"),
    "order/validateorderparameters": Endpoint(selling.dry_run, "object"),
    "order/neworder": Endpoint(selling.new_order, "order"),
    "order/inviteorder": Endpoint(selling.invite, "order"),
    "order/status": Endpoint(show_after(_look), "order"),
    "order/live-order-status": Endpoint(show_after(_look), "order"),
    "order/info": Endpoint(show_after(_look), "order"),
    "order/query": Endpoint(listing.orders, "array", is_partner_only=True),
    "order/getmodifiedorderssummary": Endpoint(listing.modified_orders, "object", is_partner_only=True),
    "order/download": Endpoint(collecting.download, "object"),
    "order/downloadaszip": Endpoint(collecting.download_zip, "object"),
    "order/certificate/download": Endpoint(collecting.download_newer, "object"),
    "order/certificate/downloadaszip": Endpoint(collecting.download_zip, "object"),
    "order/certificate/csr/download": Endpoint(collecting.download_csr, "object"),
    "order/reissue": Endpoint(show_after(reissuing.reissue), "order"),
    "order/certificaterevokerequest": Endpoint(acknowledge(reissuing.revoke), "flat"),
    "order/refundrequest": Endpoint(show_after(refunding.request_refund), "order"),
    "order/refundstatus": Endpoint(refunding.show_refund, "order"),
    "order/resend": Endpoint(acknowledge(changing.resend), "flat"),
    "order/changeapproveremail": Endpoint(acknowledge(changing.change_approver), "flat"),
    "order/changeapprovermethod": Endpoint(acknowledge(changing.change_method), changing.change_envelope),
    "digicert/setapprovermethod": Endpoint(acknowledge(changing.set_methods), changing.change_envelope),
    "digicert/checkdcv": Endpoint(acknowledge(changing.check_now), changing.change_envelope),
    "digicert/getdomaininfo": Endpoint(changing.show_domain, "object"),
    "digicert/domaininfo": Endpoint(changing.show_domain, "object"),
    "digicert/organizationlist": Endpoint(organizations.list_organizations, "object", "either", is_partner_only=True),
    "digicert/organizationinfo": Endpoint(organizations.show_organization, "object", "either", is_partner_only=True),
}
