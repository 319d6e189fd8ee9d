"""The interface of a speech-to-text model, and what a plugin implements of it."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncIterator, Sequence

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .capabilities import STTCapabilities
from .events import FinalTranscript, SpeechData, SpeechEvent
from .stream import Flush, RecognizeStream


class STT(ABC, EventEmitter):
    """A speech-to-text model. Inert until it is used; belongs to one event loop.

    A plugin gives its capabilities and implements `recognize_once`, `transcribe`, or both: one
    attempt each, that raises APIError. Retries, deadlines, the wanted sample rate and the cost are
    seen to here. Emits "metrics_collected" (STTMetrics) and "error" (STTError).
    """

    def __init__(self, *, capabilities: STTCapabilities, sample_rate: int = 16000) -> None:
        super().__init__()
        self._capabilities = capabilities
        self._sample_rate = sample_rate

    @property
    def capabilities(self) -> STTCapabilities:
        """What it can do."""
        return self._capabilities

    @property
    def sample_rate(self) -> int:
        """Hz that the model wants; audio of another rate is resampled."""
        return self._sample_rate

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

    async def recognize(
        self,
        buffer: AudioFrame | Sequence[AudioFrame],
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> FinalTranscript:
        """Understand one utterance; its text is empty where nothing was said.

        Raises APIError when all tries have failed, AudioError for what is no audio.
        """
        raise NotImplementedError

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """Listen to one source of audio; raises ModelError where the model does not stream."""
        raise NotImplementedError

    def prewarm(self) -> None:
        """Get ready in the background, so that the first call is quick. May be repeated."""

    async def aclose(self) -> None:
        """Let go of what it holds. May be repeated; open streams are their users' to close."""

    async def __aenter__(self) -> STT:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # -- for plugins -------------------------------------------------------------

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """One attempt at one utterance, mono at `sample_rate`; `language` may be empty.

        Instants are seconds since the utterance's start. Raises APIError.
        """
        raise NotImplementedError

    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """One attempt at a stream: an async generator that ends soon after `audio` has ended.

        The audio is mono at `sample_rate`. After a `Flush` the model finalises what it has heard.
        Instants are seconds of the audio that this attempt was given. Raises APIError.
        """
        raise NotImplementedError
