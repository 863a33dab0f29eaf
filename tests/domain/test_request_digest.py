"""What makes two requests the same purchase."""

from typing import Any

import pytest

from domain.policy import request_digest
from domain.request import OrderRequest

ASKED: dict[str, Any] = {"account": "main", "product": "positivessl", "common_name": "www.example.com", "months": 12}


def digest(**changes: Any) -> str:
    return request_digest(OrderRequest.model_validate(ASKED | changes))


@pytest.mark.parametrize(
    "told",
    [
        {"request_id": "r-1"},
        {"requested_by": "ann"},
        {"reason": "CHG-1"},
        {"dry_run": True},
        {"resume_order": "EC-AAAAAAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_who_asks_and_for_which_lost_run_changes_nothing(told: dict[str, Any]) -> None:
    assert digest(**told) == digest()


@pytest.mark.parametrize(
    "told", [{"months": 24}, {"account": "other"}, {"max_price": "20"}, {"allow_duplicate": True}, {"server_count": 2}]
)
def test_what_is_bought_counts(told: dict[str, Any]) -> None:
    assert digest(**told) != digest()


def test_what_the_inventory_holds_has_the_same_digest() -> None:
    asked = OrderRequest.model_validate(ASKED | {"max_price": "20.50", "key": {"algorithm": "rsa"}, "request_id": "r"})
    stored = asked.model_dump(mode="json", exclude_defaults=True)
    assert request_digest(OrderRequest.model_validate(stored)) == request_digest(asked)
