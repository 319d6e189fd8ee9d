"""The user's audio that no model has answered yet, for the one that takes over."""

from __future__ import annotations

from collections import deque

from agentd.audio.frame import AudioFrame

PREROLL = 0.6
"""Seconds before a model noticed speech that belong to it: it notices late."""
LONGEST = 30.0
"""Seconds that are kept at most, the last ones."""


class Unheard:
    """Keeps a little while nobody speaks, and all while the user does, up to LONGEST."""

    def __init__(self) -> None:
        self._frames: deque[AudioFrame] = deque()
        self._seconds = 0.0
        self._speaking = False
        self._owed = False
        self.reply_owed = False
        """Whether the user was understood, and not answered."""

    @property
    def is_owed(self) -> bool:
        """Whether the user has spoken since the last answer, or does."""
        return self._owed

    @property
    def speaking(self) -> bool:
        """Whether the user speaks, as far as the model has told."""
        return self._speaking

    def push(self, frame: AudioFrame) -> None:
        """The next audio."""
        self._frames.append(frame)
        self._seconds += frame.duration
        self._trim()

    def began(self) -> None:
        """The model hears the user speak."""
        self._speaking = self._owed = True

    def ended(self) -> None:
        """The model hears the end of it, and has not answered yet."""
        self._speaking = False

    def understood(self) -> None:
        """The model has told what the user said: nobody needs to hear it again."""
        self.reply_owed = self._owed
        self._forget()

    def answered(self) -> None:
        """The model has begun to answer."""
        self.reply_owed = False
        self._forget()

    def take(self) -> list[AudioFrame]:
        """What another model has to hear; none where the user has said nothing."""
        return list(self._frames) if self._owed else []

    def _forget(self) -> None:
        self._owed = self._speaking
        self._trim()

    def _trim(self) -> None:
        most = LONGEST if self._owed else PREROLL
        while self._frames and self._seconds - self._frames[0].duration >= most:
            self._seconds -= self._frames.popleft().duration
