"""`agentd dispatch ROOM`: have LiveKit send an agent to a room."""

from __future__ import annotations

import sys

import click

from agentd.management.operations import DispatchRequest

from .console import error_console
from .daemon import ask, daemon_options, the_daemon
from .shown_text import as_json, safe_line

_EPILOG = """\
\b
Examples:
  agentd dispatch lobby
  agentd dispatch lobby --metadata '{"caller": "+4930123"}'
  agentd dispatch lobby --agent clerk --json

The running daemon asks, with its own key; the job goes to whichever worker of that name
LiveKit picks. A room that is not there is made. For a call with a caller who speaks and
listens see `agentd call`, for a job without LiveKit `agentd simulate`.

\b
Exit codes: 0 the dispatch is made, 2 usage, 4 a setting, 11 no daemon runs,
12 no answer, 13 LiveKit did not take it.
"""


@click.command(epilog=_EPILOG)
@click.argument("room")
@click.option("--agent", help="Name of the agent; the daemon's own unless given.")
@click.option("--metadata", default="", help="For the job; any text.")
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir")
@click.pass_context
def dispatch(
    context: click.Context,
    /,
    room: str,
    agent: str | None,
    metadata: str,
    as_document: bool,
    **_: object,
) -> None:
    """Have LiveKit send an agent to a room, by the running daemon's key."""
    request = DispatchRequest(room=room, agent_name=agent, metadata=metadata)
    found = the_daemon(context)
    made = ask(found.path, lambda client: client.dispatch(request))
    if as_document:
        sys.stdout.write(as_json(made) + "\n")
        return
    name = f"agent '{made.agent_name}'" if made.agent_name else "an agent without a name"
    new = ", which was made" if made.room_created else ""
    sys.stdout.write(safe_line(f"dispatch {made.id}: {name} to room '{made.room}'{new}") + "\n")
    if made.note:
        error_console().print(f"note: {made.note}", style="yellow", markup=False, soft_wrap=True)
