"""When each frame was said, or heard. Rules: instants come in as arguments, in seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from agentd.audio.frame import AudioFrame, split_frame

Placed: TypeAlias = tuple[float, AudioFrame]
"""The instant of a frame's first sample, and the frame."""

HOLD = 1.0
"""Seconds for which a loop may stand without a gap in what the user said."""
MAX_AHEAD = 60.0
"""Seconds that an output may be given ahead of what is heard of them."""


class Arrivals:
    """A microphone's frames, which come no earlier than they were said, and often later.

    A loop that stood still gets the frames of that time all at once: they were said one after the
    other before. So each is placed no later than it came and no later than right before the next.
    """

    def __init__(self) -> None:
        self._waiting: deque[Placed] = deque()

    def push(self, now: float, frame: AudioFrame) -> None:
        """The next frame has come."""
        self._waiting.append((now - frame.duration, frame))

    def settled(self, now: float) -> list[Placed]:
        """Those whose place no frame that is still to come can change."""
        placed = self._placed()
        count = sum(start + frame.duration <= now - HOLD for start, frame in placed)
        for _ in range(count):
            self._waiting.popleft()
        return placed[:count]

    def rest(self) -> list[Placed]:
        """All that is left: no more comes."""
        placed = self._placed()
        self._waiting.clear()
        return placed

    def _placed(self) -> list[Placed]:
        placed: list[Placed] = []
        next_at = float("inf")
        for came_at, frame in reversed(self._waiting):
            next_at = min(came_at, next_at - frame.duration)
            placed.append((next_at, frame))
        placed.reverse()
        return placed


@dataclass
class _Stretch:
    """A segment of speech, from its first frame to the end of its playback."""

    frames: deque[AudioFrame] = field(default_factory=deque)
    """Not heard yet."""
    pushed: float = 0.0
    heard: float = 0.0
    """Seconds of it."""
    begins_at: float | None = None
    """When its first sample would have been heard, had it never stood still."""


class Playhead:
    """What an output was given, and how far it has played it.

    Returns what was heard meanwhile, in order; what was never heard is never returned.
    """

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque()
        self._open: _Stretch | None = None
        self._paused_at: float | None = None

    def captured(self, now: float, frame: AudioFrame) -> list[Placed]:
        """The output is given a frame."""
        heard = self.advance(now)
        if self._open is None:
            self._open = _Stretch()
            self._stretches.append(self._open)
        stretch = self._open
        if stretch.begins_at is not None and self._paused_at is None:
            # If it ran dry, what comes now is heard now.
            stretch.begins_at = max(stretch.begins_at, now - stretch.pushed)
        if stretch.pushed - stretch.heard < MAX_AHEAD:
            stretch.frames.append(frame)
            stretch.pushed += frame.duration
        return heard

    def flushed(self) -> None:
        """What comes next is another segment."""
        self._open = None

    def started(self, now: float) -> None:
        """The first sound of a segment is heard."""
        for stretch in self._stretches:
            if stretch.begins_at is None:
                stretch.begins_at = now
                return

    def paused(self, now: float) -> list[Placed]:
        """It stands still. May be repeated."""
        heard = self.advance(now)
        if self._paused_at is None:
            self._paused_at = now
        return heard

    def resumed(self, now: float) -> None:
        """It goes on. May be repeated."""
        if self._paused_at is None:
            return
        for stretch in self._stretches:
            if stretch.begins_at is not None:
                stretch.begins_at += now - max(self._paused_at, stretch.begins_at)
        self._paused_at = None

    def finished(self, now: float, position: float) -> tuple[list[Placed], float | None]:
        """A segment is over, of which so many seconds were heard. With what was heard of it, the
        instant after which nothing was, where more than that was told already."""
        if not self._stretches:
            return [], None
        stretch = self._stretches.popleft()
        if stretch is self._open:
            self._open = None
        begins_at = now - position if stretch.begins_at is None else stretch.begins_at
        stretch.begins_at = begins_at
        if position < stretch.heard:
            return [], begins_at + position
        return _hear(stretch, position), None

    def advance(self, now: float) -> list[Placed]:
        """Time has passed."""
        stretch = self._stretches[0] if self._stretches else None
        if stretch is None or stretch.begins_at is None or self._paused_at is not None:
            return []
        return _hear(stretch, min(now - stretch.begins_at, stretch.pushed))


def _hear(stretch: _Stretch, until: float) -> list[Placed]:
    """Move the playhead of a stretch to a position."""
    placed: list[Placed] = []
    assert stretch.begins_at is not None
    while stretch.frames and stretch.heard < until - 1e-6:
        frame, rest = split_frame(stretch.frames.popleft(), until - stretch.heard)
        if rest.data:
            stretch.frames.appendleft(rest)
        if not frame.data:
            break
        placed.append((stretch.begins_at + stretch.heard, frame))
        stretch.heard += frame.duration
    return placed
