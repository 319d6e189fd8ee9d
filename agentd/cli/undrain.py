"""`agentd undrain`: take a drain back."""

from __future__ import annotations

import sys

import click

from .daemon import ask, daemon_options, the_daemon

_EPILOG = """\
\b
Examples:
  agentd undrain
  agentd undrain --reason "the release was called off"

Works as long as jobs are left and `drain_timeout` is not over: warm children are started
again, LiveKit is told that there is room, and the daemon serves as before. A drain that a
signal asked for (systemctl stop, Ctrl+C) can't be taken back, since whoever sent it waits
for the end: start another daemon then, it can run beside this one.

\b
Exit codes: 0 it serves again, 4 a setting, 11 no daemon runs, 12 no answer,
13 it does not drain, or it is too late.
"""


@click.command(epilog=_EPILOG)
@click.option("--reason", default="", help="For the log.")
@daemon_options("runtime_dir")
@click.pass_context
def undrain(context: click.Context, /, reason: str, **_: object) -> None:
    """Take a drain back that is under way: serve as before."""
    found = the_daemon(context)
    ask(found.path, lambda client: client.undrain(reason))
    sys.stdout.write(f"the daemon (pid {found.pid}) takes new jobs again\n")
