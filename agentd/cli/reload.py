"""`agentd reload`: new code for new jobs, and for those that run if that is wanted."""

from __future__ import annotations

import sys

import click

from .daemon import ask, daemon_options, the_daemon

_EPILOG = """\
\b
Examples:
  agentd reload
  agentd reload --swap

Running jobs end on the code they began with. With --swap each is moved onto the new code
mid-call, once a child of that is warm: same room, same identity, with its history, its
userdata and ctx.state, as after a crash. What can't be moved stays where it is.

If the new code does not import, the old one serves on: `agentd status` and the log say why.

Exit codes: 0 the daemon imports the app, 4 a setting, 11 no daemon runs, 12 no answer.
"""


@click.command(epilog=_EPILOG)
@click.option("--swap", is_flag=True, help="Move running jobs onto the new code, mid-call.")
@daemon_options("runtime_dir")
@click.pass_context
def reload(context: click.Context, /, *, swap: bool, **_: object) -> None:
    """Import the app anew, for new jobs; the same as SIGHUP."""
    found = the_daemon(context)
    ask(found.path, lambda client: client.reload(swap=swap))
    sys.stdout.write(f"the daemon (pid {found.pid}) imports the app anew\n")
