"""One text into speech, over as many attempts as it takes."""

from __future__ import annotations

from agentd.audio.frame import AudioFrame

from .events import SynthesizedAudio


class ChunkedStream:
    """The speech of one whole text."""

    async def collect(self) -> AudioFrame:
        """All of it as one frame; raises APIError as iterating does."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End it at once. May be repeated."""
        raise NotImplementedError

    def __aiter__(self) -> ChunkedStream:
        return self

    async def __anext__(self) -> SynthesizedAudio:
        raise NotImplementedError

    async def __aenter__(self) -> ChunkedStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class SynthesizeStream:
    """The speech of a text that is still being written. A segment is what lies between flushes."""

    def push_text(self, text: str) -> None:
        """Give it the next piece of text, cut anywhere."""
        raise NotImplementedError

    def flush(self) -> None:
        """The segment's text is complete; the next piece begins another."""
        raise NotImplementedError

    def end_input(self) -> None:
        """Say that no more text comes; the stream then ends with its last audio."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End it at once. May be repeated."""
        raise NotImplementedError

    def __aiter__(self) -> SynthesizeStream:
        return self

    async def __anext__(self) -> SynthesizedAudio:
        raise NotImplementedError

    async def __aenter__(self) -> SynthesizeStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
