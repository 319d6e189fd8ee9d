"""`agentd loglevel LEVEL`: how much the running daemon writes."""

from __future__ import annotations

import sys
from typing import cast, get_args

import click

from agentd.settings.model import LogLevel

from .daemon import ask, daemon_options, the_daemon
from .shown_text import as_json, plural

_EPILOG = """\
\b
Examples:
  agentd loglevel DEBUG
  agentd loglevel INFO --json

Holds for the supervisor, the template, and all children (those that run and those to
come) until the daemon ends; `log_level` is for good. TRACE lets noisy libraries speak,
too. Over INFO the journal gets less as well: its events are the lines of the log.

Exit codes: 0 well, 2 usage, 4 a setting, 11 no daemon runs, 12 no answer.
"""


@click.command(epilog=_EPILOG)
@click.argument("level", type=click.Choice(get_args(LogLevel), case_sensitive=False))
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir")
@click.pass_context
def loglevel(context: click.Context, /, level: str, as_document: bool, **_: object) -> None:
    """Change how much is written, while the daemon and its calls run."""
    found = the_daemon(context)
    wanted = cast("LogLevel", level.upper())
    told = ask(found.path, lambda client: client.set_log_level(wanted))
    if as_document:
        sys.stdout.write(as_json(told) + "\n")
        return
    children = plural(told.children, "child").replace("childs", "children")
    sys.stdout.write(f"{told.level} instead of {told.before}, also for {children}\n")
