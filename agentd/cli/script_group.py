"""The commands that an app's own script has: agentd's, without the APP argument."""

from __future__ import annotations

import click

from .main import COMMANDS, load_command
from .options import SettingsCommand

IN_SCRIPTS = ("start", "dev", "console", "config")
_NOT_IN_SCRIPTS = ("app", "run_as_main")


def script_group() -> click.Group:
    """A group whose commands only check their arguments: they return None and do nothing."""
    group = click.Group(help="Run this app with agentd.")
    for name in IN_SCRIPTS:
        group.add_command(_without_app(name, load_command(name)))
    return group


def _without_app(name: str, command: click.Command) -> click.Command:
    return SettingsCommand(
        name,
        params=[param for param in command.params if param.name not in _NOT_IN_SCRIPTS],
        callback=_accept,
        help=COMMANDS[name],
    )


def _accept(**_arguments: object) -> None:
    """The arguments are good."""
