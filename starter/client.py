"""The typed client: what services import, and what the command line is a thin layer over."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.adapters.build import Adapters, adapter_settings, open_adapters
from activities.interface import WORKFLOW_QUEUE
from activities.keys import KEY_PURPOSE
from activities.order_runs import OrderRuns, require_open
from activities.ports import Inventory
from domain import ids
from domain.errors import EvercertError, InvalidRequest, Refused, Unavailable
from domain.inventory import AuditEvent, OrderRecord
from domain.policy import request_digest
from domain.request import Act, ExtendDeadline, OrderRequest, ResolvePurchase
from starter.history import RunHistory, read_steps
from starter.logs import runtime
from starter.plugin import evercert_plugin
from starter.settings import Settings
from workflows.issue import IssueCertificate
from workflows.messages import ActAnswer, OrderResult, OrderStatus, SyncResult
from workflows.sync_orders import SyncOrders


@dataclass(frozen=True)
class StartedOrder:
    """An order that a run works on.

    Attributes:
        order_id: ``EC-…``.
        workflow_id, run_id: of the run.
        request_id: repeat the call with it and no second order comes of it.
        was_running: the run was there already.
    """

    order_id: str
    workflow_id: str
    run_id: str
    request_id: str
    was_running: bool


@dataclass(frozen=True)
class StartedSync:
    """A run of ``SyncOrders``."""

    workflow_id: str
    run_id: str


async def connect_temporal(settings: Settings) -> Client:
    """Connect to the Temporal server of the settings.

    Raises:
        Unavailable: ``engine-unreachable``.
    """
    config: Mapping[str, Any] = settings.temporal_connect_config()
    try:
        return await Client.connect(**config, runtime=runtime(), plugins=[evercert_plugin()])
    except (RPCError, RuntimeError, OSError) as error:
        raise Unavailable(
            "engine-unreachable",
            f"no Temporal server answers at {config.get('target_host')} ({type(error).__name__})",
            next_step="start one with evercert dev, or name yours: TEMPORAL_ADDRESS or a profile of the Temporal CLI",
        ) from None


class EvercertClient:
    """Orders certificates and acts on running orders; lists come from the inventory and need no Temporal."""

    def __init__(self, temporal: Client, adapters: Adapters) -> None:
        self._temporal = temporal
        self._adapters = adapters
        self._runs = OrderRuns(lambda: temporal)

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator[Self]:
        """Open inventory and Temporal server for the time of a ``async with`` block."""
        async with open_adapters(adapter_settings(settings)) as adapters:
            yield cls(await connect_temporal(settings), adapters)

    @property
    def inventory(self) -> Inventory:
        """The inventory, for lists."""
        return self._adapters.inventory

    @property
    def temporal(self) -> Client:
        """The Temporal client underneath."""
        return self._temporal

    async def order(self, request: OrderRequest) -> StartedOrder:
        """Start an order. Repeated with the same ``request_id`` it answers with the order that is there.

        Raises:
            InvalidRequest: ``request-id-reused`` when that id was used for another order.
            Unavailable: ``engine-unreachable``.
        """
        request_id = request.request_id or secrets.token_hex(6)
        asked = request.model_copy(update={"request_id": request_id})
        known = await self.inventory.order_with_request_id(request.account, request_id)
        if known is not None:
            return _existing(known, asked)
        workflow_id = ids.issue_workflow_id(asked.common_name, request_id)
        try:
            handle = await self._temporal.start_workflow(
                IssueCertificate.run,
                asked,
                id=workflow_id,
                task_queue=WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"{asked.product} for {asked.common_name}, {asked.months} months",
            )
        except WorkflowAlreadyStartedError as error:
            return await self._closed(workflow_id, error.run_id or "", asked)
        except RPCError as error:
            raise _engine_error(error) from None
        return await self._started(handle, asked)

    async def _started(self, handle: WorkflowHandle[Any, OrderResult], asked: OrderRequest) -> StartedOrder:
        first_run_id = handle.first_execution_run_id or handle.result_run_id or ""
        order_id = ids.order_id(self._temporal.namespace, handle.id, first_run_id)
        known = await self.inventory.order(order_id)
        if known is not None:
            return _existing(known, asked)
        return StartedOrder(order_id, handle.id, first_run_id, asked.request_id or "", was_running=False)

    async def _closed(self, workflow_id: str, run_id: str, asked: OrderRequest) -> StartedOrder:
        order_id = ids.order_id(self._temporal.namespace, workflow_id, run_id)
        known = await self.inventory.order(order_id)
        if known is not None:
            return _existing(known, asked)
        return StartedOrder(order_id, workflow_id, run_id, asked.request_id or "", was_running=True)

    async def resume(self, order: OrderRecord, *, by: str, reason: str = "") -> StartedOrder:
        """Start a run that takes up an order whose own run is lost; a purchase that was sent is never sent again.

        The new run takes the order over once the former one was found closed or missing twice, five minutes apart.
        Repeated while such a run is under way it answers with that one.

        Args:
            order: as the inventory has it.
            by: who asks (claimed, not proved).
            reason: why, for the audit.

        Raises:
            Refused: ``order-ended``, or ``run-alive`` when its run is open.
            InvalidRequest: ``resume-differs`` when the stored request is not what was ordered.
            Unavailable: ``engine-unreachable``.
        """
        taken = await self._runs.take_up(order, by=by, reason=reason)
        return StartedOrder(order.order_id, taken.workflow_id, taken.run_id, order.request_id, taken.was_running)

    async def wait(self, started: StartedOrder) -> OrderResult:
        """Wait for the end of an order's run, for as long as it takes."""
        handle = self._temporal.get_workflow_handle_for(
            IssueCertificate.run, started.workflow_id, run_id=started.run_id or None
        )
        return await handle.result()

    async def sync(self, request_id: str = "") -> StartedSync:
        """Start a look at all open orders and all sellers' lists at once, whatever the schedule says.

        Args:
            request_id: repeat the call with it and no second run comes of it; made here when left out.

        Raises:
            Unavailable: ``engine-unreachable``.
        """
        workflow_id = ids.sync_workflow_id(request_id or secrets.token_hex(6))
        try:
            handle = await self._temporal.start_workflow(
                SyncOrders.run,
                id=workflow_id,
                task_queue=WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary="compare orders and sales, asked for by hand",
            )
        except WorkflowAlreadyStartedError as error:
            return StartedSync(workflow_id, error.run_id or "")
        except RPCError as error:
            raise _engine_error(error) from None
        return StartedSync(workflow_id, handle.first_execution_run_id or handle.result_run_id or "")

    async def wait_for_sync(self, started: StartedSync) -> SyncResult:
        """Wait for the end of such a look. Raises ``Unavailable('sync-failed')`` when it came to no result."""
        handle = self._temporal.get_workflow_handle_for(
            SyncOrders.run, started.workflow_id, run_id=started.run_id or None
        )
        try:
            return await handle.result()
        except WorkflowFailureError as error:
            cause = error.cause
            why = (cause.message,) if isinstance(cause, ApplicationError) else ()
            raise Unavailable("sync-failed", "the look at orders and sales came to no result", why=why) from None

    async def status(self, order: OrderRecord) -> OrderStatus:
        """Ask the running order what it waits for. Raises ``Unavailable('engine-unreachable')``."""
        try:
            return await self._handle(order).query(IssueCertificate.status)
        except RPCError as error:
            raise _engine_error(error) from None

    async def check_now(self, order: OrderRecord, act: Act) -> ActAnswer:
        """Let the order look at once. Raises ``Refused`` with the run's own reason."""
        return await self._update(order, IssueCertificate.check_now, act)

    async def extend_deadline(self, order: OrderRecord, act: ExtendDeadline) -> ActAnswer:
        """Move the deadline of the order. Raises ``Refused`` with the run's own reason."""
        return await self._update(order, IssueCertificate.extend_deadline, act)

    async def resolve_purchase(self, order: OrderRecord, act: ResolvePurchase) -> ActAnswer:
        """Settle a purchase in doubt, or the outcome of a refund. Raises ``Refused`` with the run's own reason."""
        return await self._update(order, IssueCertificate.resolve_purchase, act)

    async def cancel(self, order: OrderRecord, act: Act) -> ActAnswer:
        """Stop the order at its next safe point; what is paid for is asked back. Raises ``Refused`` as above."""
        return await self._update(order, IssueCertificate.cancel, act)

    async def history(self, order: OrderRecord) -> RunHistory:
        """Return the history of the order's newest run as steps.

        Raises:
            InvalidRequest: ``run-not-found``.
            Unavailable: ``engine-unreachable``.
        """
        found = await self._runs.described(order.workflow_id)
        if found is None or not found.is_of(order.run_id):
            raise _run_not_found()
        handle = self._temporal.get_workflow_handle(order.workflow_id, run_id=found.run_id)
        try:
            steps = await read_steps(handle.fetch_history_events(), self._text_of)
        except RPCError as error:
            raise _engine_error(error) from None
        return RunHistory(order.workflow_id, found.run_id, steps)

    async def _text_of(self, payload: Payload) -> str:
        (text,) = await self._temporal.data_converter.decode([payload], [str])
        return str(text)

    async def _update(self, order: OrderRecord, update: Any, act: Act) -> ActAnswer:
        try:
            answer: ActAnswer = await self._handle(order).execute_update(update, act, result_type=ActAnswer)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            code = (cause.type if isinstance(cause, ApplicationError) else None) or "update-refused"
            told = cause.message if isinstance(cause, ApplicationError) else "the order refused"
            message, _, step = told.partition(" Next: ")  # as activities/failures.py joins them
            raise Refused(code, message, next_step=step) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and (now := await self.inventory.order(order.order_id)):
                require_open(now)
            raise _engine_error(error) from None
        return answer

    def _handle(self, order: OrderRecord) -> WorkflowHandle[Any, Any]:
        return self._temporal.get_workflow_handle(order.workflow_id, first_execution_run_id=order.run_id or None)

    async def export_key(self, key_id: str, event: AuditEvent) -> bytes:
        """Return a private key (PKCS#8 DER) after its audit row is written. On a single machine its administrator can."""
        return await export_key(self._adapters, key_id, event)


