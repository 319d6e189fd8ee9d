"""What waits to be written to one socket: control frames first, then the rest.

Log records come from any thread (LiveKit's native library logs from its own), so the
outbox has a lock and a frame is written by whoever brings it when the socket has room.
That also means that what was logged right before a crash has already left the process.
"""

from __future__ import annotations

import array
import socket
import threading
from collections import deque
from collections.abc import Sequence

MAX_CONTROL_BYTES = 16 * 1024 * 1024
"""Control frames that may wait; a reader so far behind is as good as dead."""

MAX_LOW_PRIORITY = 1000
"""Low-priority frames that may wait before further ones are dropped."""


class OutboxFull(Exception):
    """The other side has stopped reading."""


class Outbox:
    """Two bounded queues in front of one non-blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._control: deque[tuple[bytearray, Sequence[int]]] = deque()
        self._low: deque[bytearray] = deque()
        self._partial: memoryview | None = None
        self._control_bytes = 0

    def push(self, data: bytearray, fds: Sequence[int] = ()) -> bool:
        """Add a control frame and write what the socket takes; says whether all is written.

        Raises OutboxFull, or OSError when the other side is gone.
        """
        with self._lock:
            if self._control_bytes + len(data) > MAX_CONTROL_BYTES:
                raise OutboxFull
            self._control.append((data, fds))
            self._control_bytes += len(data)
            return self._write()

    def push_low(self, data: bytearray) -> tuple[bool, bool]:
        """Add a low-priority frame; says whether it was taken and whether all is written."""
        with self._lock:
            if len(self._low) >= MAX_LOW_PRIORITY:
                return False, False
            self._low.append(data)
            return True, self._write()

    @property
    def empty(self) -> bool:
        """Whether all is written."""
        with self._lock:
            return self._partial is None and not self._control and not self._low

    def flush(self) -> bool:
        """Write what the socket takes; says whether nothing is left."""
        with self._lock:
            return self._write()

    def _write(self) -> bool:
        while True:
            try:
                if not self._write_one():
                    return True
            except BlockingIOError:
                return False

    def _write_one(self) -> bool:
        if self._partial is not None:
            self._send(self._partial, ())
        elif self._control:
            data, fds = self._control[0]
            self._send(memoryview(data), fds)
            self._control.popleft()
            self._control_bytes -= len(data)
        elif self._low:
            self._send(memoryview(self._low[0]), ())
            self._low.popleft()
        else:
            return False
        return True

    def _send(self, view: memoryview, fds: Sequence[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self._sock.sendmsg([view], ancillary)
        self._partial = view[sent:] if sent < len(view) else None
