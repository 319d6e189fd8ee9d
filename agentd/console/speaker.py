"""A loudspeaker: what the agent says, pulled by whatever plays it.

A sound card pulls from a thread of its own, WAV files from the loop. So the audio is behind a lock,
and all that is told of it is told on the loop.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

from agentd.aio.timing import wall_time
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import SAMPLE_BYTES
from agentd.errors import AudioError
from agentd.io import (
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
)

BUFFER = 1.0
"""Seconds that are held before `capture_frame` waits."""


@dataclass
class _Segment:
    """One stretch of speech, in samples since the beginning."""

    begin: int
    end: int | None = None
    started: bool = False


class Speaker(AudioOutput):
    """Mono. `pull` may be called from any thread, all else from the loop."""

    def __init__(self, sample_rate: int) -> None:
        capabilities = AudioOutputCapabilities(pause=True)
        super().__init__(label="console", capabilities=capabilities, sample_rate=sample_rate)
        self.latency = 0.0
        """Seconds from being pulled to being heard."""
        self._rate = sample_rate
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._pulled = 0
        self._pushed = 0
        self._paused = False
        self._segments: list[_Segment] = []
        self._last = PlaybackFinishedEvent(playback_position=0.0, interrupted=False)
        self._moved = asyncio.Event()
        self._over = asyncio.Event()
        self._over.set()

    def pull(self, samples: int) -> bytes:
        """The next samples to be played; silence where there is nothing."""
        size = samples * SAMPLE_BYTES
        with self._lock:
            if self._paused or not self._pcm:
                return bytes(size)
            played = bytes(self._pcm[:size])
            del self._pcm[:size]
            self._pulled += len(played) // SAMPLE_BYTES
        try:
            self._loop.call_soon_threadsafe(self._advance)
        except RuntimeError:
            return bytes(size)  # the loop has ended, and the sound card has not noticed yet
        return played.ljust(size, b"\0")

    async def capture_frame(self, frame: AudioFrame) -> None:
        """See AudioOutput; raises AudioError for another format."""
        if (frame.sample_rate, frame.num_channels) != (self._rate, 1):
            raise AudioError(
                f"the console plays mono at {self._rate} Hz, "
                f"but not {frame.num_channels} channels at {frame.sample_rate} Hz"
            )
        if not self._segments or self._segments[-1].end is not None:
            self._segments.append(_Segment(begin=self._pushed))
            self._over.clear()
        segment = self._segments[-1]
        while self._ahead() >= BUFFER and segment in self._segments:
            self._moved.clear()
            await self._moved.wait()
        if segment not in self._segments:
            return  # it was cut off while this frame waited
        with self._lock:
            self._pcm += frame.data
            self._pushed += frame.samples_per_channel

    def flush(self) -> None:
        """See AudioOutput."""
        if self._segments and self._segments[-1].end is None:
            self._segments[-1].end = self._pushed
            self._advance()

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """See AudioOutput."""
        await self._over.wait()
        return self._last

    def clear_buffer(self) -> None:
        """See AudioOutput."""
        with self._lock:
            self._pcm.clear()
            self._pushed = pulled = self._pulled
        segments, self._segments = self._segments, []
        for segment in segments:
            position = (pulled - segment.begin) / self._rate - self.latency
            self._finish(max(0.0, position), interrupted=True)
        self._moved.set()

    def pause(self) -> None:
        """See AudioOutput."""
        self._paused = True

    def resume(self) -> None:
        """See AudioOutput."""
        self._paused = False

    def _ahead(self) -> float:
        return (self._pushed - self._pulled) / self._rate

    def _advance(self) -> None:
        """Tell what has been played."""
        self._moved.set()
        while self._segments:
            segment = self._segments[0]
            if self._pulled > segment.begin and not segment.started:
                segment.started = True
                self.emit("playback_started", PlaybackStartedEvent(created_at=wall_time()))
            if segment.end is None or self._pulled < segment.end:
                return
            del self._segments[0]
            self._finish((segment.end - segment.begin) / self._rate, interrupted=False)

    def _finish(self, position: float, *, interrupted: bool) -> None:
        self._last = PlaybackFinishedEvent(playback_position=position, interrupted=interrupted)
        if not self._segments:
            self._over.set()
        self.emit("playback_finished", self._last)