async def export_key(adapters: Adapters, key_id: str, event: AuditEvent) -> bytes:
    """Unseal a private key; the audit row is written first, so that no key leaves unrecorded."""
    sealed = await adapters.inventory.sealed_key(key_id)
    await adapters.inventory.append_audit(event)
    return adapters.vault.unseal(sealed, row_id=key_id, purpose=KEY_PURPOSE)


def _existing(known: OrderRecord, asked: OrderRequest) -> StartedOrder:
    if known.request_digest != request_digest(asked):
        raise InvalidRequest(
            "request-id-reused",
            f"this request id was used for another order: {known.order_id}",
            next_step=f"evercert order show {known.order_id}; for a new order use a new request id",
        )
    return StartedOrder(
        known.order_id, known.workflow_id, known.run_id, asked.request_id or known.request_id, was_running=True
    )


def _engine_error(error: RPCError) -> EvercertError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return _run_not_found()
    return Unavailable(
        "engine-unreachable",
        f"the Temporal server did not answer ({error.status.name})",
        next_step="evercert doctor temporal",
    )


def _run_not_found() -> InvalidRequest:
    return InvalidRequest(
        "run-not-found",
        "Temporal has no open run of this order",
        next_step="evercert order explain tells what is known; evercert order resume takes an open order up again",
    )
