"""Makes workers without the guards that the disasters of servers and inventory are about.

They order again what was not confirmed (``naive_worker``), raise no alert for what the seller's list shows, and work with
any schema. A proof that finds nothing here proves nothing.
"""

from activities.adapters.inventory import schema
from domain import sync
from starter.prove.worker_host import main
from tests.integration import naive_worker

assert naive_worker is not None  # its import did the damage
setattr(sync, "compare", lambda *_args, **_named: sync.Comparison())  # noqa: B010 the damage
setattr(schema.SchemaState, "require", lambda _self: None)  # noqa: B010 the same

if __name__ == "__main__":
    main()
