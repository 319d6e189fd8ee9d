"""The daemon's process: logging, event loop, and the one `Daemon` in it."""

from __future__ import annotations

import asyncio

import uvloop

from agentd.credentials import remember_environment
from agentd.settings.access import keep_secret
from agentd.settings.layers import resolve

from .daemon import Daemon
from .exits import ExitCode
from .log import write_log
from .plan import DaemonPlan


def run_daemon(plan: DaemonPlan) -> ExitCode:
    """Run until told to stop and say how it ended.

    Raises AgentdError for what the user has to mend; `exit_code_for` gives its code.
    """
    resolved = resolve(plan.layers)
    remember_environment()
    keep_secret(resolved)
    write_log(resolved.settings.log, dev=plan.dev)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Daemon(plan).run())
