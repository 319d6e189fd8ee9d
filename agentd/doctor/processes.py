"""Processes of agentd's on this machine, found in /proc, and the daemons that they belong to."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from agentd.errors import ControlError
from agentd.management.locate import probe
from agentd.protocol.app import BootArgs
from agentd.protocol.models import HostArgs
from agentd.settings.paths import CONTROL_NAME, MODELS_NAME, SOCKET_NAME
from agentd.supervisor.cgroup import read
from agentd.supervisor.procfs import TICKS_PER_SECOND, process_started

MODULES = {
    "agentd.template": BootArgs,
    "agentd.child": BootArgs,
    "agentd.modelhost": HostArgs,
}
"""What a daemon starts with `python -m`, and what the argument after it is."""

SOCKETS = (SOCKET_NAME, CONTROL_NAME, MODELS_NAME)


class OwnProcess(Struct, frozen=True, kw_only=True):
    """A process that a daemon has started."""

    pid: int
    module: str
    runtime: Path
    """The runtime directory of its daemon."""
    age: float
    """Seconds."""


def own_processes(proc: Path) -> list[OwnProcess]:
    """Those of this machine and not of its containers; forked children go by their template."""
    uptime = float((read(proc / "uptime").split() or ["0"])[0])
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdecimal():
            continue
        arguments = read(entry / "cmdline").split("\0")
        named = parse_arguments(arguments)
        if named is None or not _sees_our_files(entry, proc):
            continue
        started = process_started(int(entry.name), proc)
        if started is None:
            continue
        module, runtime = named
        age = max(0.0, uptime - started / TICKS_PER_SECOND)
        found.append(OwnProcess(pid=int(entry.name), module=module, runtime=runtime, age=age))
    return sorted(found, key=lambda each: each.pid)


def _sees_our_files(entry: Path, proc: Path) -> bool:
    """Whether its paths mean the same as ours: those of a container's processes do not."""
    try:
        return (entry / "ns/mnt").readlink() == (proc / "self/ns/mnt").readlink()
    except OSError:
        return True  # another user's: its daemon's socket will not answer us either


def parse_arguments(arguments: list[str]) -> tuple[str, Path] | None:
    """The module that is run, and its daemon's directory; None for another program. Pure."""
    if "-m" not in arguments:
        return None
    module, *rest = [*arguments[arguments.index("-m") + 1 :], ""]
    kind = MODULES.get(module)
    if kind is None or not rest:
        return None
    try:
        socket = msgspec.json.decode(rest[0], type=kind).socket
    except msgspec.MsgspecError:
        return None
    return (module, Path(socket).parent) if socket else None


def is_served(runtime: Path) -> bool:
    """Whether a daemon lives in a runtime directory, as far as we may know."""
    try:
        return probe(runtime / CONTROL_NAME) is not None
    except ControlError:
        return True  # somebody listens, who does not answer us


def is_alive(pid: int, proc: Path) -> bool:
    """Whether a process is there."""
    return (proc / str(pid)).exists()
