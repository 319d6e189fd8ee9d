"""The `agentd` command: its sub-commands, and how every run of it ends."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, shell_complete

from agentd import __version__
from agentd.credentials import remember_environment
from agentd.daemon.exits import ExitCode
from agentd.errors import AgentdError
from agentd.masking import masked
from agentd.settings.load import environment

from .exits import exit_code_of

COMMANDS = {
    "start": "Run an app as a service.",
    "dev": "Run an app while writing it: reload on save, coloured log.",
    "console": "Talk to an app's agent here, without a server: by text, by sound, by WAV files.",
    "config": "Print each setting and where it came from.",
    "call": "Call a running agent: speak a WAV file to it, record its answer.",
    "status": "Show what the running daemon does, and what is wrong with it.",
    "top": "Watch the running daemon: slots, jobs, breakers, events.",
    "metrics": "Show the running daemon's figures, or write a dashboard and alerts for them.",
    "jobs": "List jobs, show one with its history, stop one, or move one.",
    "logs": "Show what has happened, of one job or of all; follow it.",
    "drain": "Let running jobs end, take no new ones, then end the daemon.",
    "undrain": "Take a drain back: serve as before.",
    "reload": "Import the app anew, for new jobs.",
    "dispatch": "Have LiveKit send an agent to a room.",
    "simulate": "Run a job without LiveKit, in the running daemon.",
    "loglevel": "Write more or less, while the daemon runs.",
    "stacks": "Show where the daemon's processes are: stacks of threads and tasks.",
    "doctor": "Look at all that a daemon needs, and say what is wrong and how to mend it.",
    "models": "List, fetch and check the model files that plugins need.",
    "init": "Write a new agent's project, with tests that pass.",
    "completion": "Print what makes a shell complete these commands.",
}
"""Each lives in the module of its name, as a click command of its name; but for these."""

MODULES = {"console": "talk"}

COMPLETION_VARIABLE = "_AGENTD_COMPLETE"
"""Set by a shell that asks what may follow (`agentd completion`)."""

_EPILOG = """\
\b
Examples:
  agentd dev app.py
  agentd start app.py --max-jobs 20
  agentd config app.py
  agentd status

`agentd COMMAND --help` says more. Exit codes: 0 well, 1 a fault of agentd, 2 usage,
3 the app, 4 a setting, 5 LiveKit refused, 6 LiveKit can't be reached, 7 port busy,
8 directory, 9 drain timed out, 10 forced by a second signal, 11 no daemon runs,
12 the daemon is unhealthy, 13 the daemon refused, 14 and 15 doctor has found something.
"""


def load_command(name: str) -> click.Command:
    """Import a sub-command."""
    command = getattr(importlib.import_module(f"agentd.cli.{MODULES.get(name, name)}"), name)
    assert isinstance(command, click.Command)
    return command


class LazyGroup(click.Group):
    """Imports a sub-command when it is called, so that none pays for the others' libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None makes click say that there is none."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of the table, which needs no import either, and the options."""
        named = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, which needs no import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, epilog=_EPILOG)
@click.version_option(__version__, prog_name="agentd")
def agentd() -> None:
    """Run voice agents for LiveKit, each call in a supervised process of its own."""


def run_command(command: click.Command, arguments: Sequence[str]) -> int | None:
    """Run a click command and say the exit code; None when it returned without one.

    An error of agentd's becomes one message; anything else is a fault, and its traceback is shown
    without the keys that may be in it.
    """
    # The context is made here, not by click, so that its flags can be asked after a failure.
    verbose = False
    remember_environment()
    try:
        with command.make_context(_program(), list(arguments)) as context:
            try:
                result = command.invoke(context)
            finally:
                verbose = bool(context.meta.get("agentd.verbose"))
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.FORCED
    except AgentdError as error:
        # Late: this process may be the daemon, which lives long and needs no rich in its memory.
        from .console import show_error

        show_error(error, verbose=verbose)
        return exit_code_of(error)
    except Exception:  # noqa: BLE001 - the last border: Python would print it unmasked
        sys.stderr.write(masked(traceback.format_exc()))
        sys.stderr.write("error: a fault of agentd; please report it with the lines above\n")
        return ExitCode.INTERNAL
    return result if isinstance(result, int) else None


def _program() -> str:
    """What the user typed to get here, for the usage line."""
    name = sys.argv[0].rpartition("/")[2]
    return name if name not in {"__main__.py", "-c", ""} else "agentd"


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; returns the exit code."""
    asked = environment().get(COMPLETION_VARIABLE)
    if asked:
        return shell_complete(agentd, {}, "agentd", COMPLETION_VARIABLE, asked)
    code = run_command(agentd, sys.argv[1:] if arguments is None else arguments)
    return ExitCode.OK if code is None else code
