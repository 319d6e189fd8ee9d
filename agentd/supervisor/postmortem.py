"""The report of a child that ended as it should not have."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from msgspec import Struct

from agentd.logs.record import EXCEPTION

from .exit import ExitKind, ExitReason, signal_name
from .oom import OomEvidence
from .process import Usage
from .recorder import FrameNote, Recording

logger = logging.getLogger("agentd.supervisor")

FRAMES_IN_LINE = 6
LINE_LENGTH = 200
"""Characters of the child's last line that are shown in ours."""


class Deceased(Struct, frozen=True, kw_only=True):
    """Who it was."""

    child: str
    slot: int
    pid: int | None = None
    job: str = ""
    """Empty when it had none."""
    room: str = ""


class PostMortem(Struct, frozen=True, kw_only=True):
    """All that is known of an end."""

    child: str
    slot: int
    pid: int | None
    job: str
    room: str
    kind: ExitKind
    text: str
    """One line, as in `ExitReason`."""
    code: int | None
    """Exit code, if it exited."""
    signal: str
    """Name of the signal that ended it; empty if none did."""
    lived: float
    """Seconds from its start to its end."""
    oom: OomEvidence
    stacks: str
    """Where it was when it had stopped answering; empty when it had not."""
    frames: tuple[FrameNote, ...]
    """The last ones, by name only; oldest first."""
    lines: tuple[str, ...]
    """The last that it logged or printed; oldest first."""
    max_rss_mb: float | None
    """None when it was not our own to wait for: an adopted child's status goes elsewhere."""
    cpu_seconds: float | None

    def fields(self) -> dict[str, Any]:
        """As plain data, for a journal."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


def make_post_mortem(
    who: Deceased,
    reason: ExitReason,
    recording: Recording,
    *,
    oom: OomEvidence,
    usage: Usage | None,
    stacks: str = "",
) -> PostMortem:
    """Put together what is known."""
    number = reason.status.signal
    return PostMortem(
        child=who.child,
        slot=who.slot,
        pid=who.pid,
        job=who.job,
        room=who.room,
        kind=reason.kind,
        text=reason.text,
        code=reason.status.code,
        signal="" if number is None else signal_name(number),
        lived=recording.lived,
        oom=oom,
        stacks=stacks,
        frames=recording.frames,
        lines=recording.lines,
        max_rss_mb=None if usage is None else round(usage.max_rss_mb, 1),
        cpu_seconds=None if usage is None else round(usage.cpu_seconds, 3),
    )


def log_post_mortem(record: PostMortem) -> None:
    """One line with what fits a line; the stacks come below it."""
    last_line = record.lines[-1] if record.lines else ""
    logger.warning(
        "post-mortem of a child",
        extra={
            "action": "post_mortem",
            "child": record.child,
            "child_pid": record.pid,
            "slot": record.slot,
            "job": record.job or None,
            "room": record.room or None,
            "reason": record.text,
            "exit": record.kind,
            "code": record.code,
            "signal": record.signal or None,
            "lived": record.lived,
            "oom": record.oom.verdict or "no",
            "memory_mb": record.oom.memory_mb,
            "max_rss_mb": record.max_rss_mb,
            "cpu_seconds": record.cpu_seconds,
            "last_frames": " ".join(map(_short, record.frames[-FRAMES_IN_LINE:])),
            "last_line": last_line[:LINE_LENGTH],
            EXCEPTION: record.stacks,
        },
    )


def _short(frame: FrameNote) -> str:
    arrow = "<" if frame.direction == "in" else ">"
    return f"{arrow}{frame.name}@-{frame.seconds_before:g}s"
