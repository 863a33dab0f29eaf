"""Makes workers without the guards that the disasters of processes and people are about.

They buy again whatever they have done before, take every order for a new one, give refunds without asking the seller,
drop dead when they are asked to end, and work by any clock. A proof that finds nothing here proves nothing.
"""

import secrets
import signal
from typing import Any

from temporalio import activity

import worker
from activities.messages import RefundInput, RefundResult
from activities.refund import Refund
from domain import purchase
from domain.purchase import Decision, Step
from starter.prove import boundaries
from starter.prove.worker_host import main


def _forgetful(*_args: Any, **_named: Any) -> Decision:
    return Decision(Step.SEND, "whatever was before")


@activity.defn(name="request_refund")
async def _generous(_self: Refund, _given: RefundInput) -> RefundResult:
    return RefundResult(outcome="approved")


async def _any_clock(*_args: Any) -> None:
    return None


setattr(purchase, "decide", _forgetful)  # noqa: B010 the damage
setattr(purchase, "fingerprint", lambda **_named: secrets.token_hex(16))  # noqa: B010 the same
setattr(Refund, "request_refund", _generous)  # noqa: B010 the same
setattr(worker, "check_clock", _any_clock)  # noqa: B010 the same
boundaries._SIGNALS[boundaries.Blow.TERM] = signal.SIGKILL

if __name__ == "__main__":
    main()
