"""One stream of audio into text, over as many attempts as it takes."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame, FrameLike

from .events import SpeechEvent


class Flush:
    """In the audio that a model gets: finalise what came before it."""


class RecognizeStream:
    """Takes audio, gives events. The audio that waits outlives an attempt that fails."""

    start_time_offset: float
    """Seconds that are added to every instant of the events."""

    def push_frame(self, frame: AudioFrame | FrameLike) -> None:
        """Give it the next audio, of any rate and any number of channels."""
        raise NotImplementedError

    def flush(self) -> None:
        """Ask for a final transcript of what was pushed so far."""
        raise NotImplementedError

    def end_input(self) -> None:
        """Say that no more audio comes; the stream then ends with its last event."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End it at once. May be repeated."""
        raise NotImplementedError

    def __aiter__(self) -> RecognizeStream:
        return self

    async def __anext__(self) -> SpeechEvent:
        raise NotImplementedError

    async def __aenter__(self) -> RecognizeStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
