"""The interfaces of a session's inputs and outputs.

An output works in segments: one is what was captured between two calls of `flush`, which is one
stretch of speech or text. For each segment of audio there is exactly one `playback_finished`,
whether it was played to its end or cleared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from msgspec import Struct

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame


class AudioInput(ABC):
    """Where audio comes from: an async iterator of frames, which ends when the source has."""

    label: str = ""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[AudioFrame]: ...

    def on_attached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session listens from now on."""

    def on_detached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session does not listen any more; frames may be dropped."""

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of the source. May be repeated."""


class VideoFrame(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One picture."""

    data: bytes | bytearray | memoryview
    width: int
    height: int
    format: str = "rgba"
    """Of the data: `rgba` (four bytes a pixel, row by row) or `jpeg`."""
    at: float = 0.0
    """When it was received, on the loop's clock."""


class VideoInput(ABC):
    """Where pictures come from: the latest, when asked, and an iterator of all."""

    label: str = ""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[VideoFrame]: ...

    def on_attached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session looks from now on."""

    def on_detached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session does not look any more."""

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of the source. May be repeated."""


class PlaybackStartedEvent(Struct, frozen=True, kw_only=True):
    """The first frame of a segment is on its way to the listener."""

    created_at: float
    """Wall time, seconds since the epoch."""


class PlaybackFinishedEvent(Struct, frozen=True, kw_only=True):
    """A segment is over."""

    playback_position: float
    """Seconds of it that were played."""
    interrupted: bool
    """Whether it was cleared before its end."""
    synchronized_transcript: str | None = None
    """Of its text what was heard, where the output knows; None where it does not."""


class AudioOutputCapabilities(Struct, frozen=True, kw_only=True):
    """What an audio output can do."""

    pause: bool = False
    """Whether `pause` holds the audio, to be gone on with by `resume`."""


class AudioOutput(EventEmitter, ABC):
    """Where speech goes to.

    Emits `playback_started` (PlaybackStartedEvent) and `playback_finished`
    (PlaybackFinishedEvent), once a segment each; the first only where something was played.
    """

    def __init__(
        self,
        *,
        label: str,
        capabilities: AudioOutputCapabilities,
        sample_rate: int | None = None,
        next_in_chain: AudioOutput | None = None,
    ) -> None:
        super().__init__()
        self.label = label
        self.capabilities = capabilities
        self.sample_rate = sample_rate
        """What frames must have, in Hz; None takes any."""
        self.next_in_chain = next_in_chain

    @property
    def can_pause(self) -> bool:
        """Whether this output and those behind it can pause."""
        behind = self.next_in_chain is None or self.next_in_chain.can_pause
        return self.capabilities.pause and behind

    @abstractmethod
    async def capture_frame(self, frame: AudioFrame) -> None:
        """Take the next frame of the segment; waits while the output is full."""

    @abstractmethod
    def flush(self) -> None:
        """The segment is complete. Without one begun it does nothing."""

    @abstractmethod
    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """Wait until all segments so far are over; what the last one came to."""

    @abstractmethod
    def clear_buffer(self) -> None:
        """Stop at once: what was captured and not played is dropped, its segment interrupted."""

    def pause(self) -> None:
        """Hold the audio where it is, at once. For outputs that can."""
        if self.next_in_chain is not None:
            self.next_in_chain.pause()

    def resume(self) -> None:
        """Go on where it was held."""
        if self.next_in_chain is not None:
            self.next_in_chain.resume()

    def on_attached(self) -> None:
        """The session speaks through it from now on."""
        if self.next_in_chain is not None:
            self.next_in_chain.on_attached()

    def on_detached(self) -> None:
        """The session does not speak through it any more."""
        if self.next_in_chain is not None:
            self.next_in_chain.on_detached()

    async def aclose(self) -> None:
        """Let go of the sink. May be repeated."""
        if self.next_in_chain is not None:
            await self.next_in_chain.aclose()


class VideoOutput(ABC):
    """Where the agent's pictures go to."""

    label: str = ""

    @abstractmethod
    async def capture_frame(self, frame: VideoFrame) -> None:
        """Show the next picture; waits while others are to be shown before it.

        Raises VideoError where it can't be shown.
        """

    @abstractmethod
    def clear_buffer(self) -> None:
        """Drop the pictures that wait."""

    def on_attached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session shows itself through it from now on."""

    def on_detached(self) -> None:  # noqa: B027 - most have nothing to do
        """The session does not show itself through it any more."""

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of the sink. May be repeated."""


class TextOutput(ABC):
    """Where transcripts go to."""

    in_step: bool = True
    """Whether words are to come while they are spoken; else as soon as they are known."""
    speed_factor: float = 1.0
    """Over 1 the words run ahead of the voice."""

    def __init__(self, *, label: str, next_in_chain: TextOutput | None = None) -> None:
        self.label = label
        self.next_in_chain = next_in_chain

    @abstractmethod
    async def capture_text(self, text: str) -> None:
        """Take the next piece of the segment."""

    @abstractmethod
    def flush(self) -> None:
        """The segment is complete, or was cut off."""

    def on_attached(self) -> None:
        """The session writes through it from now on."""
        if self.next_in_chain is not None:
            self.next_in_chain.on_attached()

    def on_detached(self) -> None:
        """The session does not write through it any more."""
        if self.next_in_chain is not None:
            self.next_in_chain.on_detached()

    async def aclose(self) -> None:
        """Let go of the sink. May be repeated."""
        if self.next_in_chain is not None:
            await self.next_in_chain.aclose()
