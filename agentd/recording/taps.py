"""What stands between a session and its audio, hands everything on, and tells of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, as_frame
from agentd.errors import AudioError
from agentd.io import (
    AudioInput,
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
)

from .places import Arrivals, Placed, Playhead


def _ignore(_: object) -> None:
    """The recording has ended."""


Take = Callable[[list[Placed]], None]
"""Given what was said, or heard, in order."""


class RecorderAudioInput(AudioInput):
    """Tells of each frame that the session takes."""

    def __init__(self, source: AudioInput, take: Take) -> None:
        self.label = source.label
        self.source = source
        self._take = take
        self._arrivals = Arrivals()

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        async for frame in self.source:
            self._hear(frame)
            yield frame

    def advance(self) -> None:
        """Tell of what has its place by now."""
        self._take(self._arrivals.settled(now()))

    def flush(self) -> None:
        """Tell of what waits, too: the recording ends."""
        self._take(self._arrivals.rest())

    def on_attached(self) -> None:
        """See AudioInput."""
        self.source.on_attached()

    def on_detached(self) -> None:
        """See AudioInput."""
        self.flush()
        self.source.on_detached()

    async def aclose(self) -> None:
        """See AudioInput."""
        await self.source.aclose()

    def _hear(self, frame: AudioFrame) -> None:
        try:
            self._arrivals.push(now(), as_frame(frame))
        except AudioError:
            return  # no audio: whoever listens says so
        self.advance()


class RecorderAudioOutput(AudioOutput):
    """Tells of each frame that is heard; `cut` is told where more was told than was heard."""

    def __init__(self, sink: AudioOutput, take: Take, cut: Callable[[float], None]) -> None:
        super().__init__(
            label=sink.label,
            capabilities=AudioOutputCapabilities(pause=True),
            sample_rate=sink.sample_rate,
            next_in_chain=sink,
        )
        self.sink = sink
        self._take = take
        self._cut: Callable[[float], None] = cut
        self._playhead = Playhead()
        sink.on("playback_started", self._on_started)
        sink.on("playback_finished", self._on_finished)

    async def capture_frame(self, frame: AudioFrame) -> None:
        """See AudioOutput."""
        self._take(self._playhead.captured(now(), frame))
        await self.sink.capture_frame(frame)

    def flush(self) -> None:
        """See AudioOutput."""
        self._playhead.flushed()
        self.sink.flush()

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """See AudioOutput."""
        return await self.sink.wait_for_playout()

    def clear_buffer(self) -> None:
        """See AudioOutput."""
        self.sink.clear_buffer()

    def pause(self) -> None:
        """See AudioOutput."""
        self._take(self._playhead.paused(now()))
        super().pause()

    def resume(self) -> None:
        """See AudioOutput."""
        self._playhead.resumed(now())
        super().resume()

    def advance(self) -> None:
        """Tell of what was heard until now."""
        self._take(self._playhead.advance(now()))

    def stop(self) -> None:
        """Tell of nothing more. What is being played through it is played to its end."""
        self.advance()
        self._take, self._cut = _ignore, _ignore

    def _on_started(self, event: PlaybackStartedEvent) -> None:
        self._playhead.started(now())
        self.emit("playback_started", event)

    def _on_finished(self, event: PlaybackFinishedEvent) -> None:
        heard, cut_at = self._playhead.finished(now(), event.playback_position)
        self._take(heard)
        if cut_at is not None:
            self._cut(cut_at)
        self.emit("playback_finished", event)
