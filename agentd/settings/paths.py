"""The state directory and the runtime directory: which they are, and making sure of them.

Choosing is pure and takes the environment as an argument; `prepare_directories` touches
the disk. A directory that can't be used is told by writing to it: permission bits alone
say nothing about read-only mounts, quotas or root.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from agentd.errors import DirectoryUnusable

from .fields import FIELDS
from .layers import Resolved

MAX_SOCKET_PATH = 104
"""Bytes of a Unix socket's path with its final zero, on the strictest platform (Linux has 108)."""

SOCKET_NAME = "agentd.sock"
CONTROL_NAME = "control.sock"
MODELS_NAME = "models.sock"

MODELS_VARIABLE = "AGENTD_MODELS_DIR"


class Directory(Struct, frozen=True, kw_only=True):
    """A chosen directory, and why it is this one."""

    setting: str
    """`state_dir` or `runtime_dir`."""
    path: Path
    origin: str
    shared_parent: Path | None = None
    """The part of the path in a place where others can write, so it must be proved ours."""
    temporary: bool = False
    """Made for this run only; `discard` removes it."""


class Directories(Struct, frozen=True, kw_only=True):
    """Where the daemon keeps its things."""

    state: Directory
    runtime: Directory

    @property
    def socket_path(self) -> Path:
        """The socket that children connect to."""
        return self.runtime.path / SOCKET_NAME

    @property
    def control_path(self) -> Path:
        """The socket that `agentd status` and its like connect to."""
        return self.runtime.path / CONTROL_NAME

    @property
    def models_path(self) -> Path:
        """The socket of the model host."""
        return self.runtime.path / MODELS_NAME


class Me(Struct, frozen=True, kw_only=True):
    """The process that asks."""

    uid: int
    pid: int


def this_process() -> Me:
    """Who we are."""
    return Me(uid=os.getuid(), pid=os.getpid())


def choose_directories(
    resolved: Resolved, environ: Mapping[str, str], *, me: Me, dev: bool = False
) -> Directories:
    """Which directories to use. Pure.

    In dev a directory that nobody asked for gets a folder for this process, so that a
    dev run never meets the service of the same user.
    """
    return Directories(
        state=_given(resolved, environ, "state_dir", "STATE_DIRECTORY")
        or _default_state(environ, me, dev=dev),
        runtime=_given(resolved, environ, "runtime_dir", "RUNTIME_DIRECTORY")
        or _default_runtime(environ, me, dev=dev),
    )


def _given(
    resolved: Resolved, environ: Mapping[str, str], setting: str, systemd_variable: str
) -> Directory | None:
    value = str(resolved.value(setting))
    if value:
        path = Path(os.path.abspath(Path(value).expanduser()))
        return Directory(setting=setting, path=path, origin=str(resolved.origin[setting]))
    # systemd joins several with colons; the first is the unit's main one.
    first = environ.get(systemd_variable, "").split(":")[0]
    if first:
        return Directory(setting=setting, path=Path(first), origin=f"systemd's {systemd_variable}")
    return None


def _default_state(environ: Mapping[str, str], me: Me, *, dev: bool) -> Directory:
    base = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(base):  # the XDG specification says to ignore a relative one
        path, origin = Path(base) / "agentd", "XDG_STATE_HOME"
    else:
        path, origin = Path.home() / ".local" / "state" / "agentd", "default"
    return Directory(
        setting="state_dir",
        path=path / f"dev-{me.pid}" if dev else path,
        origin=origin,
        temporary=dev,
    )


def _default_runtime(environ: Mapping[str, str], me: Me, *, dev: bool) -> Directory:
    base = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(base):
        path, origin, shared = Path(base) / "agentd", "XDG_RUNTIME_DIR", None
    else:
        path = shared = Path(tempfile.gettempdir()) / f"agentd-{me.uid}"
        origin = "default, since XDG_RUNTIME_DIR is not set"
    return Directory(
        setting="runtime_dir",
        path=path / f"dev-{me.pid}" if dev else path,
        origin=origin,
        shared_parent=shared,
        temporary=dev,
    )


def models_directory(environ: Mapping[str, str]) -> Path:
    """Where the files of local models are kept. Pure; it need not exist."""
    named = environ.get(MODELS_VARIABLE, "").strip()
    if named:
        return Path(os.path.abspath(Path(named).expanduser()))
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative one.
    cache = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return cache / "agentd" / "models"


def prepare_directories(directories: Directories) -> None:
    """Create both with mode 0700 and prove that they can be used; may be repeated.

    Raises DirectoryUnusable with the remedy.
    """
    _check_socket_path(directories)
    for directory in (directories.state, directories.runtime):
        try:
            if directory.shared_parent is not None:
                _make_private(directory.shared_parent)
                _check_ours(directory, directory.shared_parent)
            _make_private(directory.path)
            _write_probe(directory.path)
        except OSError as error:
            raise _unusable(directory, f"can't be used: {error.strerror or error}") from error


def discard(directories: Directories) -> None:
    """Remove what was made for this run only. May be repeated, also when nothing was made."""
    for directory in (directories.state, directories.runtime):
        if directory.temporary:
            shutil.rmtree(directory.path, ignore_errors=True)


def _check_socket_path(directories: Directories) -> None:
    paths = (directories.socket_path, directories.control_path)
    longest = max(paths, key=lambda path: len(os.fsencode(path)))
    size = len(os.fsencode(longest)) + 1
    if size > MAX_SOCKET_PATH:
        raise _unusable(
            directories.runtime,
            f"is too long for a Unix socket ({size} bytes with '{longest.name}', "
            f"the limit is {MAX_SOCKET_PATH})",
        )


def _make_private(path: Path) -> None:
    """Make a directory and the parents it lacks, for our eyes only."""
    if path.is_dir():
        return
    if not path.parent.exists():
        _make_private(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def _check_ours(directory: Directory, path: Path) -> None:
    """Refuse a folder in a shared place that somebody else prepared, or can look into."""
    found = path.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or found.st_mode & 0o077:
        raise _unusable(
            directory, f"can't be trusted: {path} must be a directory of our own with mode 0700"
        )


def _write_probe(path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=path, prefix=".probe-") as probe:
        probe.write(b"agentd")
        probe.flush()


def _unusable(directory: Directory, reason: str) -> DirectoryUnusable:
    field = FIELDS[directory.setting]
    kind = "state" if directory.setting == "state_dir" else "runtime"
    return DirectoryUnusable(
        f"the {kind} directory '{directory.path}' ({directory.origin}) {reason}. "
        f"Give a directory that this user can write with {field.flag} or {field.variable}."
    )
