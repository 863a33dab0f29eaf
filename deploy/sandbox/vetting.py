"""Vetting of organisations: steps that take their time, and organisations that are through with them already.

Identity data may be used again for 398 days (Baseline Requirements 4.2.1); what was good enough for an EV certificate is
good enough for an OV one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from deploy.sandbox.catalogue import Level
from deploy.sandbox.state import Store
from deploy.sandbox.wire import Json, dotnet_text

IDENTITY_LIFE = timedelta(days=398)
VettedLevel = Literal["OV", "EV"]
_STEPS: dict[Level, tuple[str, ...]] = {
    "DV": (),
    "OV": ("Organization Authentication", "Verification Call"),
    "EV": ("Organization Authentication", "Legal Existence", "Verification Call", "Final Approval"),
}
_RANK: dict[str, int] = {"OV": 1, "EV": 2}


class VettingStep(BaseModel):
    """One step of an order's vetting."""

    name: str
    started_at: datetime
    completed_at: datetime | None = None


class VettedOrganization(BaseModel):
    """An organisation whose identity was established."""

    name: str
    country: str
    level: VettedLevel
    vetted_at: datetime


class VettedOrganizations:
    """Organisations by name and country."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = [VettedOrganization.model_validate_json(row) for row in store.rows("vetted")]
        self._known = {_key(row.name, row.country): row for row in rows}

    def __iter__(self) -> Iterator[VettedOrganization]:
        return iter(list(self._known.values()))

    def add(self, organization: VettedOrganization) -> None:
        """Remember an organisation; a lower level never replaces a higher one that is still good."""
        key = _key(organization.name, organization.country)
        known = self._known.get(key)
        is_lower = known is not None and _RANK[organization.level] < _RANK[known.level]
        if known is not None and is_lower and organization.vetted_at < known.vetted_at + IDENTITY_LIFE:
            return
        self._known[key] = organization
        self._store.put_all(("vetted", json.dumps(key), organization.model_dump_json()))

    def is_vetted(self, organization: Mapping[str, str], level: Level, now: datetime) -> bool:
        """Whether an order's organisation needs no vetting for a level."""
        known = self._known.get(_key(organization.get("OrganizationName", ""), organization.get("Country", "")))
        if known is None or level == "DV":
            return level == "DV"
        return _RANK[known.level] >= _RANK[level] and known.vetted_at <= now < known.vetted_at + IDENTITY_LIFE

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._store.drop("vetted")


def needs_plan(steps: Sequence[VettingStep], now: datetime) -> bool:
    """Whether vetting must begin: it never did, or what it found has become too old."""
    return not steps or any(s.completed_at is not None and now >= s.completed_at + IDENTITY_LIFE for s in steps)


def plan(level: Level, now: datetime, *, is_vetted: bool) -> list[VettingStep]:
    """The steps for a level, done already for an organisation that is vetted."""
    return [VettingStep(name=name, started_at=now, completed_at=now if is_vetted else None) for name in _STEPS[level]]


def advance(steps: Sequence[VettingStep], now: datetime, seconds: float) -> bool:
    """Complete the steps that are due, one after another in equal shares of the time; whether any was."""
    done = False
    for position, step in enumerate(steps, start=1):
        due = step.started_at + timedelta(seconds=seconds * position / len(steps))
        if step.completed_at is None and now >= due:
            step.completed_at, done = now, True
    return done


def is_done(steps: Sequence[VettingStep]) -> bool:
    """Whether every step is completed."""
    return all(step.completed_at is not None for step in steps)


def authentication_statuses(steps: Sequence[VettingStep]) -> list[Json]:
    """Elements of `AuthenticationStatuses` for the steps."""
    return [
        {
            "AuthenticationStep": step.name,
            "Status": "Completed" if step.completed_at else "Pending",
            "LastUpdated": dotnet_text(step.completed_at or step.started_at),
        }
        for step in steps
    ]


def _key(name: str, country: str) -> tuple[str, str]:
    return " ".join(name.split()).casefold(), country.strip().upper()
