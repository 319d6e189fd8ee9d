"""`agentd reload`: new code for new jobs."""

from __future__ import annotations

import sys

import click

from .daemon import ask, daemon_options, the_daemon

_EPILOG = """\
\b
Examples:
  agentd reload

Running jobs end on the code they began with. If the new code does not import, the old one
serves on: `agentd status` and the log say why.

Exit codes: 0 the daemon imports the app, 4 a setting, 11 no daemon runs, 12 no answer.
"""


@click.command(epilog=_EPILOG)
@daemon_options("runtime_dir")
@click.pass_context
def reload(context: click.Context, /, **_: object) -> None:
    """Import the app anew, for new jobs; the same as SIGHUP."""
    found = the_daemon(context)
    ask(found.path, lambda client: client.reload())
    sys.stdout.write(f"the daemon (pid {found.pid}) imports the app anew\n")
