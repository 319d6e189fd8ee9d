"""`agentd call --script`: many calls, and their report."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentd.aio.timing import wall_time
from agentd.caller.many import Crowd, call_all
from agentd.caller.page import html_page
from agentd.caller.plan import Access
from agentd.caller.results import CallResult, RunReport, Spread, run_report
from agentd.caller.script import Script
from agentd.caller.script_file import read_script
from agentd.caller.voice import make_clips
from agentd.errors import DirectoryUnusable

from .console import error_console, output_console
from .shown_text import clock, plural, safe_line

NOT_AS_EXPECTED = 1
"""The exit code of a run in which a call was not as expected."""


class ScriptRun(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    script: str
    variables: Mapping[str, str]
    crowd: Crowd
    repeat: int | None
    json: str
    """A file, `-` for standard output, or empty for none."""
    html: str


def run_script(access: Access, run: ScriptRun) -> int:
    """Make the calls, and report; the exit code says whether all was as expected.

    Raises SettingsError for the script, AudioError and ModelError for what it says, and
    DirectoryUnusable for a report that can't be written.
    """
    first = _script_for(run, 1)
    access = msgspec.structs.replace(
        access,
        agent_name=access.agent_name or first.agent,
        metadata=access.metadata or first.metadata,
        timeout=first.timeout,
    )
    for path in (run.json, run.html):
        _check_writable(path)
    began_at = clock(wall_time())
    notes = error_console()
    calls = asyncio.run(_make_calls(access, run, partial(_tell, notes)))
    report = run_report(run.script, began_at, calls)
    if run.json:
        _write(run.json, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if run.html:
        _write(run.html, html_page(report).encode())
    if run.json != "-":
        show_report(output_console(), report)
    return 0 if report.met else NOT_AS_EXPECTED


async def _make_calls(
    access: Access, run: ScriptRun, told: Callable[[CallResult], None]
) -> list[CallResult]:
    scripts = {caller: _script_for(run, caller) for caller in range(1, run.crowd.callers + 1)}
    turns = [turn for script in scripts.values() for turn in script.turns]
    beside = Path(run.script).resolve().parent
    clips = await make_clips(turns, scripts[1].voice, beside)
    return await call_all(access, scripts.__getitem__, clips, run.crowd, told=told)


def _script_for(run: ScriptRun, caller: int) -> Script:
    script = read_script(run.script, {"caller": str(caller), **run.variables})
    return script if run.repeat is None else msgspec.structs.replace(script, repeat=run.repeat)


def variables(given: tuple[str, ...]) -> dict[str, str]:
    """`name=value` of the command line; raises click's error for another form."""
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise click.BadParameter("give name=value", param_hint="--var")
    return {name.strip(): value for name, _, value in pairs}


def show_report(console: Console, report: RunReport) -> None:
    """The run as tables: each call, what was not as expected, and the latencies."""
    table = Table(title=f"{report.script}, {report.began_at}")
    for name in ("call", "caller", "room", "turns"):
        table.add_column(name)
    table.add_column("answer median", justify="right")
    table.add_column("worst", justify="right")
    table.add_column("")
    for call in report.calls:
        latencies = sorted(turn.latency for turn in call.turns if turn.latency is not None)
        turns = f"{len(call.turns)} of {len(call.turns) + call.not_reached}"
        table.add_row(
            str(call.number),
            str(call.caller),
            call.room,
            turns,
            _ms(latencies[len(latencies) // 2]) if latencies else "",
            _ms(latencies[-1]) if latencies else "",
            Text("well", "green") if call.met else Text("not as expected", "bold red"),
        )
    console.print(table)
    for line in faults(report):
        console.print(safe_line(line), style="red", markup=False, soft_wrap=True)
    for name, spread in (("answer", report.latency), ("joined", report.joined)):
        if spread is not None:
            console.print(_spread_line(name, spread))
    console.print(f"{report.well} of {plural(len(report.calls), 'call')} as expected")


def faults(report: RunReport) -> list[str]:
    """What was not as expected, a line each."""
    lines = []
    for call in report.calls:
        lines += [
            f"call {call.number}, turn {turn.number} ({turn.name or turn.said}): "
            f"expected that it {verdict.expected}; {verdict.found}"
            for turn in call.turns
            for verdict in turn.verdicts
            if not verdict.met
        ]
        if call.error:
            lines.append(f"call {call.number}: {call.error}")
        elif call.not_reached:
            lines.append(f"call {call.number}: {plural(call.not_reached, 'turn')} not reached")
    return lines


def _tell(console: Console, call: CallResult) -> None:
    how = "as expected" if call.met else "not as expected"
    console.print(f"call {call.number} is over: {how}", style="dim", highlight=False)


def _spread_line(name: str, spread: Spread) -> str:
    figures = f"median {_ms(spread.median)}, p95 {_ms(spread.p95)}, worst {_ms(spread.worst)}"
    return f"{name}: {figures} ({spread.count} of them)"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _check_writable(path: str) -> None:
    """Before the calls, not after them."""
    if path and path != "-" and not Path(path).resolve().parent.is_dir():
        raise DirectoryUnusable(f"'{path}' can't be written: there is no such directory")


def _write(path: str, data: bytes) -> None:
    if path == "-":
        sys.stdout.write(data.decode())
        return
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise DirectoryUnusable(f"'{path}' could not be written: {error.strerror}") from error
