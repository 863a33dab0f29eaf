"""How a process logs: structured, to stderr, with the workflow's and activity's names on each line.

stdout carries data only. Temporal's core writes there by default; here its lines go the same way as ours.
"""

import logging
import sys
from functools import cache
from typing import Any

import structlog
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

_CORE = "temporal.core"
_CONTEXTS = ("temporal_workflow", "temporal_activity", "temporal_update")
_FLAT_FIELDS = ("workflow_id", "workflow_type", "activity_type", "attempt")


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
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
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
