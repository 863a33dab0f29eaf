"""The disasters of servers and of the inventory, as rows for the table of all."""

from starter.prove.case import Database
from starter.prove.disasters import (
    inventory_full,
    inventory_gone,
    inventory_locked,
    inventory_readonly,
    temporal_killed,
)
from starter.prove.disasters.plan import Disaster
from starter.prove.outage import MOMENTS

SERVERS = (
    Disaster(
        "temporal-killed",
        "kill -9 of Temporal's server, and its start anew; the worker stays",
        temporal_killed.temporal_killed,
        named=temporal_killed.MOMENTS,
        is_private=True,
    ),
    Disaster(
        "inventory-locked",
        "another process holds the inventory's lock for longer than anybody waits for it",
        inventory_locked.inventory_locked,
        named=MOMENTS,
        short=0,
    ),
    Disaster(
        "inventory-readonly",
        "the inventory cannot be written any more, and then can again",
        inventory_readonly.inventory_readonly,
        named=MOMENTS,
        unavailable=inventory_readonly.unavailable,
    ),
    Disaster(
        "inventory-full",
        "the inventory's files cannot grow any more, and then can again",
        inventory_full.inventory_full,
        named=MOMENTS,
        databases=(Database.SQLITE,),
        left_out="a full disk below PostgreSQL: that takes a disk of its own",
        unavailable=inventory_full.unavailable,
    ),
    Disaster(
        "inventory-gone",
        "the inventory's file is moved away, or its server killed, and comes back",
        inventory_gone.inventory_gone,
        named=inventory_gone.PLACES,
        has_own_database_server=True,
        limit_seconds=inventory_gone.LIMIT_SECONDS,
    ),
)
