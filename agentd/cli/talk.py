"""`agentd console`: talk to an app's agent at this machine."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from agentd.daemon.configure import child_config
from agentd.daemon.exits import ExitCode
from agentd.settings.access import keep_secret
from agentd.settings.fields import FIELDS
from agentd.settings.layers import Layer, Rank, resolve
from agentd.settings.load import environment, load_layers, wants_colour

from .call import ACCESS
from .options import (
    SettingOption,
    SettingsCommand,
    config_option,
    given_flags,
    run_as_main_option,
    verbose_option,
)
from .plan import app_ref

_EPILOG = """\
\b
Examples:
  agentd console app.py                     microphone and loudspeaker; Ctrl-T: text
  agentd console app.py --text              type to it
  echo "how much is a pizza" | agentd console app.py --text
  agentd console app.py --input call.wav --output reply.wav

The app runs in this process, with a fake job in a room that is none: nothing is
registered, no server and no key is needed. Sound needs `pip install agentd[console]`
and PortAudio (`apt-get install libportaudio2`); without them it is text.

Exit codes: 0 the job went well, 3 the app or its job failed, 10 ended by a second
Ctrl-C.
"""

QUIET = Layer(
    rank=Rank.DEV_DEFAULT,
    values={"log_level": "WARNING"},
    origins={"log_level": "agentd console"},
)
"""A conversation is to be read, unless somebody has asked for the log."""

FLAGS = (*ACCESS, "agent_name", "log_level")
"""The settings that have a flag here."""


def _list_devices(context: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from agentd.console.sound_card import device_list

    click.echo(device_list())
    context.exit(ExitCode.OK)


@click.command(
    cls=SettingsCommand, epilog=_EPILOG, params=[SettingOption(FIELDS[name]) for name in FLAGS]
)
@click.argument("app")
@click.option("--text", is_flag=True, help="Type to the agent and read what it says.")
@click.option("--input", metavar="FILE", help="PCM16 WAV file to speak, in place of a microphone.")
@click.option("--output", metavar="FILE", help="WAV file for what it says, with --input.")
@click.option("--at-once", is_flag=True, help="Speak --input at once, not after the greeting.")
@click.option("--input-device", default="", metavar="NAME|N", help="Microphone.")
@click.option("--output-device", default="", metavar="NAME|N", help="Loudspeaker.")
@click.option(
    "--list-devices",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_devices,
    help="Show the sound devices, and end.",
)
@click.option(
    "--echo-cancellation/--no-echo-cancellation",
    default=True,
    help="Take echo and noise out of the microphone (default).",
)
@click.option(
    "--record", default="", metavar="DIR", help="Keep a recording and a report below DIR."
)
@click.option("--metadata", default="", help="Metadata of the job.")
@config_option
@verbose_option
@run_as_main_option
def console(  # noqa: PLR0913, PLR0917 - click gives each option as an argument
    app: str,
    text: bool,
    input: str | None,
    output: str | None,
    at_once: bool,
    input_device: str,
    output_device: str,
    echo_cancellation: bool,
    record: str,
    metadata: str,
    config: str | None,
    verbose: bool,
    run_as_main: bool,
    **flags: Any,
) -> ExitCode:
    """Talk to APP's agent, here."""
    if text and input:
        raise click.UsageError("--text and --input are two ways to talk: give one of them")
    if input is None and (output or at_once):
        raise click.UsageError("--output and --at-once go with --input")
    layers = load_layers(given_flags(flags), config=config)
    resolved = resolve((*layers, QUIET))
    keep_secret(resolved)
    # Imported here, since they load the media library, which help does not need.
    from agentd.console.main import run_console
    from agentd.console.plan import ConsolePlan

    plan = ConsolePlan(
        app=app_ref(app, run_as_main=run_as_main),
        config=child_config(resolved.settings),
        mode="wav" if input else "text" if text else "audio",
        agent_name=resolved.settings.livekit.agent_name,
        metadata=metadata,
        input=input or "",
        output=output or "",
        at_once=at_once,
        input_device=input_device,
        output_device=output_device,
        echo_cancellation=echo_cancellation,
        record=record,
        colour=wants_colour(environment(), is_terminal=sys.stdout.isatty()),
        verbose=verbose,
    )
    outcome = run_console(plan, exit_now=_exit_now)
    return ExitCode.APP if outcome.outcome == "failed" else ExitCode.OK


def _exit_now() -> NoReturn:
    sys.stdout.flush()
    os._exit(ExitCode.FORCED)
