"""Ports for servers of tests: free, and given to nobody else on this machine who asks here.

Between the moment that a port is found free and the one that a server has bound it, another run,
or another worker of the same one, may find it free too. So each port has a lock for as long as its
server may come back to it: a Unix socket of that name in Linux's abstract namespace, which
belongs to the same network as the port, and is gone with the process that holds it.
"""

from __future__ import annotations

import random
import socket
import sys

from msgspec import Struct

from agentd.errors import AgentdError

PORT_RANGE = range(20000, 32000)
"""Below the kernel's range for outgoing connections: in that range a client that tries a stopped
server again and again can be given the server's own port, and then connects to itself and keeps
the server from coming back."""

TRIES = 50


class ServerNotReady(AgentdError):
    """livekit-server did not become ready."""


class Ports(Struct, frozen=True, kw_only=True):
    """The ports of one server."""

    http: int
    rtc_tcp: int
    rtc_udp: int


class HeldPorts:
    """Three ports that are ours until `close`, or until this is collected."""

    def __init__(self) -> None:
        """Raises ServerNotReady where there are none."""
        self._locks: list[socket.socket] = []
        try:
            self.ports = Ports(
                http=self._hold(socket.SOCK_STREAM),
                rtc_tcp=self._hold(socket.SOCK_STREAM),
                rtc_udp=self._hold(socket.SOCK_DGRAM),
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave them to others. May be repeated."""
        for lock in self._locks:
            lock.close()
        self._locks.clear()

    def __del__(self) -> None:
        self.close()

    def _hold(self, kind: socket.SocketKind) -> int:
        for port in random.sample(PORT_RANGE, min(TRIES, len(PORT_RANGE))):
            lock = _lock(port)
            if lock is None:
                continue
            if is_free(port, kind):
                self._locks.append(lock)
                return port
            lock.close()
        raise ServerNotReady(f"no free port found between {PORT_RANGE[0]} and {PORT_RANGE[-1]}")


def free_ports() -> Ports:
    """Three ports that nobody uses now, and that nobody keeps."""
    held = HeldPorts()
    held.close()
    return held.ports


def is_free(port: int, kind: socket.SocketKind) -> bool:
    """Whether a port can be had on all addresses, as the server's own media sockets want it."""
    with socket.socket(socket.AF_INET, kind) as candidate:
        try:
            candidate.bind(("", port))
        except OSError:
            return False
    return True


def _lock(port: int) -> socket.socket | None:
    """A lock on a port of this network; None where somebody has it."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if sys.platform != "linux":
        return lock  # without a name: there the port's being free has to do
    try:
        lock.bind(f"\0agentd-test-port-{port}")
    except OSError:
        lock.close()
        return None
    return lock
