"""`agentd start`: run an app as a service."""

from __future__ import annotations

from typing import Any

import click

from agentd.daemon.exits import ExitCode

from .options import (
    SettingsCommand,
    complete_files,
    config_option,
    given_flags,
    run_as_main_option,
    settings_options,
    verbose_option,
)
from .plan import app_ref, make_plan, run_plan

_EPILOG = """\
\b
Examples:
  agentd start app.py
  agentd start app.py:server --max-jobs 20
  LIVEKIT_URL=wss://example.livekit.cloud agentd start package.module:server

The first SIGTERM or SIGINT drains: no new jobs, running ones may end. The second
ends at once. The log is JSON lines on standard output.

Every flag has a variable too: --max-jobs is AGENTD_MAX_JOBS.
"""


@click.command(cls=SettingsCommand, epilog=_EPILOG)
@click.argument("app", shell_complete=complete_files)
@config_option
@verbose_option
@run_as_main_option
@settings_options
def start(app: str, config: str | None, verbose: bool, run_as_main: bool, **flags: Any) -> ExitCode:
    """Run APP as a service: file.py, file.py:name or module:name."""
    plan = make_plan(
        app_ref(app, run_as_main=run_as_main),
        given_flags(flags),
        config=config,
        dev=False,
        verbose=verbose,
    )
    return run_plan(plan)
