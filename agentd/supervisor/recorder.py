"""What a child did and said last, kept for the report of its end.

Of frames only the names are kept, never what was in them. Pings, pongs and log records
are left out: they would push all else out.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from msgspec import Struct

Direction = Literal["in", "out"]
"""As the supervisor sees it."""

FRAMES = 32
LINES = 50
MAX_LINE = 500
"""Characters of a line that are kept."""

NOT_KEPT = frozenset({"Ping", "Pong", "Log", "LogsDropped"})


class FrameNote(Struct, frozen=True, kw_only=True):
    """A frame that came or went."""

    direction: Direction
    name: str
    seconds_before: float
    """How long before the end."""


class Recording(Struct, frozen=True, kw_only=True):
    """The last of a child, oldest first."""

    lived: float
    """Seconds."""
    frames: tuple[FrameNote, ...]
    lines: tuple[str, ...]
    """Its log records and printed lines."""


class FlightRecorder:
    """Two rings. What it costs is one tuple for each frame and line."""

    def __init__(self, now: float) -> None:
        self._born_at = now
        self._frames: deque[tuple[float, Direction, str]] = deque(maxlen=FRAMES)
        self._lines: deque[str] = deque(maxlen=LINES)

    def note_frame(self, direction: Direction, name: str, now: float) -> None:
        """A frame came or went."""
        if name not in NOT_KEPT:
            self._frames.append((now, direction, name))

    def note_line(self, line: str) -> None:
        """It printed or logged a line."""
        self._lines.append(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}...")

    def recording(self, now: float) -> Recording:
        """What there is at the end."""
        return Recording(
            lived=round(now - self._born_at, 3),
            frames=tuple(
                FrameNote(direction=direction, name=name, seconds_before=round(now - at, 3))
                for at, direction, name in self._frames
            ),
            lines=tuple(self._lines),
        )
