"""Inputs and outputs in memory: a user who speaks by a script, and ears for what the agent says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from msgspec import Struct

from agentd.aio.bell import Bell
from agentd.aio.channel import Channel
from agentd.aio.timing import now, wall_time
from agentd.audio.frame import AudioFrame, from_samples
from agentd.io import (
    AudioInput,
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
    TextOutput,
    VideoFrame,
    VideoInput,
)

from .faults import Fault, Misbehaviour

LOUDNESS = 8000
"""Of the user's voice: well above what counts as audible."""


class FakeAudioInput(AudioInput):
    """A microphone that is always open: silence, and a tone where the user is told to speak.

    Frames come in step with the loop's clock, also while nobody listens; then they are lost.
    """

    def __init__(self, *, frame_seconds: float = 0.05, sample_rate: int = 16000) -> None:
        self.label = "fake"
        self._frame_seconds = frame_seconds
        self._rate = sample_rate
        self._speech: list[tuple[float, float]] = []
        self._ended = asyncio.Event()
        self._next: AudioFrame | Exception | None = None

    def spoil_next(self) -> None:
        """The next frame is no whole number of samples, as a broken source may give."""
        self._next = _NoFrame()  # type: ignore[assignment]  # that is the point

    def fail_next(self) -> None:
        """Reading the next frame raises OSError, once."""
        self._next = OSError("the microphone is gone")

    def speak(self, seconds: float, *, start_in: float = 0.0) -> None:
        """The user speaks for so long, from now or from a while later on."""
        start = now() + start_in
        self._speech.append((start, start + seconds))

    def end(self) -> None:
        """The microphone is gone."""
        self._ended.set()

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        at = now()
        while not self._ended.is_set():
            at = round(at + self._frame_seconds, 6)
            await asyncio.sleep(at - now())
            odd, self._next = self._next, None
            if isinstance(odd, Exception):
                raise odd
            yield odd or self._frame(at - self._frame_seconds)

    def _frame(self, start: float) -> AudioFrame:
        count = round(self._frame_seconds * self._rate)
        times = start + np.arange(count) / self._rate
        voiced = np.zeros(count, dtype=bool)
        for begin, end in self._speech:
            voiced |= (times >= begin - 1e-9) & (times < end - 1e-9)
        tone = LOUDNESS * np.sin(2 * np.pi * 300 * times) * voiced
        return from_samples(np.rint(tone).astype(np.int16), self._rate)


class FakeVideoInput(VideoInput):
    """A camera in memory: it shows what it is told to."""

    label = "fake"

    def __init__(self) -> None:
        self._frames: Channel[VideoFrame] = Channel(64)

    def __aiter__(self) -> AsyncIterator[VideoFrame]:
        return self._frames

    def show(self, frame: VideoFrame) -> None:
        """One picture; the oldest of 64 that nobody has looked at is lost."""
        if len(self._frames) == 64:
            self._frames.receive_nowait()
        self._frames.send_nowait(frame)

    def end(self) -> None:
        """The camera is gone."""
        self._frames.close()


class _NoFrame:
    """What has the looks of a frame and is no audio."""

    data = b"odd"
    sample_rate = 16000
    num_channels = 1


class Played(Struct, kw_only=True):
    """A segment of speech, as the listener had it."""

    started_at: float
    """On the loop's clock."""
    ended_at: float = 0.0
    seconds: float = 0.0
    """Of it that were heard."""
    interrupted: bool = False


