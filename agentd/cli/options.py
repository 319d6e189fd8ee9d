"""Flags, made from the settings' model, and the arguments that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from agentd.settings.fields import FIELDS, SECTIONS, Field

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

GENERAL = "Options"


class SettingOption(click.Option):
    """The flag of one setting.

    It has no default and its value stays text: which value wins and whether it is
    allowed is decided in one place for flags, environment and file (`settings.layers`).
    """

    def __init__(self, field: Field) -> None:
        metavar = "|".join(field.choices) or field.kind
        super().__init__([field.flag, field.name], metavar=metavar, help=_help(field))
        self.heading = f"Settings, [{field.section}]"


class SettingsCommand(click.Command):
    """A command whose help groups the flags by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each section under its heading."""
        headings: dict[str, list[tuple[str, str]]] = {GENERAL: []}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if row is not None:
                heading = param.heading if isinstance(param, SettingOption) else GENERAL
                headings.setdefault(heading, []).append(row)
        for heading, rows in headings.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _help(field: Field) -> str:
    notes = []
    if field.shown_default:
        notes.append(f"default: {field.shown_default}")
    if field.livekit_variable:
        notes.append(f"env: {field.livekit_variable}")
    if field.secret:
        notes.append("others can see flags: prefer the variable")
    return f"{field.description}  [{'; '.join(notes)}]" if notes else field.description


def settings_options(function: CommandFunction) -> CommandFunction:
    """Give a command a flag for every setting."""
    options: list[click.Parameter] = [
        SettingOption(field) for section in SECTIONS for field in section.fields
    ]
    _params(function).extend(reversed(options))
    return function


def _params(function: Callable[..., Any]) -> list[click.Parameter]:
    """The list in which click's decorators collect parameters, last one first."""
    params: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
    return params


def given_flags(arguments: dict[str, Any]) -> dict[str, str]:
    """The settings among a command's arguments that were given."""
    return {
        name: value for name, value in arguments.items() if name in FIELDS and value is not None
    }


def _note_verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        ctx.find_root().meta["agentd.verbose"] = True
    return value


def verbose_option(function: CommandFunction) -> CommandFunction:
    """--verbose, which an error shown by `main` respects too."""
    return click.option(
        "--verbose",
        is_flag=True,
        callback=_note_verbose,
        help="Show agentd's own frames in tracebacks too.",
    )(function)


def config_option(function: CommandFunction) -> CommandFunction:
    """--config."""
    return click.option(
        "--config",
        metavar="FILE",
        help="Configuration file, in place of ./agentd.toml.  [env: AGENTD_CONFIG]",
    )(function)


def run_as_main_option(function: CommandFunction) -> CommandFunction:
    """--run-as-main, with which `cli.run_app` calls us: not for people."""
    return click.option("--run-as-main", is_flag=True, hidden=True)(function)
