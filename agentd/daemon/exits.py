"""Exit codes, and which error gives which. docs/operations.md has the same table."""

from __future__ import annotations

from enum import IntEnum

from agentd.errors import (
    AlreadyRunning,
    AppError,
    DirectoryUnusable,
    LiveKitRefused,
    LiveKitUnreachable,
    PortBusy,
    SettingsError,
)


class ExitCode(IntEnum):
    """How the daemon's process ends."""

    OK = 0
    """Stopped as asked."""
    INTERNAL = 1
    """A bug: please report it."""
    USAGE = 2
    """The command line is wrong."""
    APP = 3
    """The app is not there, does not import, or has no entrypoint."""
    SETTINGS = 4
    """A setting is missing or can't be used."""
    LIVEKIT_REFUSED = 5
    """LiveKit does not take this worker: wrong key or secret, or not a LiveKit server."""
    LIVEKIT_UNREACHABLE = 6
    """LiveKit could not be reached in `max_retry` attempts."""
    PORT_BUSY = 7
    """The HTTP port is taken."""
    DIRECTORY = 8
    """The state or runtime directory can't be used, or another daemon uses it."""
    DRAIN_TIMEOUT = 9
    """Jobs were ended because they outlasted the drain timeout."""
    FORCED = 10
    """Ended at once by a second signal."""


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code that an error stands for."""
    match error:
        case AppError():
            return ExitCode.APP
        case SettingsError():
            return ExitCode.SETTINGS
        case LiveKitRefused():
            return ExitCode.LIVEKIT_REFUSED
        case LiveKitUnreachable():
            return ExitCode.LIVEKIT_UNREACHABLE
        case PortBusy():
            return ExitCode.PORT_BUSY
        case DirectoryUnusable() | AlreadyRunning():
            return ExitCode.DIRECTORY
        case _:
            return ExitCode.INTERNAL
