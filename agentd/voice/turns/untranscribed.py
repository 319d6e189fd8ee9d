"""Speech that was heard and has no text: `user_transcription_timeout`."""

from __future__ import annotations

from .actions import UserTranscriptionTimedOut
from .facts import TurnFacts
from .interruption import TOLERANCE


class Untranscribed:
    """Watches the last stretch of speech for its text."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._has_text = False
        self._waits_since: float | None = None

    def speech_started(self) -> None:
        """The user speaks: whatever text comes is taken for that."""
        self._has_text = False
        self._waits_since = None

    def speech_ended(self, *, deaf: bool) -> None:
        """The user has stopped; `deaf` is whether the STT was given silence."""
        setup = self._facts.setup
        if setup.has_vad and setup.has_stt and not deaf and not self._has_text:
            self._waits_since = self._facts.voice.stopped_at

    def transcribed(self) -> None:
        """There is text, or nobody waits for it any more."""
        self._has_text = True
        self._waits_since = None

    def look(self) -> None:
        """Say so when it is overdue."""
        due = self.timer()
        if due is not None and self._facts.now + TOLERANCE >= due:
            self._waits_since = None
            voice = self._facts.voice
            self._facts.out.add(
                UserTranscriptionTimedOut(started_at=voice.started_at, ended_at=voice.ended_at)
            )

    def timer(self) -> float | None:
        """When it will be overdue."""
        timeout = self._facts.rules.transcription_timeout
        if timeout is None or self._waits_since is None:
            return None
        if self._facts.turn.closed_at > self._waits_since:
            return None  # interim text had to do, or nobody wants it any more
        return self._waits_since + timeout
