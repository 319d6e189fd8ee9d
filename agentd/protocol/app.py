"""What the template tells the supervisor about the user's app, which it never imports."""

from __future__ import annotations

import signal
from typing import Literal

from msgspec import Struct

from .models import ModelRef

ServerType = Literal["room", "publisher"]


class AppRef(Struct, frozen=True, kw_only=True):
    """Where the app is, not yet imported."""

    target: str
    """An absolute path that ends in .py, or a dotted module name."""
    name: str = ""
    """The object in it; empty means: look for one."""
    as_main: bool = False
    """Run it as `__main__` and take the app that it hands to `cli.run_app`."""

    @property
    def is_file(self) -> bool:
        return self.target.endswith(".py")

    def __str__(self) -> str:
        return f"{self.target}:{self.name}" if self.name else self.target


STACKS_SIGNAL = signal.SIGRTMIN + 3
"""Asks a child to write the stacks of its threads and tasks to its standard error.

A real-time signal, since the other free ones belong to the user's code.
"""

STACKS_GENTLY_SIGNAL = signal.SIGRTMIN + 4
"""Asks the same of Python alone, for a child that is well: no thread is looked at while it runs.

`STACKS_SIGNAL` looks at all of them whatever they do, which may end the process where native code
makes and ends threads all the time, as the media library does. This one has no answer where Python
code can't run.
"""

STACKS_TASKS_LINE = "-- tasks --"
"""Begins the part with the stacks of the tasks; those of the threads come before it, or, where it
was asked gently, after it."""

STACKS_END_LINE = "-- end of stacks --"
"""Ends it. A process that is blocked in C writes the part once that call is over."""

CONTROL_FD = 3
"""Number of the descriptor that a template inherits its supervisor's socket as."""


class BootArgs(Struct, frozen=True, kw_only=True):
    """What a template, or a child that is spawned, gets on its command line, as JSON."""

    app: AppRef
    socket: str = ""
    """The supervisor's socket, for children to connect to."""
    child_id: str = ""
    log_level: str = "INFO"
    """For the template; children get theirs in `Initialize`."""
    verbose: bool = False
    """Show agentd's own frames in tracebacks of user code."""
    describe: bool = False
    """Print the `AppInfo` as JSON and exit, instead of serving a supervisor."""


class Permissions(Struct, frozen=True, kw_only=True):
    """What the agent's participant may do in the room."""

    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_update_metadata: bool = True
    can_publish_sources: list[int] = []
    """Numbers of `livekit.protocol.models.TrackSource`; empty means all."""
    hidden: bool = False


class AppInfo(Struct, frozen=True, kw_only=True):
    """The app as the supervisor needs to know it."""

    agent_name: str = ""
    server_type: ServerType = "room"
    permissions: Permissions = Permissions()
    answers_offers: bool = False
    """Whether the app has an `on_request` of its own; without one, every offer is accepted."""
    settings: dict[str, bool | int | float | str] = {}
    """Settings that the app gives for itself, by their names in `agentd.settings`."""
    dev_settings: dict[str, bool | int | float | str] = {}
    """The same for `dev`, where an app may give other values."""
    models: list[ModelRef] = []
    """Local models that the app's jobs share."""
    files: list[str] = []
    """Source files that the app consists of, to be watched in `dev`."""
    notes: list[str] = []
    """What the user should be told about the app, such as an option that has no effect here."""

    def __repr__(self) -> str:
        # The app may give itself a secret.
        return f"AppInfo(agent_name={self.agent_name!r}, settings={[*self.settings]}, ...)"
