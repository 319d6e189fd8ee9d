"""`agentd stacks`: where the daemon's processes are at this moment."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from agentd.management.operations import ProcessStacks, StacksRequest

from .daemon import ask, daemon_options, the_daemon
from .shown_text import as_json, safe_line, safe_lines

_EPILOG = """\
\b
Examples:
  agentd stacks                         (the supervisor and all children)
  agentd stacks --job AJ_u5SbsRYNgJzX
  agentd stacks --child c7 --json

Each process is asked by a signal and has 1 s, so that one whose event loop is blocked
answers too: stacks of its threads, then of its tasks. Calls go on meanwhile.

\b
Exit codes: 0 well, 4 a setting, 11 no daemon runs, 12 no answer, 13 no such child or job.
"""


@click.command(epilog=_EPILOG)
@click.option("--job", default="", metavar="ID", help="Only the child that runs this job.")
@click.option("--child", default="", metavar="ID", help="Only this child, such as c7.")
@click.option("--json", "as_document", is_flag=True, help="Write JSON.")
@daemon_options("runtime_dir")
@click.pass_context
def stacks(context: click.Context, /, job: str, child: str, as_document: bool, **_: object) -> None:
    """Show where the supervisor and the children are: stacks of threads and tasks."""
    found = the_daemon(context)
    request = StacksRequest(job=job, child=child)
    view = ask(found.path, lambda client: client.stacks(request))
    if as_document:
        sys.stdout.write(as_json(view) + "\n")
        return
    for one in view.processes:
        sys.stdout.write("\n".join(_lines(one)) + "\n\n")


def _lines(one: ProcessStacks) -> Iterator[str]:
    pid = "" if one.pid is None else f", pid {one.pid}"
    job = f", job {one.job}" if one.job else ""
    yield safe_line(f"== {one.process}{pid}{job}")
    if one.text:
        yield from safe_lines(one.text)
    if one.note:
        yield safe_line(f"({one.note})")
