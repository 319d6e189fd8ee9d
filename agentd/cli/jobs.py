"""`agentd jobs`: what runs and what ran, one job in full, and how to stop one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from agentd.errors import ControlRefused, NoDaemon
from agentd.journal.journal import FILE_NAME
from agentd.journal.onlooker import Onlooker, look_into
from agentd.management.client import ControlClient
from agentd.management.history import read_job, read_jobs
from agentd.management.views import DEFAULT_JOBS, MAX_JOBS, JobDetails
from agentd.protocol.ids import JobId

from .console import error_console, output_console
from .daemon import ask, daemon_options, given_places, the_daemon
from .jobs_table import job_lines, jobs_table
from .shown_text import as_json

T = TypeVar("T")

_WITHOUT_A_DAEMON = (
    "Without a running daemon the journal in the state directory is read, as it was left."
)

_EPILOG = f"""\
\b
Examples:
  agentd jobs
  agentd jobs --limit 200 --json
  agentd jobs show AJ_u5SbsRYNgJzX
  agentd jobs stop AJ_u5SbsRYNgJzX --reason "wrong number"

{_WITHOUT_A_DAEMON}

Exit codes: 0 well, 4 a setting, 11 no daemon runs, 12 no answer, 13 no such job.
"""

_SHOW_EPILOG = f"""\
\b
Examples:
  agentd jobs show AJ_u5SbsRYNgJzX
  agentd jobs show AJ_u5SbsRYNgJzX --json

{_WITHOUT_A_DAEMON}
"""


@click.group(epilog=_EPILOG, invoke_without_command=True)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_JOBS),
    default=DEFAULT_JOBS,
    show_default=True,
    help="How many, the newest.",
)
@click.option("--before", metavar="ID", help="Only jobs older than this one: the next page.")
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir", "state_dir")
@click.pass_context
def jobs(
    context: click.Context, /, limit: int, before: str | None, as_document: bool, **_: object
) -> None:
    """List jobs, newest first; `show` one with its history, or `stop` one."""
    if context.invoked_subcommand is not None:
        return
    older_than = None if before is None else JobId(before)
    page = _read(
        context,
        lambda client: client.jobs(limit, older_than),
        lambda journal: read_jobs(journal, limit, older_than),
    )
    if as_document:
        sys.stdout.write(as_json(page) + "\n")
        return
    output_console().print(jobs_table(page) if page.jobs else "no jobs yet")
    if page.before:
        error_console().print(
            f"note: there are more, with --before {page.before}", soft_wrap=True, markup=False
        )


@jobs.command(epilog=_SHOW_EPILOG)
@click.argument("job_id", metavar="ID")
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir", "state_dir")
@click.pass_context
def show(context: click.Context, /, job_id: str, as_document: bool, **_: object) -> None:
    """Show a job: its states, what happened to it, and why its children died."""

    async def look(journal: Onlooker) -> JobDetails:
        found = await read_job(journal, JobId(job_id))
        if found is None:
            raise ControlRefused(f"the journal knows no job '{job_id}'", code="not_found")
        return found

    details = _read(context, lambda client: client.job(JobId(job_id)), look)
    text = as_json(details) if as_document else "\n".join(job_lines(details))
    sys.stdout.write(text + "\n")


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--reason", default="", help="For the log, the journal and the job itself.")
@daemon_options("runtime_dir")
@click.pass_context
def stop(context: click.Context, /, job_id: str, reason: str, **_: object) -> None:
    """Ask a running job to shut down, within its own budgets."""
    found = the_daemon(context)
    ask(found.path, lambda client: client.stop_job(JobId(job_id), reason))
    sys.stdout.write("the job was asked to shut down\n")


def _read(
    context: click.Context,
    from_daemon: Callable[[ControlClient], Awaitable[T]],
    from_file: Callable[[Onlooker], Awaitable[T]],
) -> T:
    """Ask the daemon; where none runs, look into the journal that it left."""
    try:
        return ask(the_daemon(context).path, from_daemon)
    except NoDaemon as error:
        path = given_places(context).state.path / FILE_NAME
        if not path.is_file():
            raise NoDaemon(
                f"{error} There is no journal either: '{path}' does not exist, another is named "
                "with --state-dir or AGENTD_STATE_DIR."
            ) from error

    async def look() -> T:
        with look_into(path) as journal:
            return await from_file(journal)

    found = asyncio.run(look())
    error_console().print(
        f"note: no daemon runs; this is what '{path}' was left with",
        style="yellow",
        markup=False,
        soft_wrap=True,
    )
    return found
