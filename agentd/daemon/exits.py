"""Exit codes, and which error gives which. docs/operations.md has the same table."""

from __future__ import annotations

from enum import IntEnum

from agentd.errors import (
    AgentdError,
    AlreadyRunning,
    AppError,
    DirectoryUnusable,
    LiveKitRefused,
    LiveKitUnreachable,
    ModelHostError,
    PortBusy,
    SettingsError,
    TemplateError,
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
    """The app is not there, does not import, has no entrypoint, or ends its process; or a local
    model that it names can't be loaded."""
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


EXIT_CODES: dict[type[AgentdError], ExitCode] = {
    AppError: ExitCode.APP,
    TemplateError: ExitCode.APP,
    ModelHostError: ExitCode.APP,
    SettingsError: ExitCode.SETTINGS,
    LiveKitRefused: ExitCode.LIVEKIT_REFUSED,
    LiveKitUnreachable: ExitCode.LIVEKIT_UNREACHABLE,
    PortBusy: ExitCode.PORT_BUSY,
    DirectoryUnusable: ExitCode.DIRECTORY,
    AlreadyRunning: ExitCode.DIRECTORY,
}


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code that an error stands for."""
    for kind, code in EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return ExitCode.INTERNAL
