"""The daemon's process: logging, event loop, and the one `Daemon` in it."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from agentd.logs.setup import choose_format, setup_logging
from agentd.settings.layers import resolve
from agentd.settings.load import environment, wants_colour

from .daemon import Daemon
from .exits import ExitCode
from .plan import DaemonPlan


def run_daemon(plan: DaemonPlan) -> ExitCode:
    """Run until told to stop and say how it ended.

    Raises AgentdError for what the user has to mend; `exit_code_for` gives its code.
    """
    log = resolve(plan.layers).settings.log
    colour = wants_colour(environment(), is_terminal=sys.stdout.isatty())
    log_format = choose_format(log.log_format, dev=plan.dev)
    setup_logging(log.log_level, log_format, sys.stdout, colour=colour)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Daemon(plan).run())
