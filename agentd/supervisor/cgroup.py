"""The control groups that this process is in, versions 1 and 2 of them, as far as they bind memory.

Reads never raise: what is not there, or can't be read, is None.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from .procfs import MB

ROOT = Path("/")

NO_LIMIT = 2**60
"""Version 1 writes a number near 2**63 where there is no limit."""


class Group(Struct, frozen=True, kw_only=True):
    """One control group's files."""

    directory: Path
    version: int


class GroupMemory(Struct, frozen=True, kw_only=True):
    """Memory of a group that has a limit, in MB."""

    limit_mb: float
    free_mb: float
    """Up to the limit; what the kernel can drop at once (inactive file cache) counts as free."""


def memory_groups(root: Path = ROOT) -> list[Group]:
    """The groups whose memory limits bind this process: its own first, then their parents."""
    found: list[Group] = []
    mounted = root / "sys/fs/cgroup"
    for line in read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base = mounted if (mounted / "cgroup.controllers").exists() else mounted / "unified"
            found += [Group(directory=place, version=2) for place in _upwards(base, path)]
        elif "memory" in controllers.split(","):
            places = _upwards(mounted / "memory", path)
            found += [Group(directory=place, version=1) for place in places]
    return found


def group_memory(group: Group) -> GroupMemory | None:
    """What a group may still use; None without a limit."""
    names = ("memory.max", "memory.current") if group.version == 2 else (
        "memory.limit_in_bytes", "memory.usage_in_bytes"
    )  # fmt: skip
    limit, used = (_number(read(group.directory / name)) for name in names)
    if limit is None or used is None or limit >= NO_LIMIT:
        return None
    key = "inactive_file" if group.version == 2 else "total_inactive_file"
    cache = keyed(read(group.directory / "memory.stat"), key) or 0
    return GroupMemory(limit_mb=limit / MB, free_mb=(limit - used + cache) / MB)


def oom_kills(group: Group) -> int | None:
    """How many processes of a group the kernel has killed for want of memory, ever."""
    name = "memory.events" if group.version == 2 else "memory.oom_control"
    return keyed(read(group.directory / name), "oom_kill")


def keyed(text: str, key: str) -> int | None:
    """The number after a key, in a file of lines `key number`."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return _number(value)
    return None


def read(path: Path) -> str:
    """A file's text; empty where there is none, or no right to it."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _upwards(base: Path, path: str) -> list[Path]:
    """The group's directory and those above it, up to the mount; those that can be seen.

    In a container the path may be the host's, and name nothing here: then the mount itself
    is our group.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        parts = []
    places = [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return [place for place in places if _is_seen(place)]


def _is_seen(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # no right to look there, say
        return False


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # "max", or nothing
        return None
