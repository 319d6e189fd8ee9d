"""Exit codes of the commands that ask a running daemon. docs/operations.md has the same table.

They begin where those of the daemon's own process end (`agentd.daemon.exits`).
"""

from __future__ import annotations

from enum import IntEnum

from agentd.daemon.exits import ExitCode, exit_code_for
from agentd.errors import ControlError, ControlRefused, NoDaemon


class AskExit(IntEnum):
    """How asking a daemon ended, where it did not end well."""

    NOT_RUNNING = 11
    """No daemon runs in the runtime directory."""
    UNHEALTHY = 12
    """A daemon runs, but is unhealthy, does not answer, or ended with jobs left."""
    REFUSED = 13
    """The daemon did not do it: no such job, a reason that is too long."""


class DoctorExit(IntEnum):
    """What `agentd doctor` has found; 0 for nothing."""

    WARNINGS = 14
    """All works, and something may fail one day, or is worse than it need be."""
    FAILURES = 15
    """A daemon would not start, or calls would fail."""


DOCTOR_EXITS: dict[str, int] = {
    "ok": ExitCode.OK,
    "skipped": ExitCode.OK,
    "warning": DoctorExit.WARNINGS,
    "failure": DoctorExit.FAILURES,
}
"""By the worst verdict."""


ASK_EXITS: dict[type[ControlError], AskExit] = {
    NoDaemon: AskExit.NOT_RUNNING,
    ControlRefused: AskExit.REFUSED,
    ControlError: AskExit.UNHEALTHY,
}
"""In this order: the first that fits."""


def exit_code_of(error: BaseException) -> int:
    """The exit code that an error stands for, whichever command it came from."""
    for kind, code in ASK_EXITS.items():
        if isinstance(error, kind):
            return code
    return exit_code_for(error)
