"""The failing worker with every scrubber switched off: it must be seen to leak, or the scan that finds nothing says nothing.

Off are: the converter's silence about what people typed, the translation of foreign errors, the masking of the seller's
words, and the logs' silence about errors.
"""

import logging
import sys
from typing import Any

import structlog
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

import starter.converter
import starter.logs
from activities import failures
from activities.adapters.seller.credential import Credential
from activities.adapters.seller.reading import Json
from domain.errors import EvercertError
from starter.cli.main import entry
from tests.integration import failing_worker

assert failing_worker.ADAPTERS  # imported for what it does


def _talkative(error: ValidationError) -> ApplicationError:
    return ApplicationError(str(error.errors()), type="input-invalid", non_retryable=True)


async def _untranslated(self: failures._Translating, given: ExecuteActivityInput) -> Any:
    try:
        return await super(failures._Translating, self).execute_activity(given)
    except EvercertError as error:
        raise failures.as_failure(error) from error


def _unmasked(_self: Credential, text: str) -> str:
    return text


def _unhidden(_self: Credential, answer: Json) -> Json:
    return answer


def _noisy(**_: Any) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())


setattr(starter.converter, "input_failure", _talkative)  # noqa: B010 the damage
setattr(failures._Translating, "execute_activity", _untranslated)  # noqa: B010
setattr(Credential, "quote", _unmasked)  # noqa: B010
setattr(Credential, "hidden", _unhidden)  # noqa: B010
setattr(starter.logs, "configure", _noisy)  # noqa: B010

if __name__ == "__main__":
    entry()
