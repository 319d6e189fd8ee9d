"""`agentd metrics`: the running daemon's figures, and what watches them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from agentd.daemon.exits import ExitCode
from agentd.errors import DirectoryUnusable

from .console import output_console
from .daemon import ask, daemon_options, the_daemon
from .metrics_table import read_figures, rows
from .monitoring import dashboard, rules, scrape_job
from .monitoring.prometheus import RUNBOOKS

TARGET = "127.0.0.1:8081"

_EPILOG = """\
\b
Examples:
  agentd metrics
  agentd metrics turn_latency
  agentd metrics --raw | promtool check metrics
  agentd metrics --dashboard monitoring/

--dashboard writes agentd-dashboard.json (Grafana: import it), agentd-alerts.yml (Prometheus:
rule_files) and agentd-scrape.yml (what else belongs into prometheus.yml). It needs no daemon.

\b
Exit codes: 0 well, 2 usage, 4 a setting, 8 the directory can't be written,
11 no daemon runs, 12 no answer.
"""


@click.command(epilog=_EPILOG)
@click.argument("name", required=False, default="")
@click.option("--raw", is_flag=True, help="Write them as /metrics does.")
@click.option(
    "--dashboard",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a Grafana dashboard and Prometheus alerts there instead.",
)
@click.option(
    "--runbooks",
    metavar="URL",
    default=RUNBOOKS,
    show_default=True,
    help="With --dashboard: where docs/operations.md is, for the links in alerts.",
)
@click.option(
    "--target",
    metavar="HOST:PORT",
    default=TARGET,
    show_default=True,
    help="With --dashboard: where Prometheus finds a daemon.",
)
@daemon_options("runtime_dir")
@click.pass_context
def metrics(
    context: click.Context,
    /,
    name: str,
    raw: bool,
    folder: Path | None,
    runbooks: str,
    target: str,
    **_: object,
) -> int:
    """Show the running daemon's figures; those with NAME in their name, if it is given."""
    if folder is not None:
        write_monitoring(folder, runbooks=runbooks, target=target)
        return ExitCode.OK
    text = ask(the_daemon(context).path, lambda client: client.metrics())
    if raw:
        sys.stdout.write(text)
        return ExitCode.OK
    table = Table("figure", "of", "value", box=None, pad_edge=False)
    for row in rows(read_figures(text), wanted=name):
        table.add_row(
            Text(row.name, overflow="fold"), Text(row.labels, overflow="fold"), Text(row.value)
        )
    output_console().print(table)
    return ExitCode.OK


def write_monitoring(folder: Path, *, runbooks: str, target: str) -> None:
    """Write the three files; raises DirectoryUnusable."""
    texts = {
        "agentd-dashboard.json": json.dumps(dashboard(), indent=2) + "\n",
        "agentd-alerts.yml": rules(runbooks=runbooks),
        "agentd-scrape.yml": scrape_job(target),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
            sys.stdout.write(f"wrote {folder / name}\n")
    except OSError as error:
        raise DirectoryUnusable(
            f"can't write to '{folder}': {error.strerror}; name another directory with --dashboard"
        ) from error
