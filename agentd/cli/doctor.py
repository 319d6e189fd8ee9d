"""`agentd doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from agentd.errors import AppNotFound, SettingsError
from agentd.settings.load import config_path, environment, load_layers

from .console import error_console, output_console
from .exits import DOCTOR_EXITS
from .options import (
    SettingsCommand,
    config_option,
    given_flags,
    run_as_main_option,
    settings_options,
    verbose_option,
)
from .plan import app_ref

if TYPE_CHECKING:
    from agentd.doctor.check import Check
    from agentd.doctor.course import Wishes
    from agentd.doctor.finding import CheckReport, Report
    from agentd.doctor.patient import Patient

SHOWN_NAMES = 3

_EPILOG = """\
\b
Examples:
  agentd doctor app.py                 # all checks
  agentd doctor app.py --only media-udp --only media-tcp
  agentd doctor --offline              # nothing that needs the network
  agentd doctor app.py --fix           # makes missing directories, removes what dead daemons left,
                                       # fetches model files; says each
  agentd doctor --list

Rooms that it makes are its own and are deleted; its worker takes no job. Exit codes: 0 all is
well, 14 there are warnings, 15 there are failures, 2 usage.
"""


@click.command(cls=SettingsCommand, epilog=_EPILOG)
@click.argument("app", required=False)
@click.option("--only", multiple=True, metavar="ID", help="Only this check; may be repeated.")
@click.option("--skip", multiple=True, metavar="ID", help="Not this check; may be repeated.")
@click.option("--offline", is_flag=True, help="Nothing that needs the network.")
@click.option("--no-cost", is_flag=True, help="No call to a service that may charge for it.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without harm, and look again.")
@click.option("--list", "only_list", is_flag=True, help="List the checks, and run none.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option(
    "--timeout",
    default=8.5,
    show_default=True,
    type=click.FloatRange(min=0.5, max=600.0),
    help="Seconds for everything; more draws out each check's own deadline, too.",
)
@config_option
@verbose_option
@run_as_main_option
@settings_options
def doctor(  # noqa: PLR0913, PLR0917 - click gives each option as an argument
    app: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    offline: bool,
    no_cost: bool,
    fix: bool,
    only_list: bool,
    as_json: bool,
    timeout: float,
    config: str | None,
    verbose: bool,
    run_as_main: bool,
    **flags: Any,
) -> int:
    """Look at everything that a daemon needs, and say what is wrong and how to mend it.

    With APP, the app is imported (in a process of its own), so that it is looked at, too.
    """
    from agentd.doctor.catalogue import choose
    from agentd.doctor.course import Wishes

    from .doctor_table import list_table, print_report

    try:
        checks = choose(only, skip)
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from None
    if only_list:
        output_console().print(list_table(checks))
        return 0
    wishes = Wishes(offline=offline, no_cost=no_cost, fix=fix, timeout=timeout)
    report = _run(_patient(app, config, flags, as_main=run_as_main), checks, wishes, quiet=as_json)
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        print_report(output_console(), report)
    return DOCTOR_EXITS[report.verdict]


def _patient(
    app: str | None, config: str | None, flags: dict[str, Any], *, as_main: bool
) -> Patient:
    """Settings or an app that can't be had are a finding, not the end."""
    from agentd.doctor.patient import Patient

    environ = environment()
    ref, app_error = None, ""
    try:
        ref = None if app is None else app_ref(app, run_as_main=as_main)
    except AppNotFound as wrong:
        app_error = str(wrong)
    try:
        layers, error = load_layers(given_flags(flags), config=config), ""
    except SettingsError as wrong:
        layers, error = (), str(wrong)
    return Patient(
        layers=layers,
        environ=environ,
        app=ref,
        config=config_path(config, environ),
        settings_error=error,
        app_error=app_error,
    )


def _run(patient: Patient, checks: tuple[Check, ...], wishes: Wishes, *, quiet: bool) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from agentd.doctor.course import run_course

    console = error_console()
    waiting = [check.id for check in checks]
    columns = (
        TextColumn("agentd doctor"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as bar:
        task = bar.add_task(_shown(waiting), total=len(checks))

        def told(report: CheckReport) -> None:
            waiting.remove(report.id)
            bar.update(task, advance=1, description=_shown(waiting))

        return asyncio.run(run_course(patient, checks, wishes, told))


def _shown(waiting: list[str]) -> str:
    more = f" and {len(waiting) - SHOWN_NAMES} more" if len(waiting) > SHOWN_NAMES else ""
    return f"waiting for {', '.join(waiting[:SHOWN_NAMES])}{more}" if waiting else ""
