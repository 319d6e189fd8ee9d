"""The table for people and the JSON file for machines."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from .figures import PEER, Figure

_VERDICTS = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}


def show(figures: list[Figure], console: Console) -> None:
    """Print the table."""
    table = Table(title="agentd, measured on this machine", title_justify="left")
    table.add_column("figure")
    for column in ("agentd", "aim", PEER):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("how", style="dim")
    for figure in figures:
        table.add_row(
            figure.name,
            f"[bold]{_number(figure.ours)}[/] {figure.unit}",
            _number(figure.aim),
            _number(figure.peer),
            _VERDICTS[figure.met],
            figure.note,
        )
    console.print(table)


def write(figures: list[Figure], path: Path, *, load: tuple[float, float, float]) -> None:
    """Write the JSON file; `load` is the machine's load average before the first benchmark."""
    document = {
        "machine": {
            "cpus": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load_before": load,
        },
        "peer": PEER,
        "figures": [msgspec.to_builtins(figure) | {"met": figure.met} for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
