"""Where a Temporal server comes from, and what Evercert needs in it.

``find_binary`` finds or builds the `temporal` program, ``DevServer`` runs it privately on this machine, ``provision``
makes any Temporal server ready for Evercert. ``python -m starter.server`` prints the path of the program that would be
used, building it if need be.
"""

from starter.server.binary import BinaryVersion, find_binary, parse_version
from starter.server.dev_server import DevServer
from starter.server.provision import ProvisionReport, missing_search_attributes, provision

__all__ = [
    "BinaryVersion",
    "DevServer",
    "ProvisionReport",
    "find_binary",
    "missing_search_attributes",
    "parse_version",
    "provision",
]
