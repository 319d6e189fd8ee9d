"""From a command's flags to the daemon that it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agentd.management.client import ControlClient
from agentd.management.locate import FoundDaemon, find_daemon
from agentd.settings.fields import FIELDS
from agentd.settings.layers import resolve
from agentd.settings.load import environment, load_layers
from agentd.settings.paths import Directories, choose_directories, this_process

from .options import SettingOption, config_option, given_flags, verbose_option

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])
T = TypeVar("T")

_SHARED = ("config", "runtime_dir", "state_dir", "verbose")


def daemon_options(*settings: str) -> Callable[[CommandFunction], CommandFunction]:
    """--config, --verbose and the flags of these settings, which say where the daemon is."""

    def add(function: CommandFunction) -> CommandFunction:
        for name in reversed(settings):
            params = function.__dict__.setdefault("__click_params__", [])
            params.append(SettingOption(FIELDS[name]))
        return config_option(verbose_option(function))

    return add


def given_places(context: click.Context) -> Directories:
    """The directories that `start` would use with these flags.

    `jobs --runtime-dir X show ID` is the same as `jobs show ID --runtime-dir X`; raises
    SettingsError.
    """
    given: dict[str, Any] = {}
    for one in _from_root(context):
        given |= {name: one.params[name] for name in _SHARED if one.params.get(name) is not None}
    resolved = resolve(load_layers(given_flags(given), config=given.get("config")))
    return choose_directories(resolved, environment(), me=this_process())


def _from_root(context: click.Context) -> list[click.Context]:
    above = [] if context.parent is None else _from_root(context.parent)
    return [*above, context]


def the_daemon(context: click.Context) -> FoundDaemon:
    """The daemon that was meant; raises NoDaemon, ControlError or SettingsError."""
    return find_daemon(given_places(context).runtime)


def ask(path: Path, question: Callable[[ControlClient], Awaitable[T]]) -> T:
    """Ask a daemon one thing, on a loop of its own; raises as `ControlClient` does."""

    async def run() -> T:
        async with ControlClient(path) as client:
            return await question(client)

    return asyncio.run(run())
