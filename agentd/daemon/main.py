"""The daemon's process: logging, event loop, and the one `Daemon` in it."""

from __future__ import annotations

import asyncio
import faulthandler
import sys

import uvloop

from agentd.credentials import remember_environment
from agentd.settings.access import keep_secret
from agentd.settings.layers import resolve
from agentd.settings.load import environment

from .daemon import Daemon
from .exits import ExitCode
from .log import write_log
from .plan import DaemonPlan
from .systemd import take_sockets


def run_daemon(plan: DaemonPlan) -> ExitCode:
    """Run until told to stop and say how it ended.

    Raises AgentdError for what the user has to mend; `exit_code_for` gives its code.
    """
    sockets = take_sockets(environment())
    resolved = resolve(plan.layers)
    remember_environment()
    keep_secret(resolved)
    write_log(resolved.settings.log, dev=plan.dev)
    # What systemd's watchdog ends leaves its stacks: it sends SIGABRT.
    faulthandler.enable(file=sys.stderr.fileno())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Daemon(plan, sockets=sockets).run())
