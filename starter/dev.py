"""``evercert dev``: everything on this machine until Ctrl-C, in a home that stays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starter.demo import demo_request, start_form, wait_for_signal
from starter.stack import NAMESPACE, Stack, StackOptions


@dataclass(frozen=True)
class DevOptions:
    """Where it runs; ports are fixed so that bookmarks and scripts stay good, 0 picks free ones."""

    home: Path
    ui_port: int = 8233
    temporal_port: int = 7233
    sandbox_port: int = 8560
    dns_port: int = 8553


async def run_dev(options: DevOptions, say: Callable[[str], None]) -> int:
    """Run server, sandbox and worker until this process is asked to end; returns the exit code."""
    wanted = StackOptions(
        home=options.home,
        ui_port=options.ui_port,
        temporal_port=options.temporal_port,
        sandbox_port=options.sandbox_port,
        dns_port=options.dns_port,
        with_schedules=True,
    )
    async with Stack(wanted, say) as stack:
        say(f"Temporal Web UI  {stack.server.ui_url}/namespaces/{NAMESPACE}/workflows")
        say(f"seller sandbox   {stack.sandbox.base_url}")
        say(f"name server      {stack.sandbox.dns_host}:{stack.sandbox.dns_port}")
        say(f"home             {options.home}")
        say("For commands in another shell:")
        for key, value in stack.exports().items():
            say(f"    export {key}={value}")
        say("Start one in the Web UI: type IssueCertificate, task queue evercert, input")
        say(f"    {start_form(demo_request().model_dump(mode='json', exclude_defaults=True))}")
        say("Everything runs until Ctrl-C; orders under way go on at the next start.")
        await wait_for_signal()
        say("Stopping …")
    return 0
