"""Records for systemd's journal, each field on its own: `journalctl AGENTD_JOB=AJ_x`.

The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is spoken here and not by
systemd-python: its `sendv` keeps Python's lock while it waits, so that a journald which is
stopped would stop the event loop with it. Here a thread waits, and nobody with it.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from agentd.masking import masked

from .record import Entry, entry_of, pairs, safe_text

SOCKET = Path("/run/systemd/journal/socket")

IDENTIFIER = "agentd"
"""What `journalctl -t` selects by, and what stands before each message."""

MAX_VALUE = 48 * 1024
"""Characters of one field: a datagram is bounded, at about 200 KiB unless the kernel is told so."""
SHORT_VALUE = 1024
"""The same for a record that was too large all the same."""
MAX_NAME = 64

PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""syslog's, from the highest level down; what is below is 7."""

_NOT_A_NAME = re.compile(r"[^A-Z0-9_]+")
_WHERE = re.compile(r"(?P<file>.+):(?P<line>\d+) (?P<function>.+)")

Fields = Mapping[str, str]


def is_journal(stream: TextIO, environ: Mapping[str, str], *, path: Path = SOCKET) -> bool:
    """Whether this output goes to a journal that can be spoken to.

    systemd names the device and inode of the stream that it has made (systemd.exec(5)): a
    program whose output was sent elsewhere has the variable all the same.
    """
    named = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all, or closed
        return False
    return named == f"{found.st_dev}:{found.st_ino}" and path.is_socket()


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """A record as the journal's fields: what it has to say, then each `extra` as `AGENTD_NAME`."""
    entry = entry_of(record)
    fields = {
        "MESSAGE": _text(entry),
        "PRIORITY": str(priority_of(record.levelno)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "AGENTD_TEXT": entry.message,
        "AGENTD_LEVEL": entry.level,
        "AGENTD_LOGGER": entry.logger,
        "AGENTD_PID": str(entry.pid),
        **_code(entry.where),
    }
    if entry.exception:
        fields["AGENTD_EXCEPTION"] = entry.exception
    for name, value in entry.fields.items():
        fields.setdefault(field_name(name), safe_text(value))
    return {name: masked(value) for name, value in fields.items()}


def priority_of(level: int) -> int:
    """syslog's priority for a level of the stdlib's logging."""
    return next((priority for lowest, priority in PRIORITIES if level >= lowest), 7)


def field_name(name: str) -> str:
    """A name that the journal takes: capitals, digits and underscores, at most 64."""
    return f"AGENTD_{_NOT_A_NAME.sub('_', name.upper())}"[:MAX_NAME]


def datagram(fields: Fields, *, longest: int = MAX_VALUE) -> bytes:
    """The fields as the native protocol has them; values longer than `longest` are cut."""
    return b"".join(_encoded(fields, longest))


class JournalSocket:
    """Where records go. `send` waits as long as journald makes it: call it from a thread."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = str(path)
        self._socket: socket.socket | None = None

    def send(self, fields: Fields) -> None:
        """Send one record; raises OSError when there is no journal."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            # Not connected: the next journald takes what this one no longer does.
            self._socket.sendto(datagram(fields), self._path)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._socket.sendto(datagram(fields, longest=SHORT_VALUE), self._path)

    def close(self) -> None:
        """End it; the next `send` would begin it anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _text(entry: Entry) -> str:
    """What `journalctl` shows of it: the message, its fields, a traceback below."""
    line = f"{entry.message} {pairs(entry.fields)}".rstrip()
    return f"{line}\n{entry.exception}" if entry.exception else line


def _code(where: str) -> dict[str, str]:
    """`file.py:12 function` as the journal has it."""
    found = _WHERE.fullmatch(where)
    if found is None:
        return {}
    return {
        "CODE_FILE": found["file"],
        "CODE_LINE": found["line"],
        "CODE_FUNC": found["function"],
    }


def _encoded(fields: Fields, longest: int) -> Iterator[bytes]:
    for name, value in fields.items():
        cut = value if len(value) <= longest else f"{value[:longest]}... (cut)"
        data = cut.encode("utf-8", "backslashreplace")
        if b"\n" in data:
            # A value of several lines goes by its length.
            yield name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
        else:
            yield name.encode() + b"=" + data + b"\n"
