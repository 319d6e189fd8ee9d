"""`agentd config`: each setting and where it came from."""

from __future__ import annotations

import sys
from typing import Any

import click

from agentd.protocol.app import AppInfo
from agentd.settings.layers import app_layer, resolve, unknown_variables
from agentd.settings.load import environment, load_layers
from agentd.settings.paths import choose_directories, this_process

from .console import error_console, output_console
from .options import (
    SettingsCommand,
    config_option,
    given_flags,
    run_as_main_option,
    settings_options,
    verbose_option,
)
from .plan import app_ref
from .settings_table import (
    directories_table,
    running_json,
    running_table,
    settings_json,
    settings_table,
)

DESCRIBE_TIMEOUT = 60.0

_EPILOG = """\
\b
Examples:
  agentd config
  agentd config app.py --dev
  agentd config app.py --json
  agentd config --running     (what the daemon that runs was started with)

With APP, the app is imported (in a process of its own), so that its own settings count.
"""


@click.command(cls=SettingsCommand, epilog=_EPILOG)
@click.argument("app", required=False)
@click.option("--dev", is_flag=True, help="What `agentd dev` would use.")
@click.option("--running", is_flag=True, help="Ask the daemon that runs what it uses.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@config_option
@verbose_option
@run_as_main_option
@settings_options
@click.pass_context
def config(  # noqa: PLR0913, PLR0917 - click gives each option as an argument
    context: click.Context,
    /,
    app: str | None,
    dev: bool,
    running: bool,
    as_json: bool,
    config: str | None,
    verbose: bool,
    run_as_main: bool,
    **flags: Any,
) -> None:
    """Print each setting and where it came from, secrets masked."""
    if running:
        if app is not None:
            raise click.UsageError("--running asks the daemon, which has its app: name none")
        _show_running(context, as_json=as_json)
        return
    layers = load_layers(given_flags(flags), config=config, dev=dev)
    resolved = resolve(layers)
    environ = environment()
    notes = unknown_variables(environ)
    if app is not None:
        info = _describe(app, run_as_main=run_as_main)
        own = info.dev_settings if dev else info.settings
        resolved = resolve([*layers, app_layer(own, agent_name=info.agent_name)])
        notes.extend(info.notes)
    if as_json:
        sys.stdout.write(settings_json(resolved) + "\n")
    else:
        output_console().print(settings_table(resolved))
        directories = choose_directories(resolved, environ, me=this_process(), dev=dev)
        output_console().print(directories_table(directories))
    for note in notes:
        error_console().print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)


def _show_running(context: click.Context, *, as_json: bool) -> None:
    # Late: without --running nobody waits for the client's libraries.
    from .daemon import ask, the_daemon

    view = ask(the_daemon(context).path, lambda client: client.config())
    if as_json:
        sys.stdout.write(running_json(view) + "\n")
    else:
        output_console().print(running_table(view))


def _describe(app: str, *, run_as_main: bool) -> AppInfo:
    from agentd.daemon.describe import describe_app

    return describe_app(app_ref(app, run_as_main=run_as_main), DESCRIBE_TIMEOUT)
