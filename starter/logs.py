"""How a process logs: structured, to stderr, with the workflow's and activity's names on each line.

stdout carries data only. Temporal's core writes there by default; here its lines go the same way as ours.

No secret is logged, so no foreign error's words are: a library quotes what it was given. Of an error its kind, its place
in the code and our own sentences are written. And the SDK never logs at debug: it would write whole tasks there, with
whatever people typed into a form.
"""

import logging
import sys
import traceback
from functools import cache
from typing import Any

import structlog
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from domain.errors import EvercertError

_CORE = "temporal.core"
_CONTEXTS = ("temporal_workflow", "temporal_activity", "temporal_update")
_FLAT_FIELDS = ("workflow_id", "workflow_type", "activity_type", "attempt")
_LEAST_LEVELS = {
    "temporalio": logging.INFO,  # below it: every task, whole
    "alembic": logging.WARNING,  # below it: two lines each time the schema is looked at, before what a refused start says
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
}


@cache
def runtime() -> Runtime:
    """Return the one Temporal runtime of this process; its own logs are forwarded to Python's."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(logger=logging.getLogger(_CORE)),
            )
        )
    )


def configure(*, level: str = "info", form: str = "auto") -> None:
    """Set up logging for this process; repeating it replaces the former set-up.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text``, ``json``, or ``auto``: text on a terminal and JSON elsewhere.
    """
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _flatten,
        _tell_error,
    ]
    renderer = structlog.dev.ConsoleRenderer(colors=False) if as_text else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _flatten(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep of the SDK's context dictionaries what an operator looks for."""
    for context in _CONTEXTS:
        values = event.pop(context, None)
        if isinstance(values, dict):
            event.update({key: values[key] for key in _FLAT_FIELDS if key in values})
    return event


def _tell_error(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put kind and place of an error where its words, its causes and its variables would be written."""
    told = event.pop("exc_info", None)
    error = told[1] if isinstance(told, tuple) else told if isinstance(told, BaseException) else None
    if told is True:
        error = sys.exc_info()[1]
    if error is not None:
        event["error"] = type(error).__name__
        if isinstance(error, EvercertError | ApplicationError):
            event["error_message"] = error.message
        event["trace"] = "".join(traceback.format_tb(error.__traceback__))
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and record.name == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]  # what follows shows the error's words
    return event
