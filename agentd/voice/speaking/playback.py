"""How far a stretch of audio has been played."""

from __future__ import annotations

from collections.abc import Callable


class PlaybackClock:
    """Runs from the first sound of a stretch on, and stands while the output is paused."""

    def __init__(self) -> None:
        self.fed_at: float | None = None
        """When the output was given its first frame."""
        self.started_at: float | None = None
        self._paused_at: float | None = None
        self._paused_for = 0.0
        self._listeners: list[Callable[[], None]] = []

    @property
    def runs(self) -> bool:
        """Whether time passes on it."""
        return self.started_at is not None and self._paused_at is None

    @property
    def latency(self) -> float | None:
        """Seconds from the first frame to the first sound."""
        if self.fed_at is None or self.started_at is None:
            return None
        return max(0.0, self.started_at - self.fed_at)

    def position(self, now: float) -> float:
        """Seconds that have been played."""
        if self.started_at is None:
            return 0.0
        until = now if self._paused_at is None else self._paused_at
        return max(0.0, until - self.started_at - self._paused_for)

    def start(self, now: float) -> None:
        """The first sound. Only the first call counts."""
        if self.started_at is None:
            self.started_at = now
            if self._paused_at is not None:
                self._paused_at = now
            self._tell()

    def pause(self, now: float) -> None:
        """It stands from now on. May be repeated, and come before the start."""
        if self._paused_at is None:
            self._paused_at = now
            self._tell()

    def resume(self, now: float) -> None:
        """It goes on. May be repeated."""
        if self._paused_at is not None:
            if self.started_at is not None:
                self._paused_for += now - self._paused_at
            self._paused_at = None
            self._tell()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Be called when it starts, stands or goes on."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
