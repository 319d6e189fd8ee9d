"""The interface of a text-to-speech model, and what a plugin implements of it."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncIterator

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .capabilities import TTSCapabilities
from .events import SynthesizedAudio
from .stream import ChunkedStream, SynthesizeStream


class TTS(ABC, EventEmitter):
    """A text-to-speech model. Inert until it is used; belongs to one event loop.

    A plugin gives its capabilities and implements `speak`, `speak_stream`, or both: one attempt
    each, that raises APIError. Retries, deadlines, the stated sample rate and the cost are seen to
    here. Emits "metrics_collected" (TTSMetrics) and "error" (TTSError).
    """

    def __init__(
        self, *, capabilities: TTSCapabilities, sample_rate: int, num_channels: int = 1
    ) -> None:
        super().__init__()
        self._capabilities = capabilities
        self._sample_rate = sample_rate
        self._num_channels = num_channels

    @property
    def capabilities(self) -> TTSCapabilities:
        """What it can do."""
        return self._capabilities

    @property
    def sample_rate(self) -> int:
        """Hz of the audio that streams give, whatever the model does."""
        return self._sample_rate

    @property
    def num_channels(self) -> int:
        """Channels of the audio that streams give."""
        return self._num_channels

    @property
    def label(self) -> str:
        """Which class it is, for logs and metrics."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def model(self) -> str:
        """The model's name; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def provider(self) -> str:
        """Whose model it is; "unknown" where a plugin tells none."""
        return "unknown"

    # -- for users ---------------------------------------------------------------

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> ChunkedStream:
        """Speak a whole text."""
        raise NotImplementedError

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> SynthesizeStream:
        """Speak a text while it is written; raises ModelError where the model does not stream."""
        raise NotImplementedError

    def prewarm(self) -> None:
        """Get ready in the background, so that the first call is quick. May be repeated."""

    async def aclose(self) -> None:
        """Let go of what it holds. May be repeated; open streams are their users' to close."""

    async def __aenter__(self) -> TTS:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # -- for plugins -------------------------------------------------------------

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """One attempt at one utterance: an async generator of its audio, piece by piece.

        The first piece comes as early as the model can; closing the generator stops the work soon.
        Raises APIError.
        """
        raise NotImplementedError

    def speak_stream(
        self, text: AsyncIterator[str]
    ) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """One attempt at one segment, whose text comes piece by piece and ends with the segment.

        An async generator that ends when all of it is spoken. Raises APIError.
        """
        raise NotImplementedError
