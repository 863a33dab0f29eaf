"""Endpoints about the account: its health, its balance, order tokens, call-backs."""

import ipaddress
from urllib.parse import urlsplit

from deploy.sandbox.calls import Call
from deploy.sandbox.catalogue import BY_CODE, wire_product
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json

_LONGEST_URL = 500


def say_well(call: Call) -> dict[str, Json]:
    """`health/status` and `health/validate`: the envelope is the answer."""
    return {}


def show_token(call: Call) -> dict[str, Json]:
    """`health/validatetoken`: what an order token is good for."""
    order = call.token_order
    if order is None:
        raise RefusalError(Code.AUTHENTICATION)
    product = BY_CODE[order.product_code]
    return {
        "ProductName": product.name,
        "ProductCode": product.code,
        "San": order.sans_bought,
        "OrderStatus": order.shown_major(call.world.clock.now()),
        "NumberOfMonths": order.months,
        "ServerCount": order.server_count,
        "isRenewalOrder": bool(order.related_order_id),
        "ProductType": wire_product(product)["ProductType"],
        "VendorName": product.vendor,
    }


def show_account(call: Call) -> dict[str, Json]:
    """`user/accountdetail`: who the partner is and what may still be spent."""
    world = call.world
    return {
        "PartnerCode": world.settings.partner_code,
        "CompanyName": "Sandbox Partner",
        "FullName": "Sandbox Partner",
        "Email": "partner@example.test",
        "AlternateEmail": "",
        "AccountType": "Reseller",
        "AccountBalance": f"{world.switches.account_credit - world.book.spent:.2f}",
        "CurrentPlan": "Sandbox",
        "AllowCredit": False,
        "CurrencyCode": "USD",
    }


def set_order_callback(call: Call) -> dict[str, Json]:
    """`setting/setordercallback`: changes of status are posted to a URL, on loopback only."""
    call.world.book.call_back(_loopback_url(call.request.text("url")))
    return {}


def set_price_callback(call: Call) -> dict[str, Json]:
    """`setting/setpricecallback`: an acknowledgement, since prices never change here."""
    _loopback_url(call.request.text("url"))
    return {}


def cancel_notification(call: Call) -> dict[str, Json]:
    """`setting/cancelnotification`: no call-backs any more; a URL must be the one that was set."""
    if call.request.text("url") in {"", call.world.book.callback_url}:
        call.world.book.call_back("")
    return {}


def _loopback_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise RefusalError(Code.PARAMETER, "The url must be an http address on loopback") from None
    if parts.scheme != "http" or port == 0 or not is_loopback or len(url) > _LONGEST_URL:
        raise RefusalError(Code.PARAMETER, "The url must be an http address on loopback")
    return url
