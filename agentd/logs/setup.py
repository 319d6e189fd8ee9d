"""Sets the stdlib's logging up for a process that writes lines.

Lines go to standard output: journald and `docker logs` read it, and standard error is left
for what ends the command (an error of the command line, a crash). Where standard output is
the journal itself, records go to it whole, with their fields.
"""

from __future__ import annotations

import io
import logging
from typing import Literal, TextIO

from .console_lines import ConsoleFormatter
from .handlers import BackgroundHandler, LineHandler, background_lines
from .journald import JournalSocket, fields_of
from .json_lines import JsonLinesFormatter

Format = Literal["json", "console", "journal"]

TRACE = 5
DEV = 23

NOISY = (
    "aiohttp.access",
    "asyncio",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "mcp",
    "openai",
    "urllib3",
    "watchfiles",
)
"""Libraries that say at INFO or DEBUG what nobody asked; TRACE lets them speak."""


def register_levels() -> None:
    """Name the levels that livekit-agents' users know beside the usual ones. May be repeated."""
    logging.addLevelName(TRACE, "TRACE")
    logging.addLevelName(DEV, "DEV")


def quiet_noisy_libraries(level: str) -> None:
    """Hold noisy libraries at WARNING, unless everything was asked for."""
    quiet = logging.NOTSET if level == "TRACE" else logging.WARNING
    for name in NOISY:
        logging.getLogger(name).setLevel(quiet)


def choose_format(
    log_format: Literal["auto", "json", "console", "journal"], *, dev: bool, journal: bool = False
) -> Format:
    """What `log_format = auto` means here; `journal`: our output is the journal."""
    if log_format != "auto":
        return log_format
    if journal:
        return "journal"
    return "console" if dev else "json"


def setup_logging(
    level: str,
    log_format: Format,
    stream: TextIO,
    *,
    colour: bool = False,
    background: bool = False,
) -> None:
    """Make one handler on the root logger, in place of any before. May be repeated.

    `background` writes from a thread, so that an output nobody reads never holds up the
    caller; `logging.shutdown()`, which Python calls at exit, writes what is left.
    """
    register_levels()
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        if isinstance(handler, LineHandler | BackgroundHandler):  # others have another owner
            handler.close()
    root.addHandler(_handler(log_format, stream, colour=colour, background=background))
    root.setLevel(level)
    quiet_noisy_libraries(level)


def _handler(
    log_format: Format, stream: TextIO, *, colour: bool, background: bool
) -> logging.Handler:
    if log_format == "journal":
        # Always from a thread: journald may be slow, or stopped.
        journal = JournalSocket()
        return BackgroundHandler(fields_of, journal.send, done=journal.close)
    _prepare(stream)
    formatter = _formatter(log_format, stream, colour=colour)
    if background:
        return background_lines(stream, formatter)
    writer = LineHandler(stream)
    writer.setFormatter(formatter)
    return writer


def _prepare(stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper):
        # A character that the output can't carry must not cost the line.
        stream.reconfigure(errors="backslashreplace")


def _formatter(log_format: Format, stream: TextIO, *, colour: bool) -> logging.Formatter:
    if log_format == "json":
        return JsonLinesFormatter(ascii_only=not _carries_utf8(stream))
    return ConsoleFormatter(colour=colour)


def _carries_utf8(stream: TextIO) -> bool:
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    return encoding.replace("-", "").replace("_", "") == "utf8"
