"""`agentd simulate`: a job without LiveKit, in the running daemon."""

from __future__ import annotations

import sys

import click

from agentd.management.operations import MAX_SIMULATION, SimulateRequest

from .daemon import ask, daemon_options, the_daemon
from .shown_text import as_json, safe_line

_EPILOG = """\
\b
Examples:
  agentd simulate
  agentd simulate --metadata '{"caller": "+4930123"}' --seconds 5
  agentd jobs show "$(agentd simulate --json | jq -r .job)"

The app's code runs as for a real job, in a warm child: `on_request`, the entrypoint, the
shutdown and its callbacks. Only the room is a stand-in, with one silent participant, and
`ctx.is_fake_job()` is true. It takes a slot, LiveKit hears nothing of it, and when its
time is over it is shut down. `agentd jobs show ID` says how it went. For a call with a
caller see `agentd call`.

\b
Exit codes: 0 the job is made, 2 usage, 4 a setting, 11 no daemon runs, 12 no answer,
13 no job is taken now (no slot is free, or the daemon drains).
"""


@click.command(epilog=_EPILOG)
@click.option("--room", default="", help="Name of the room; a new one unless given.")
@click.option("--metadata", default="", help="For the job; any text.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, MAX_SIMULATION, min_open=True),
    default=60.0,
    show_default=True,
    help="After which it is shut down.",
)
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir")
@click.pass_context
def simulate(
    context: click.Context,
    /,
    room: str,
    metadata: str,
    seconds: float,
    as_document: bool,
    **_: object,
) -> None:
    """Run a job without LiveKit: does a child start, does the entrypoint run?"""
    request = SimulateRequest(room=room, metadata=metadata, seconds=seconds)
    found = the_daemon(context)
    made = ask(found.path, lambda client: client.simulate(request))
    if as_document:
        sys.stdout.write(as_json(made) + "\n")
        return
    text = f"job {made.job} in room '{made.room}', for {made.seconds:g} s at most"
    sys.stdout.write(f"{safe_line(text)}\nagentd jobs show {safe_line(made.job)}\n")
