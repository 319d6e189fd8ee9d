"""Which of a camera's pictures a model is shown: one now and then, more often while one speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from agentd.aio.timing import now
from agentd.io import VideoFrame

from .face import BaseSession

VideoSampler: TypeAlias = Callable[[VideoFrame, Any], bool]
"""Asked of each picture, with the session, whether it is looked at."""


class VoiceActivityVideoSampler:
    """So many pictures a second while the user speaks, and fewer else; 0 for none."""

    def __init__(self, *, speaking_fps: float = 1.0, silent_fps: float = 0.3) -> None:
        for name, fps in (("speaking_fps", speaking_fps), ("silent_fps", silent_fps)):
            if fps < 0:
                raise ValueError(f"{name} must be 0 or more, but is {fps}")
        self.speaking_fps = speaking_fps
        self.silent_fps = silent_fps
        self._last_at: float | None = None

    def __call__(self, frame: VideoFrame, session: BaseSession[Any]) -> bool:
        """See VideoSampler."""
        fps = self.speaking_fps if session.user_state == "speaking" else self.silent_fps
        if fps == 0 or (self._last_at is not None and now() - self._last_at < 1 / fps - 1e-6):
            return False
        self._last_at = now()
        return True
