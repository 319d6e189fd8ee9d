"""The interface of a speech-to-text model, and what a plugin implements of it."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from agentd.aio.emitter import EventEmitter
from agentd.aio.timing import now, wall_time
from agentd.audio.conform import conform
from agentd.audio.frame import AudioFrame, FrameLike, silent_frame
from agentd.errors import APIError, ModelError
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.language import LanguageCode
from agentd.metrics import STTMetrics
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .audioqueue import Flush
from .capabilities import STTCapabilities
from .events import FinalTranscript, SpeechData, SpeechEvent
from .recognition import recognize_with_retries
from .stream import RecognizeStream, report_failure

PROBE_SECONDS = 0.5
"""Silence that a model is asked to recognise, to see whether it answers at all."""


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

    @property
    def circuit(self) -> str:
        """Key of the service's circuit breaker, `provider/model`; empty for none (`resilience`)."""
        return ""

    # -- for users ---------------------------------------------------------------

    async def recognize(
        self,
        buffer: AudioFrame | FrameLike | Sequence[AudioFrame | FrameLike],
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> FinalTranscript:
        """Understand one utterance; its text is empty where nothing was said.

        Raises APIError when all tries have failed, ModelError where the model takes no whole
        utterances, AudioError for what is no audio.
        """
        if not self.capabilities.offline_recognize:
            raise ModelError(f"{self.label} takes no whole utterances: use its stream()")
        audio = conform(buffer, self.sample_rate)
        spoken = spoken_language(language)
        if not audio.data:
            return FinalTranscript(data=SpeechData(text="", language=spoken))
        began_at = now()
        data = await recognize_with_retries(
            lambda: self.recognize_once(audio, spoken),
            conn_options,
            label=self.label,
            circuit=self.circuit,
            on_failure=self._on_failure,
        )
        self._measure(audio.duration, now() - began_at)
        return FinalTranscript(data=replace(data, language=data.language or spoken))

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """Listen to one source of audio; raises ModelError where the model does not stream."""
        if not self.capabilities.streaming:
            raise ModelError(f"{self.label} does not stream: put it behind an stt.StreamAdapter")
        return RecognizeStream(self, language=spoken_language(language), options=conn_options)

    async def probe(self, conn_options: APIConnectOptions) -> None:
        """Listen to a little silence; raises ModelError while the model is not well."""
        silence = silent_frame(PROBE_SECONDS, self.sample_rate)
        if not self.capabilities.streaming:
            await self.recognize(silence, conn_options=conn_options)
            return
        async with self.stream(conn_options=conn_options) as stream:
            stream.push_frame(silence)
            stream.end_input()
            async for _ in stream:
                pass

    def prewarm(self) -> None:
        """Get ready in the background, so that the first call is quick. May be repeated."""

    async def aclose(self) -> None:
        """Let go of what it holds. May be repeated; open streams are their users' to close."""

    async def __aenter__(self) -> STT:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _on_failure(self, error: APIError, again: bool) -> None:
        report_failure(self, error, recoverable=again)

    def _measure(self, audio_duration: float, duration: float) -> None:
        metrics = STTMetrics(
            label=self.label,
            timestamp=wall_time(),
            model=self.model,
            provider=self.provider,
            duration=duration,
            audio_duration=audio_duration,
        )
        self.emit("metrics_collected", metrics)

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


def spoken_language(given: NotGivenOr[str]) -> str:
    """The code of a language; empty where none was given."""
    return LanguageCode(given) if is_given(given) and given else ""
