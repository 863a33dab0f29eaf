"""The one translation of errors: from the tree of ``domain.errors`` to what Temporal understands.

Messages are written for people: they stand in the pending activity and in the history. Nothing foreign passes: an error
that is not ours is told by its type and a trace id, its text stays in the worker's own log.
"""

import asyncio
import hashlib
import traceback
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.messages import Finding
from domain.errors import EvercertError, InvariantBroken, NotYet, Retry

_log = structlog.get_logger(__name__)
_BUG_ATTEMPTS = 3
_MAX_TEXT = 1500


def as_failure(error: EvercertError, *, attempt: int = 1) -> ApplicationError:
    """Return the failure that stands for an error of ours.

    ``type`` is the code; what cannot get better by itself is non-retryable; ``retry_after`` becomes the next retry's
    delay. A broken invariant is tried three times, since a deploy may have mended it.
    """
    text = error.message if not error.next_step else f"{error.message} Next: {error.next_step}"
    if error.why:
        text += " Seen: " + "; ".join(error.why[:6])
    return ApplicationError(
        text[:_MAX_TEXT],
        *[Finding.of(violation) for violation in error.violations[:10]],
        type=error.code,
        non_retryable=_is_final(error, attempt),
        next_retry_delay=error.retry_after,
        category=ApplicationErrorCategory.BENIGN if isinstance(error, NotYet) else ApplicationErrorCategory.UNSPECIFIED,
    )


def _is_final(error: EvercertError, attempt: int) -> bool:
    if isinstance(error, InvariantBroken):
        return attempt >= _BUG_ATTEMPTS
    return error.retry in (Retry.NEVER, Retry.PERSON)


class FailureInterceptor(Interceptor):
    """Puts translation and heartbeat around every activity, so that none can forget them."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the activity's execution; the parameter's name is the SDK's."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 the SDK's name
        info = activity.info()
        pulse = asyncio.create_task(_pulse(info))
        with structlog.contextvars.bound_contextvars(workflow=info.workflow_id, activity=info.activity_type):
            try:
                return await super().execute_activity(input)
            except EvercertError as error:
                raise as_failure(error, attempt=info.attempt) from None
            except (asyncio.CancelledError, ApplicationError):
                raise
            except Exception as error:  # noqa: BLE001 the edge: nothing foreign may pass into a history
                raise as_failure(_bug(error, info.activity_type), attempt=info.attempt) from None
            finally:
                pulse.cancel()


async def _pulse(info: activity.Info) -> None:
    """Heartbeat while the activity works, so that a worker that died is missed within seconds, not minutes.

    Most activities end before the first beat is due, and each beat is a write in Temporal's database. Details of an earlier
    attempt are repeated: a heartbeat without them would wipe them out. An attempt that never beats leaves them to the next.
    """
    if info.heartbeat_timeout is None:
        return
    pause = info.heartbeat_timeout.total_seconds() / 3
    while True:
        await asyncio.sleep(pause)
        activity.heartbeat(*info.heartbeat_details)


def _bug(error: Exception, where: str) -> InvariantBroken:
    trace = "".join(traceback.format_tb(error.__traceback__))
    trace_id = hashlib.sha256(f"{type(error).__name__}{trace}".encode()).hexdigest()[:12]
    # The error's text may quote a secret; its place in the code cannot.
    _log.error("activity.failed", trace_id=trace_id, error_type=type(error).__name__, trace=trace)
    return InvariantBroken(
        "internal-error",
        f"{where} failed with an unexpected {type(error).__name__} (trace id {trace_id})",
        next_step="look for the trace id in the worker's log and report it.",
    )
