"""Where the command line prints: results to standard output, errors to standard error."""

from __future__ import annotations

import sys
import traceback

from rich.console import Console
from rich.text import Text

from agentd.errors import AgentdError, AppImportFailed
from agentd.masking import masked


def output_console() -> Console:
    """For what a command was asked to print."""
    return Console(file=sys.stdout)


def error_console() -> Console:
    """For errors and notes."""
    return Console(file=sys.stderr)


def show_error(error: AgentdError, *, verbose: bool) -> None:
    """Print one clear error; our own traceback only when it was asked for.

    An app that does not import shows its own frames: those are the user's to mend.
    """
    console = error_console()
    if verbose:
        _print(console, "".join(traceback.format_exception(error)))
    elif isinstance(error, AppImportFailed) and error.traceback:
        _print(console, error.traceback)
    # Soft-wrapped: a path broken over lines can't be copied.
    console.print(Text.assemble(("error: ", "bold red"), masked(str(error))), soft_wrap=True)


def _print(console: Console, text: str) -> None:
    console.print(masked(text.rstrip("\n")), markup=False, highlight=False, soft_wrap=True)
