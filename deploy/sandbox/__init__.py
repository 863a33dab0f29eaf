"""The sandbox: the outside world of Evercert on loopback, and its judge.

A seller with the reseller API, the CA behind it, an authoritative name server, and a control API that counts sales and
breaks things on order. It shares no code with Evercert, so that it cannot share its mistakes.
"""

from deploy.sandbox.server import Sandbox
from deploy.sandbox.settings import SandboxSettings, Switches

__all__ = ["Sandbox", "SandboxSettings", "Switches"]
