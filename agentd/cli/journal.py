"""What the journal knows: asked of the running daemon, else read from the file that it left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from agentd.errors import NoDaemon
from agentd.journal.journal import FILE_NAME
from agentd.journal.onlooker import Onlooker, look_into
from agentd.management.client import ControlClient

from .console import error_console
from .daemon import ask, given_places, the_daemon

WITHOUT_A_DAEMON = (
    "Without a running daemon the journal in the state directory is read, as it was left."
)

T = TypeVar("T")


def read_records(
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