class FakeAudioOutput(AudioOutput):
    """A loudspeaker that plays in step with the loop's clock, and notes what was heard when.

    It takes `buffer` seconds ahead. A fault's `after` is in seconds of audio.
    """

    def __init__(
        self,
        *,
        buffer: float = 0.2,
        can_pause: bool = True,
        sample_rate: int | None = None,
        fault: Fault | None = None,
    ) -> None:
        super().__init__(
            label="fake",
            capabilities=AudioOutputCapabilities(pause=can_pause),
            sample_rate=sample_rate,
        )
        self.segments: list[Played] = []
        """All that were begun, the current one last."""
        self.frames: list[AudioFrame] = []
        """All that was captured, heard or not."""
        self._buffer = buffer
        self._fault = fault
        self._pushed = 0.0
        self._flushed = False
        self._paused_at: float | None = None
        self._paused_for = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._last = PlaybackFinishedEvent(playback_position=0.0, interrupted=False)
        self._open: Played | None = None
        self._bell = Bell()

    @property
    def silent_since(self) -> float | None:
        """When the last sound was heard; None while one is, or before the first."""
        if self._open is not None and self._paused_at is None:
            return None
        if self._open is not None:
            return self._paused_at
        return self.segments[-1].ended_at if self.segments else None

    async def capture_frame(self, frame: AudioFrame) -> None:
        """See AudioOutput."""
        if self._fault is not None and self._pushed >= self._fault.after:
            await self._fault.strike()
            if self._fault.kind is Misbehaviour.END_EARLY:
                return
        segment = self._open or self._begin()
        late = self._position(segment) - self._pushed
        if late > 0:  # it ran dry: what comes now is heard now
            self._paused_for += late
        self._pushed = round(self._pushed + frame.duration, 6)
        segment.seconds = self._pushed
        self.frames.append(frame)
        while self._open is segment and self._ahead(segment) > self._buffer + 1e-6:
            wait = self._ahead(segment) - self._buffer
            await self._bell.stays(lambda: self._paused_at is None and self._open is segment, wait)
            if self._paused_at is not None:
                await self._bell.until(lambda: self._paused_at is None or self._open is not segment)

    def flush(self) -> None:
        """See AudioOutput."""
        if self._open is not None:
            self._flushed = True
            self._plan_end()

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """See AudioOutput."""
        await self._bell.until(lambda: self._open is None)
        return self._last

    def clear_buffer(self) -> None:
        """See AudioOutput."""
        if self._open is not None:
            self._end(min(self._position(self._open), self._pushed), interrupted=True)

    def pause(self) -> None:
        """See AudioOutput."""
        if self._paused_at is None:
            self._paused_at = now()
            self._plan_end()
            self._bell.ring()

    def resume(self) -> None:
        """See AudioOutput."""
        if self._paused_at is not None:
            if self._open is not None:
                self._paused_for += now() - max(self._paused_at, self._open.started_at)
            self._paused_at = None
            self._plan_end()
            self._bell.ring()

    def _begin(self) -> Played:
        self._open = Played(started_at=now())
        self.segments.append(self._open)
        self._pushed, self._flushed, self._paused_for = 0.0, False, 0.0
        self.emit("playback_started", PlaybackStartedEvent(created_at=wall_time()))
        return self._open

    def _position(self, segment: Played) -> float:
        until = now() if self._paused_at is None else max(self._paused_at, segment.started_at)
        return round(until - segment.started_at - self._paused_for, 6)

    def _ahead(self, segment: Played) -> float:
        return self._pushed - self._position(segment)

    def _plan_end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open is not None and self._flushed and self._paused_at is None:
            left = max(0.0, self._ahead(self._open))
            self._timer = asyncio.get_running_loop().call_later(left, self._played_out)

    def _played_out(self) -> None:
        self._end(self._pushed, interrupted=False)

    def _end(self, position: float, *, interrupted: bool) -> None:
        segment, self._open = self._open, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if segment is None:
            return
        segment.ended_at, segment.interrupted = now(), interrupted
        segment.seconds = position
        self._last = PlaybackFinishedEvent(playback_position=position, interrupted=interrupted)
        self.emit("playback_finished", self._last)
        self._bell.ring()


class FakeTextOutput(TextOutput):
    """Keeps what is written, segment by segment."""

    def __init__(self, *, fault: Fault | None = None) -> None:
        super().__init__(label="fake")
        self.segments: list[str] = []
        """Those that are complete."""
        self.pieces: list[tuple[float, str]] = []
        """Each piece, and when it came on the loop's clock."""
        self.fault = fault
        self._current = ""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(text for _, text in self.pieces)

    async def capture_text(self, text: str) -> None:
        """See TextOutput."""
        if self.fault is not None:
            await self.fault.strike()
        self.pieces.append((now(), text))
        self._current += text

    def flush(self) -> None:
        """See TextOutput."""
        if self._current:
            self.segments.append(self._current)
        self._current = ""
