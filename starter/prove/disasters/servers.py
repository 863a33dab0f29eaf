"""The disasters of servers and of the inventory, as rows for the table of all."""

from starter.prove.case import Database
from starter.prove.disasters import (
    inventory_full,
    inventory_gone,
    inventory_locked,
    inventory_readonly,
    inventory_restored,
    late_sale,
    old_schema,
    seller_away,
    temporal_killed,
    temporal_lost,
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
        seconds=20,
    ),
    Disaster(
        "temporal-lost",
        "Temporal's file deleted with an order in flight, and the server started anew as another cluster",
        temporal_lost.temporal_lost,
        named=temporal_lost.PLACES,
        is_private=True,
        short=0,
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
        "the inventory's files cannot grow any more, or PostgreSQL's disk is full, and then there is room again",
        inventory_full.inventory_full,
        named=MOMENTS,
        is_private=True,  # a log that was once longer has room left
        has_own_database_server=True,
        database_disk_mebibytes=inventory_full.DISK_MEBIBYTES,
        unavailable=inventory_full.unavailable,
    ),
    Disaster(
        "inventory-gone",
        "the inventory's file is moved away, or its server killed, and comes back",
        inventory_gone.inventory_gone,
        named=inventory_gone.PLACES,
        long=inventory_gone.LONG_PLACES,
        has_own_database_server=True,
        limit_seconds=inventory_gone.LIMIT_SECONDS,
    ),
    Disaster(
        "seller-away",
        "the seller is killed, or refuses connections, and is back a day later",
        seller_away.seller_away,
        named=seller_away.PLACES,
        is_private=True,
        seconds=25,
        left_out="timers of Temporal that last for days: shown by time-skipping tests (tests/workflows)",
    ),
    Disaster(
        "late-sale",
        "a sale shows up after the order was given up, or ruled as not placed",
        late_sale.late_sale,
        named=late_sale.PLACES,
        is_private=True,  # SyncOrders concludes nothing from a list that lacks what was bought before
        short=0,
    ),
    Disaster(
        "old-schema",
        "the inventory is of the release before, with an order in flight",
        old_schema.old_schema,
        named=old_schema.MOMENTS,
        is_private=True,
        short=0,
    ),
    *(
        Disaster(
            kind,
            "a copy of the inventory from between reservation and sale is put back after the sale",
            inventory_restored.inventory_restored,
            named=places,
            databases=(database,),
            is_private=True,
            short=0,
        )
        for kind, database, places in (
            ("inventory-restored", Database.SQLITE, inventory_restored.PLACES),
            ("database-restored", Database.POSTGRESQL, inventory_restored.PLACES_OF_SERVERS),
        )
    ),
)
