"""Named time-outs and retry policies: how long one try may take, and how tries follow each other.

None has a limit on all tries together where money has been spent: deadlines are workflow timers that a person can move.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

with workflow.unsafe.imports_passed_through():
    from activities.interface import DNS_QUEUE, KEYS_QUEUE, SELLER_QUEUE, WORKFLOW_QUEUE


_PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)
_POLL = RetryPolicy(
    initial_interval=timedelta(minutes=1), backoff_coefficient=1.0, maximum_interval=timedelta(minutes=1)
)

_MISSED_AFTER = timedelta(seconds=10)
"""A worker that died in an activity is missed after this long; every activity heartbeats by itself."""

INVENTORY = ActivityConfig(
    task_queue=WORKFLOW_QUEUE,
    start_to_close_timeout=timedelta(minutes=1),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_PATIENT,
)
"""A transaction on the inventory."""

OPENING: ActivityConfig = {
    **INVENTORY,
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}
"""A transaction on the inventory that opens an order: whoever cancels it has to know whether it was done."""

KEYS = ActivityConfig(
    task_queue=KEYS_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_PATIENT,
)
"""Making a key; RSA-4096 on a busy machine takes its time."""

SELLER_READ = ActivityConfig(
    task_queue=SELLER_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_PATIENT,
)
"""A read at the seller, repeated for as long as it is away."""

SELLER_ACT = ActivityConfig(
    task_queue=SELLER_QUEUE,
    start_to_close_timeout=timedelta(minutes=4),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_PATIENT,
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""An act that may cost money: its outcome is always awaited; a second try looks before it acts."""

SELLER_POLL = ActivityConfig(
    task_queue=SELLER_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_POLL,
    cancellation_type=ActivityCancellationType.TRY_CANCEL,
)
"""One activity whose retries are the poll; the activity itself says when the next look makes sense."""

DNS = ActivityConfig(
    task_queue=DNS_QUEUE,
    start_to_close_timeout=timedelta(minutes=2),
    heartbeat_timeout=_MISSED_AFTER,
    retry_policy=_PATIENT,
)
"""Writing records, and looking at them where the CA will."""

RULING: ActivityConfig = {**SELLER_READ, "schedule_to_close_timeout": timedelta(minutes=2)}
"""A person waits for the answer of a ruling; who cannot be asked within two minutes is told so."""

LOOK_AT_RUNS: ActivityConfig = {**INVENTORY, "start_to_close_timeout": timedelta(minutes=5)}
"""Asking Temporal for a batch of runs, and starting some."""

SELLER_LIST: ActivityConfig = {
    **SELLER_READ,
    "start_to_close_timeout": timedelta(minutes=30),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=5),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=3,
    ),
}
"""Reading the whole list of an account: a seller that stays away is left out after three tries; the next run asks again."""

PROOF_VALUE_DAYS = 30
"""Random values used in proof live at most 30 days (Baseline Requirements 3.2.2.4)."""

DNS_AT_END: ActivityConfig = {**DNS, "schedule_to_close_timeout": timedelta(hours=24)}
"""Removing the proof: one run tries for a day; what is left then is a row that a later sweep takes up."""

CONTINUE_AS_NEW_EVENTS = 4000


def told(config: ActivityConfig, summary: str) -> ActivityConfig:
    """Return the options with the line that the history shows for this activity: the lines read as a story."""
    return {**config, "summary": summary}
