"""`agentd logs`: what has happened, and what happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import click

from agentd.daemon.exits import ExitCode
from agentd.errors import NoDaemon
from agentd.journal.records import Query
from agentd.management.client import ControlClient
from agentd.management.history import read_events
from agentd.management.views import MAX_JOBS, EventEntry, EventPage, RecordsQuery

from .console import error_console
from .daemon import daemon_options, the_daemon
from .event_lines import Printed, event_json, log_lines
from .exits import AskExit
from .journal import WITHOUT_A_DAEMON, read_records

_EPILOG = f"""\
\b
Examples:
  agentd logs                           (the last 50 events)
  agentd logs --job AJ_u5SbsRYNgJzX --follow
  agentd logs --child c7 --limit 200
  agentd logs --json | jq 'select(.kind == "child_failed")'

These are the daemon's own log lines that have an `action`, as the journal keeps them, the
oldest first; what an app prints is in the daemon's output only. --json writes one object
a line. --follow goes on until the daemon ends, or Ctrl+C.

{WITHOUT_A_DAEMON}

\b
Exit codes: 0 well, 4 a setting, 10 the following was broken off, 11 no daemon runs (and no
journal is there, or it was to be followed), 12 no answer.
"""


@click.command(epilog=_EPILOG)
@click.option("--job", default="", metavar="ID", help="Only what happened to this job.")
@click.option("--child", default="", metavar="ID", help="Only what happened to this child.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_JOBS),
    default=50,
    show_default=True,
    help="How many that were, the newest.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens.")
@click.option("--json", "as_documents", is_flag=True, help="Write JSON, an object a line.")
@daemon_options("runtime_dir", "state_dir")
@click.pass_context
def logs(
    context: click.Context,
    /,
    job: str,
    child: str,
    limit: int,
    follow: bool,
    as_documents: bool,
    **_: object,
) -> int:
    """Show what has happened, of one job or child or of all, and follow it."""
    wanted = RecordsQuery(job=job, child=child, limit=limit)
    show = _writer(as_documents=as_documents, show_job=not job)
    if follow:
        try:
            path = the_daemon(context).path
        except NoDaemon:
            _show_page(context, wanted, show)
            _tell("there is nothing to follow: no daemon runs")
            return AskExit.NOT_RUNNING
        asyncio.run(_follow(ControlClient(path), wanted, show))
        _tell("the daemon has ended")
        return ExitCode.OK
    shown, older = _show_page(context, wanted, show)
    if not shown and not as_documents:
        sys.stdout.write("no events yet\n")
    if older:
        _tell(f"note: there are older ones, --limit shows up to {MAX_JOBS}")
    return ExitCode.OK


def _show_page(
    context: click.Context, wanted: RecordsQuery, show: Callable[[EventEntry], None]
) -> tuple[int, bool]:
    """Show what was; says how much, and whether there is more."""
    query = Query(job=wanted.job, child=wanted.child, limit=wanted.limit)
    page: EventPage = read_records(
        context,
        lambda client: client.events(wanted),
        lambda journal: read_events(journal, query),
    )
    for event in reversed(page.events):
        show(event)
    return len(page.events), bool(page.before)


async def _follow(
    client: ControlClient, wanted: RecordsQuery, show: Callable[[EventEntry], None]
) -> None:
    """Show what was, then what comes: nothing twice, and nothing is missed between the two."""
    async with client, client.watch_events() as coming:
        page = await client.events(wanted)
        printed = Printed()
        for event in reversed(page.events):
            show(event)
            printed.note(event)
        async for event in coming:
            is_wanted = wanted.job in ("", event.job) and wanted.child in ("", event.child)
            if is_wanted and not printed.has(event):
                show(event)


def _writer(*, as_documents: bool, show_job: bool) -> Callable[[EventEntry], None]:
    def show(event: EventEntry) -> None:
        lines = [event_json(event)] if as_documents else log_lines(event, show_job=show_job)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()  # whoever follows through a pipe waits for it

    return show


def _tell(text: str) -> None:
    error_console().print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
