"""Faults on order: rules that say what goes wrong, where, for whom and how often. Seeded, hence reproducible."""

import random
from collections.abc import Callable, Collection
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FaultName = Literal[
    "delay",
    "answer_delay",
    "http_502",
    "close_unanswered",
    "refuse_connections",
    "token_rejected",
    "drop_after_sale",
    "reset_before_body",
    "truncated_json",
    "null_message",
    "throttled",
    "duplicate_rows",
    "foreign_proof",
    "wrong_leaf",
    "status_lag",
    "query_lag",
    "unknown_order_shape",
    "issue_delay",
    "echo_secrets",
]
#: Where a rule without an endpoint strikes, for faults that make sense in one place only.
_HOME: dict[str, str] = {
    "drop_after_sale": "order/neworder",
    "wrong_leaf": "order/download",
    "status_lag": "order/status",
    "query_lag": "order/query",
    "duplicate_rows": "order/query",
}
_TIMED = {"delay", "answer_delay", "status_lag", "query_lag", "issue_delay", "refuse_connections", "throttled"}


class Rule(BaseModel):
    """One rule; open members match everything."""

    model_config = ConfigDict(extra="forbid")

    fault: FaultName
    endpoint: str | None = None
    """`order/status` and the like; open for every endpoint where the fault makes sense."""
    order: str | None = None
    """CustomOrderID, TheSSLStoreOrderID or VendorOrderID."""
    times: int | None = Field(default=None, ge=1)
    """How often it strikes before it is used up."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Chance per matching call, from the sandbox's seeded dice."""
    seconds: float = Field(default=0.0, ge=0, le=31_536_000)
    """`delay` (before the work), `answer_delay` (after it), `refuse_connections`, `throttled` (as Retry-After): real seconds.

    `status_lag`, `query_lag`, `issue_delay`: of the sandbox's clock."""
    name: str = ""
    """`foreign_proof`: the record name shown instead."""
    value: str = ""
    """`foreign_proof`: the record value shown instead."""
    kind: Literal["name", "key", "chain", "dates"] = "name"
    """`wrong_leaf`: what is wrong with the leaf."""
    shape: Literal["error", "empty_success", "null_ids"] = "empty_success"
    """`unknown_order_shape`: the answer for an unknown order."""
    hide: bool = False
    """`unknown_order_shape`: treat an order that exists as unknown."""
    place: Literal["page", "message", "words"] = "page"
    """`echo_secrets`: an HTML page (HTTP 500) or an error message, nothing being done; or free texts of a good answer."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.fault in _TIMED and self.seconds <= 0:
            raise ValueError(f"{self.fault} needs seconds above zero")
        if self.fault == "foreign_proof" and not (self.name and self.value):
            raise ValueError("foreign_proof needs name and value")
        if self.fault == "refuse_connections" and (self.endpoint or self.order):
            raise ValueError("refuse_connections closes the listener for everyone and takes no endpoint or order")
        return self


class FaultBook:
    """The rules in force."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._rules: list[Rule] = []
        self.changed: Callable[[], None] = lambda: None
        """Called after rules were added or lifted; the listener closes and opens on it."""

    def add(self, rule: Rule) -> None:
        """Put a rule into force, behind those that are there."""
        self._rules.append(rule.model_copy())
        self.changed()

    def seconds_of(self, fault: FaultName, ids: Collection[str]) -> float:
        """Longest `seconds` among the rules of a fault that name one of these ids or none; uses nothing up."""
        return max((rule.seconds for rule in self._rules if _matches(rule, fault, "", ids)), default=0.0)

    def rules(self) -> list[Rule]:
        """Rules in force, with the strikes they have left."""
        return [rule.model_copy() for rule in self._rules]

    def clear(self, fault: str | None = None) -> None:
        """Lift all rules, or those of one fault; lifting all resets the dice to the seed."""
        self._rules = [rule for rule in self._rules if fault is not None and rule.fault != fault]
        if fault is None:
            self._dice.seed(self._seed)
        self.changed()

    def strike(
        self,
        fault: FaultName,
        endpoint: str,
        ids: Collection[str] = (),
        when: Callable[[Rule], bool] = lambda rule: True,
    ) -> Rule | None:
        """The first rule that strikes this call, used up by one; `None` when all is well."""
        for rule in self._rules:
            if not _matches(rule, fault, endpoint, ids) or not when(rule):
                continue
            if rule.probability < 1 and self._dice.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
                if rule.times == 0:
                    self._rules.remove(rule)
            return rule.model_copy()
        return None


def _matches(rule: Rule, fault: FaultName, endpoint: str, ids: Collection[str]) -> bool:
    wanted = rule.endpoint or _HOME.get(fault)
    return (
        rule.fault == fault
        and (wanted is None or wanted.strip("/") == endpoint)
        and (rule.order is None or rule.order in ids)
    )
