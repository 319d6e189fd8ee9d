"""How the service hears the user: what is in its buffer, and when a turn begins and ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentd.audio.pcm import is_audible
from agentd.vad.segmenter import Change, Segmenter, SegmenterSettings

from .realtime_script import RATE

CHUNK = 0.02
"""Seconds that are judged at once."""
CHUNK_BYTES = round(CHUNK * RATE) * 2
PADDING = 0.3
"""Seconds before the start that belong to what was said."""
USUAL_SILENCE = 0.5
EAGERNESS = {"low": 0.8, "medium": 0.4, "auto": 0.4, "high": 0.2}
"""Seconds of silence after which semantic VAD, which here looks at no words, ends a turn."""


class RealtimeHearing:
    """The audio of the user since the last message, judged by loudness."""

    def __init__(self) -> None:
        self.heard = bytearray()
        """All of it, for tests."""
        self._buffer = bytearray()
        self._rest = bytearray()
        self._segmenter: Segmenter | None = None

    @property
    def ms(self) -> int:
        """Of audio that came so far."""
        return round(len(self.heard) / 2 / RATE * 1000)

    @property
    def waiting(self) -> float:
        """Seconds in the buffer."""
        return len(self._buffer) / 2 / RATE

    def detect(self, settings: dict[str, Any] | None) -> None:
        """Take turns by these settings from now on; None for not at all."""
        if settings is None:
            self._segmenter = None
            return
        silence = EAGERNESS.get(settings.get("eagerness") or "auto", USUAL_SILENCE)
        if settings["type"] == "server_vad":
            silence = (settings.get("silence_duration_ms") or USUAL_SILENCE * 1000) / 1000
        self._segmenter = Segmenter(
            SegmenterSettings(min_speech_duration=0.05, min_silence_duration=silence)
        )

    def push(self, data: bytes) -> list[Change]:
        """Take the next audio; what it has changed."""
        self.heard += data
        self._buffer += data
        self._rest += data
        changes = []
        while len(self._rest) >= CHUNK_BYTES:
            chunk = bytes(self._rest[:CHUNK_BYTES])
            del self._rest[:CHUNK_BYTES]
            change = self._judge(chunk)
            if change is not None:
                changes.append(change)
        return changes

    def take(self) -> float:
        """The buffer becomes a message: its seconds."""
        seconds = self.waiting
        self._buffer.clear()
        return seconds

    def _judge(self, chunk: bytes) -> Change | None:
        if self._segmenter is None:
            return None
        change = self._segmenter.process(CHUNK, is_audible(np.frombuffer(chunk, dtype="<i2")))
        if not self._segmenter.speaking and change is None:
            # What was quiet for longer than the padding is part of no message.
            del self._buffer[: max(0, len(self._buffer) - round(PADDING * RATE) * 2)]
        return change
