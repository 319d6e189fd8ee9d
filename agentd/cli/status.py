"""`agentd status`: what the running daemon does."""

from __future__ import annotations

import sys

import click

from agentd.daemon.exits import ExitCode
from agentd.supervision.drawing import draw_tree

from .console import output_console
from .daemon import ask, daemon_options, the_daemon
from .exits import AskExit
from .shown_text import as_json, safe_line
from .status_table import status_lines, status_style

_EPILOG = """\
\b
Examples:
  agentd status
  agentd status --tree
  agentd status --json | jq .pool.idle
  agentd status --runtime-dir /run/agentd

The daemon is found as `agentd start` chooses its runtime directory: --runtime-dir,
AGENTD_RUNTIME_DIR, agentd.toml, RUNTIME_DIRECTORY, XDG_RUNTIME_DIR. If none runs there, an
`agentd dev` below it is taken.

\b
Exit codes: 0 healthy (also while it drains), 2 usage, 4 a setting, 11 no daemon runs,
12 unhealthy or no answer.
"""


@click.command(epilog=_EPILOG)
@click.option("--tree", is_flag=True, help="Show the supervision tree instead.")
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir")
@click.pass_context
def status(context: click.Context, /, tree: bool, as_document: bool, **_: object) -> int:
    """Show what the running daemon does, and what is wrong with it."""
    found = the_daemon(context)
    if tree:
        view = ask(found.path, lambda client: client.tree())
        _print(as_json(view) if as_document else "\n".join(map(safe_line, draw_tree(view))))
        return ExitCode.OK
    shown = ask(found.path, lambda client: client.status())
    if as_document:
        _print(as_json(shown))
    else:
        console = output_console()
        for name, text in status_lines(shown):
            console.print(
                f"{name:<10}",
                text,
                style=status_style(name),
                soft_wrap=True,
                markup=False,
                highlight=False,
            )
    return ExitCode.OK if shown.healthy else AskExit.UNHEALTHY


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
