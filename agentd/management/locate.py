"""Finds the daemon that runs here: its control socket, and its process by the kernel's word."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path

from msgspec import Struct

from agentd.errors import ControlError, NoDaemon
from agentd.ipc.listener import peer_of
from agentd.settings.paths import CONTROL_NAME, Directory

CONNECT_TIMEOUT = 1.0


class FoundDaemon(Struct, frozen=True, kw_only=True):
    """A daemon that listens."""

    path: Path
    """Of its control socket."""
    pid: int
    """0 where the kernel can't tell: it is in another container."""


def find_daemon(runtime: Directory) -> FoundDaemon:
    """The daemon of a runtime directory, else the one `agentd dev` that runs below it.

    Raises NoDaemon when there is none, ControlError when it can't be reached, or when there
    are several.
    """
    found = probe(runtime.path / CONTROL_NAME)
    if found is not None:
        return found
    others = [probe(path) for path in sorted(runtime.path.glob(f"dev-*/{CONTROL_NAME}"))]
    living = [other for other in others if other is not None]
    if not living:
        raise NoDaemon(
            f"no daemon runs in '{runtime.path}' ({runtime.origin}), nor below it. If it was "
            "started with a runtime directory of its own, name it with --runtime-dir or "
            "AGENTD_RUNTIME_DIR."
        )
    if len(living) > 1:
        listed = "".join(f"\n  --runtime-dir {one.path.parent}  (pid {one.pid})" for one in living)
        raise ControlError(f"several daemons run; say which one:{listed}")
    return living[0]


def probe(path: Path) -> FoundDaemon | None:
    """Who listens on a control socket; None for nobody. Raises ControlError.

    A socket of somebody else is refused: what he says could not be believed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(CONNECT_TIMEOUT)
        try:
            sock.connect(str(path))
            peer = peer_of(sock)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except (BlockingIOError, TimeoutError) as error:
            raise ControlError(
                f"the daemon on '{path}' takes no connections: it is stopped or overloaded"
            ) from error
        except PermissionError as error:
            raise ControlError(
                f"'{path}' can't be opened: {error.strerror}. Ask as the user that the daemon "
                "runs as, or as root."
            ) from error
        except OSError as error:
            raise ControlError(f"'{path}' can't be used: {error.strerror or error}") from error
    if os.getuid() not in (0, peer.uid) and peer.uid != 0:
        raise ControlError(
            f"'{path}' is served by another user (uid {peer.uid}), so it is not asked"
        )
    return FoundDaemon(path=path, pid=peer.pid)


class ProcessEnd:
    """Waits for the end of a process that is not our child. `with` closes it."""

    def __init__(self, pid: int) -> None:
        """To be made while the process is known to live: later its pid may be another's."""
        self._descriptor: int | None = None
        try:
            self._descriptor = os.pidfd_open(pid) if pid > 0 else None
        except OSError:
            pass  # it has ended, or the kernel is too old: there is nothing to wait for

    def __enter__(self) -> ProcessEnd:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; says whether it has ended, as far as can be known."""
        if self._descriptor is None:
            return True
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        return bool(waiting.poll(timeout * 1000))
