"""What `agentd doctor` found, for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentd.doctor.check import Check
from agentd.doctor.finding import CheckReport, Report

MARKS = {"ok": ("✓", "green"), "skipped": ("-", "dim"), "warning": ("!", "yellow"),
         "failure": ("✗", "bold red")}  # fmt: skip


def list_table(checks: Iterable[Check]) -> Table:
    """The checks themselves."""
    table = Table("check", "group", "looks at", box=None)
    for check in checks:
        notes = [
            *(["network"] if check.network else []),
            *(["may cost"] if check.costs else []),
            *(["--fix"] if check.fix else []),
        ]
        more = f" ({', '.join(notes)})" if notes else ""
        table.add_row(check.id, check.group, f"{check.looks_at}{more}")
    return table


def print_report(console: Console, report: Report) -> None:
    """The table, then what is to be done in full, then one line."""
    console.print(report_table(report.checks))
    for check in report.checks:
        if check.fixed:
            _line(console, f"fixed {check.id}: ", check.fixed, "green")
    for check in report.checks:
        if check.remedy and check.verdict in ("warning", "failure"):
            _line(console, f"{check.verdict} {check.id}: ", check.remedy, MARKS[check.verdict][1])
    console.print(summary(report), highlight=False)


def report_table(checks: Iterable[CheckReport]) -> Table:
    """A line for each check."""
    table = Table("", "check", "what was seen", "s", box=None, pad_edge=False)
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", Text(group, style="bold"), "", "")
        mark, style = MARKS[check.verdict]
        table.add_row(
            Text(mark, style=style),
            Text(check.id, style=style, no_wrap=True),
            Text(check.evidence, style="dim" if check.verdict == "skipped" else ""),
            Text(f"{check.seconds:.1f}", style="dim"),
        )
    return table


def summary(report: Report) -> str:
    """How many of each, in one line."""
    counts = dict.fromkeys(MARKS, 0)
    for check in report.checks:
        counts[check.verdict] += 1
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"verdict: {report.verdict} ({listed}) in {report.seconds:.1f} s"


def _line(console: Console, head: str, text: str, style: str) -> None:
    # Soft-wrapped: a command broken over lines can't be copied.
    console.print(Text.assemble((head, style), text), soft_wrap=True)
