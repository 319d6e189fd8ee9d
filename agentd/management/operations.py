"""What the daemon is asked to do beside the calls that it has: bodies, and answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from agentd.settings.model import LogLevel

from .views import Line

MAX_SIMULATION = 3600.0
"""Seconds that a simulated job may be given."""


class ResumeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST jobs/{id}/resume."""

    reason: Line = ""


class UndrainRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST undrain."""

    reason: Line = ""


class DispatchRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST dispatch: an agent is to come to a room."""

    room: Annotated[Line, Meta(min_length=1)]
    agent_name: Line | None = None
    """Left out: this daemon's own."""
    metadata: str = ""


class DispatchView(Struct, frozen=True, kw_only=True):
    """The dispatch that LiveKit has made."""

    id: str
    room: str
    agent_name: str
    room_created: bool = False
    """Whether there was no such room before."""
    note: str = ""
    """Why its job will not come here, as things are; empty when it can."""


class SimulateRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST simulate: a job without LiveKit, in a room of which there is only a name."""

    room: Line = ""
    """Left out: a new name."""
    metadata: str = ""
    seconds: Annotated[float, Meta(gt=0, le=MAX_SIMULATION)] = 60.0
    """After which it is shut down, unless it has ended before."""


class SimulationView(Struct, frozen=True, kw_only=True):
    """The job that was made."""

    job: str
    room: str
    seconds: float


class LogLevelRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of PUT log_level."""

    level: LogLevel


class LogLevelView(Struct, frozen=True, kw_only=True):
    """How much is written from now on."""

    level: str
    before: str
    children: int = 0
    """Living children that were told."""


class StacksRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST stacks; with neither, all processes are asked."""

    job: Line = ""
    child: Line = ""


class ProcessStacks(Struct, frozen=True, kw_only=True):
    """Where one process is."""

    process: str
    """`supervisor`, or the child's id."""
    pid: int | None = None
    job: str = ""
    text: str = ""
    """Stacks of its threads and tasks; empty when none came."""
    note: str = ""
    """Why none came, or why some are missing."""


class StacksView(Struct, frozen=True, kw_only=True):
    """Where the processes are at this moment."""

    processes: tuple[ProcessStacks, ...]


class SettingEntry(Struct, frozen=True, kw_only=True, rename={"origin": "from"}):
    """One setting as it is in force; a secret is masked."""

    section: str
    value: str | int | float | bool
    origin: str
    """Where it came from."""


class DirectoryEntry(Struct, frozen=True, kw_only=True, rename={"origin": "from"}):
    """One directory of the daemon's."""

    path: str
    origin: str


class ConfigView(Struct, frozen=True, kw_only=True):
    """The settings that the daemon runs with."""

    settings: Mapping[str, SettingEntry]
    directories: Mapping[str, DirectoryEntry] = {}
