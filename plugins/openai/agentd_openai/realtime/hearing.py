"""The user's audio on its way to the service, and what another connection would need of it."""

from __future__ import annotations

from collections import deque

from agentd.audio.byte_stream import AudioByteStream
from agentd.audio.frame import AudioFrame, to_mono
from agentd.audio.pcm import SAMPLE_BYTES
from agentd.audio.resample import Resampler

from .wire import RATE

CHUNK = 0.04
"""Seconds that are sent at once: each costs a frame of the WebSocket, and is waited for."""
KEPT = 3.0
"""Seconds that are kept of audio in which nobody was noticed to speak: a word may have begun, and
what was sent into a connection that is lost was heard by nobody, which is noticed later."""
KEPT_OFFLINE = 5.0
"""Seconds that are kept while there is no connection."""
KEPT_SPEECH = 30.0
"""Seconds that are kept of what the user says until it is understood or answered."""


class Hearing:
    """Takes frames of any kind, gives chunks of PCM16 at 24 kHz, and keeps the last of them."""

    def __init__(self, *, by_hand: bool) -> None:
        self.by_hand = by_hand
        """Whether turns are ended by `commit`: then all since the last one counts as speech."""
        self.offline = True
        self.speaking = False
        """The service hears the user."""
        self.dropped_seconds = 0.0
        """That were lost, since they could not be sent in time."""
        self._resampler: Resampler | None = None
        self._cutter = AudioByteStream(RATE, 1, round(CHUNK * RATE))
        self._kept: deque[bytes | None] = deque()
        """Chunks, and None where a turn was committed."""
        self._kept_seconds = 0.0
        self._unsettled = False
        self._since_commit = 0.0

    @property
    def uncommitted(self) -> float:
        """Seconds since the last commit."""
        return self._since_commit

    @property
    def is_settled(self) -> bool:
        """Whether nothing that the user has said waits to be understood."""
        return not self.speaking and not self._unsettled

    def push(self, frame: AudioFrame) -> list[bytes]:
        """The chunks that are ready to be sent."""
        mono = to_mono(frame)
        if self._resampler is None or self._resampler.input_rate != mono.sample_rate:
            self._resampler = Resampler(mono.sample_rate, RATE)
        return self._keep(
            [chunk for part in self._resampler.push(mono) for chunk in self._cutter.push(part.data)]
        )

    def commit(self) -> list[bytes]:
        """The user has finished: the last chunk, shorter than others."""
        chunks = self._keep(self._cutter.flush())
        self._kept.append(None)
        self._since_commit = 0.0
        self._unsettled = True
        return chunks

    def clear(self) -> None:
        """What was not committed is of no interest."""
        self._cutter.clear()
        self._forget()

    def speech_started(self) -> None:
        """The service hears the user speak; what is kept grows from now on."""
        self.speaking = self._unsettled = True

    def speech_stopped(self) -> None:
        """The end of it."""
        self.speaking = False

    def settled(self) -> None:
        """What the user has said was understood, or answered."""
        if self.speaking:
            return  # that was what he had said before
        self._unsettled = False
        if not self.by_hand or None in self._kept:
            self._drop_before_commit()

    def moved(self) -> list[bytes | None]:
        """What a new connection is to hear: chunks, and None where a turn was committed."""
        self.speaking = False
        return list(self._kept)

    # -- inside ------------------------------------------------------------------------------

    def _keep(self, frames: list[AudioFrame]) -> list[bytes]:
        chunks = [frame.data for frame in frames]
        for chunk in chunks:
            self._kept.append(chunk)
            self._kept_seconds += seconds_of(chunk)
            self._since_commit += seconds_of(chunk)
        while self._kept_seconds > self._limit:
            oldest = self._kept.popleft()
            if oldest is not None:
                self._kept_seconds -= seconds_of(oldest)
                self.dropped_seconds += seconds_of(oldest) if self.offline else 0.0
        return chunks

    @property
    def _limit(self) -> float:
        if self._unsettled or self.by_hand:
            return KEPT_SPEECH
        return KEPT_OFFLINE if self.offline else KEPT

    def _drop_before_commit(self) -> None:
        if None not in self._kept:
            self._forget()
            return
        while self._kept and self._kept.popleft() is not None:
            pass
        self._kept_seconds = sum(seconds_of(chunk) for chunk in self._kept if chunk is not None)

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_seconds = self._since_commit = 0.0


def seconds_of(chunk: bytes) -> float:
    """Of a chunk of PCM16 at 24 kHz."""
    return len(chunk) / SAMPLE_BYTES / RATE
