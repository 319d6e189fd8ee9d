"""What systemd is told, and what it has given us. Outside of a service, nothing is.

sd_notify(3) and sd_listen_fds(3) are a datagram and two variables; nothing here ever waits, for
an event loop that waited for process 1 would miss its offers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from agentd.aio.timing import monotonic
from agentd.settings.load import environment, watchdog_interval

FIRST_FD = 3
"""The number of the first descriptor that systemd passes (SD_LISTEN_FDS_START)."""


class ServiceManager:
    """systemd, as a service speaks to it. Each message is one datagram, and may be lost."""

    def __init__(self, address: str, watchdog_period: float | None) -> None:
        """`address` is what NOTIFY_SOCKET says, empty outside of a service."""
        # An abstract socket has an @ in the variable where its name has a zero byte.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_period = watchdog_period
        """Seconds within which it wants to hear from us; None where it does not care."""

    @property
    def listens(self) -> bool:
        """Whether we are a service that is asked for its state."""
        return bool(self._address)

    def ready(self, status: str) -> bool:
        """Started, or a reload is over; says whether it was told: systemd may be behind."""
        return self._send("READY=1", f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """A reload has begun; the instant lets Type=notify-reload tell it from an earlier one."""
        micros = int(monotonic() * 1e6)
        self._send("RELOADING=1", f"MONOTONIC_USEC={micros}", f"STATUS={status}")

    def stopping(self, status: str, *, within: float) -> None:
        """Ending, and the next word comes within so many seconds."""
        self._send("STOPPING=1", f"STATUS={status}", _extension(within))

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def extend(self, status: str, *, within: float) -> None:
        """A start or stop goes on beyond its timeout; the next word comes within so long."""
        self._send(f"STATUS={status}", _extension(within))

    def feed_watchdog(self) -> None:
        """We are well."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> bool:
        if not self._address:
            return True
        # STATUS is one line; a line break would begin another assignment.
        text = "\n".join(" ".join(each.splitlines()) for each in assignments)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            try:
                sending.sendto(text.encode("utf-8", "backslashreplace"), self._address)
            except OSError:  # it is behind, or gone; we wait for neither
                return False
        return True


def service_manager() -> ServiceManager:
    """The systemd of this process's environment."""
    environ = environment()
    return ServiceManager(environ.get("NOTIFY_SOCKET", ""), watchdog_interval(environ))


def take_sockets(
    environ: Mapping[str, str], *, first_fd: int = FIRST_FD
) -> tuple[socket.socket, ...]:
    """The sockets that systemd has passed to this very process (agentd.socket): the HTTP port.

    To be called before any process is started, for none of ours may inherit them.
    """
    taken = []
    for number in _passed(environ, first_fd):
        os.set_inheritable(number, False)
        taken.append(socket.socket(fileno=number))
    return tuple(taken)


def _passed(environ: Mapping[str, str], first_fd: int) -> range:
    """The numbers of descriptors that are meant for us, and not for our parent."""
    count = environ.get("LISTEN_FDS", "")
    mine = environ.get("LISTEN_PID", "") == str(os.getpid())
    if not mine or not count.isdecimal():
        return range(0)
    return range(first_fd, first_fd + int(count))


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}"
