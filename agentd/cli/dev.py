"""`agentd dev`: run an app while it is being written."""

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
  agentd dev app.py
  agentd dev app.py --swap
  agentd dev app.py --no-reload --log-level INFO

New jobs run new code as soon as a file is saved; running jobs end on the code they
began with, and a file that does not import leaves the old code serving.

With --swap a call that runs is moved onto the new code, too: same room, same identity,
with its history, its agent, its userdata and ctx.state, as after a crash. `on_resume`
is called with reason "swap". What can't be moved stays on the old code, and the log
says why.

The first SIGINT or SIGTERM stops without a drain; the second ends at once.
"""


@click.command(cls=SettingsCommand, epilog=_EPILOG)
@click.argument("app", shell_complete=complete_files)
@click.option(
    "--reload/--no-reload", default=True, help="Take new code when a file is saved (default)."
)
@click.option(
    "--swap/--no-swap", default=False, help="Move running calls onto the new code, mid-call."
)
@config_option
@verbose_option
@run_as_main_option
@settings_options
def dev(
    app: str,
    reload: bool,
    swap: bool,
    config: str | None,
    verbose: bool,
    run_as_main: bool,
    **flags: Any,
) -> ExitCode:
    """Run APP for development: coloured log, reload on save, no drain."""
    plan = make_plan(
        app_ref(app, run_as_main=run_as_main),
        given_flags(flags),
        config=config,
        dev=True,
        reload=reload,
        swap=swap,
        verbose=verbose,
    )
    return run_plan(plan)
