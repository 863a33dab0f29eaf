"""Taking a secret from a person or a script: never as an argument, never shown, never in an error."""

import getpass
import sys

from domain.errors import InvalidRequest
from starter.cli.call import Call


def read_secret(call: Call, what: str, *, from_stdin: bool, variable: str) -> str:
    """Return a secret from stdin, from a named variable, or from a prompt without echo.

    Raises:
        InvalidRequest: ``secret-not-given`` when it is empty or nobody can be asked.
    """
    if from_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
    elif variable:
        secret = call.environ.get(variable, "")
    elif call.may_ask:
        secret = getpass.getpass(f"{what}: ", stream=sys.stderr)
    else:
        raise InvalidRequest("secret-not-given", f"The {what} was not given, and nobody can be asked for it.")
    if not secret.strip():
        raise InvalidRequest("secret-not-given", f"The {what} is empty.")
    return secret.strip()
