"""`agentd jobs`: what runs and what ran, one job in full, and how to stop one."""

from __future__ import annotations

import sys

import click

from agentd.errors import ControlRefused
from agentd.journal.onlooker import Onlooker
from agentd.management.history import read_job, read_jobs
from agentd.management.views import DEFAULT_JOBS, MAX_JOBS, JobDetails
from agentd.protocol.ids import JobId

from .console import error_console, output_console
from .daemon import ask, daemon_options, the_daemon
from .jobs_table import job_lines, jobs_table
from .journal import WITHOUT_A_DAEMON, read_records
from .shown_text import as_json, safe_line

_EPILOG = f"""\
\b
Examples:
  agentd jobs
  agentd jobs --limit 200 --json
  agentd jobs show AJ_u5SbsRYNgJzX
  agentd jobs stop AJ_u5SbsRYNgJzX --reason "wrong number"
  agentd jobs resume AJ_u5SbsRYNgJzX

{WITHOUT_A_DAEMON}

Exit codes: 0 well, 4 a setting, 11 no daemon runs, 12 no answer, 13 no such job.
"""

_SHOW_EPILOG = f"""\
\b
Examples:
  agentd jobs show AJ_u5SbsRYNgJzX
  agentd jobs show AJ_u5SbsRYNgJzX --json

{WITHOUT_A_DAEMON}
"""


_RESUME_EPILOG = """\
\b
Examples:
  agentd jobs resume AJ_u5SbsRYNgJzX --reason "its child eats memory"

A warm child is reserved, the old one hands over at a good moment, and the call goes on in
the same room under the same identity, with its history and state, as after a crash. A job
that can't be moved stays where it is, and the log says why (job_swapped, job_stays).

\b
Exit codes: 0 it is being moved, 4 a setting, 11 no daemon runs, 12 no answer,
13 no such job, or it can't be moved.
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
    """List jobs, newest first; `show` one with its history, `stop` one, or `resume` one."""
    if context.invoked_subcommand is not None:
        return
    older_than = None if before is None else JobId(before)
    page = read_records(
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

    details = read_records(context, lambda client: client.job(JobId(job_id)), look)
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


@jobs.command(epilog=_RESUME_EPILOG)
@click.argument("job_id", metavar="ID")
@click.option("--reason", default="", help="For the log and the journal.")
@daemon_options("runtime_dir")
@click.pass_context
def resume(context: click.Context, /, job_id: str, reason: str, **_: object) -> None:
    """Move a running job into another child, mid-call."""
    found = the_daemon(context)
    ask(found.path, lambda client: client.resume_job(JobId(job_id), reason))
    sys.stdout.write(
        f"the job is moved into another child; how it went: agentd logs --job {safe_line(job_id)}\n"
    )
