"""A model that takes whole utterances, behind a VAD that cuts them out of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from msgspec.structs import replace

from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from agentd.vad import VAD

from .audioqueue import Flush
from .base import STT, spoken_language
from .capabilities import STTCapabilities
from .events import FinalTranscript, SpeechData, SpeechEvent
from .stream import RecognizeStream
from .utterances import Utterances

ADAPTER_RATE = 16000
"""Hz at which the VAD listens: every one knows it."""


class StreamAdapter(STT):
    """Makes a stream of an STT that has none: one recognition for each utterance (row 205).

    Recognitions of utterances that follow each other closely run at the same time; their texts
    come in the order in which they were spoken. Each recognition has the tries of the stream's
    options; when they are used up the stream fails.
    """

    def __init__(self, stt: STT, vad: VAD) -> None:
        super().__init__(capabilities=behind_vad(stt.capabilities), sample_rate=ADAPTER_RATE)
        self.wrapped_stt = stt
        self.vad = vad
        # What a recognition has cost is measured where it is made.
        self._forward = partial(self.emit, "metrics_collected")
        stt.on("metrics_collected", self._forward)

    @property
    def label(self) -> str:
        """That of the STT behind it."""
        return self.wrapped_stt.label

    @property
    def model(self) -> str:
        """That of the STT behind it."""
        return self.wrapped_stt.model

    @property
    def provider(self) -> str:
        """That of the STT behind it."""
        return self.wrapped_stt.provider

    @property
    def circuit(self) -> str:
        """That of the STT behind it."""
        return self.wrapped_stt.circuit

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """See the base class; the options are those of each recognition."""
        return RecognizeStream(
            VADListener(self, self.wrapped_stt, self.vad, conn_options),
            language=spoken_language(language),
            options=options_of_stream(conn_options),
        )

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class."""
        return await self.wrapped_stt.recognize_once(audio, language)

    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        options = DEFAULT_API_CONNECT_OPTIONS
        return VADListener(self, self.wrapped_stt, self.vad, options).transcribe(audio, language)

    def prewarm(self) -> None:
        """See the base class."""
        self.wrapped_stt.prewarm()

    async def aclose(self) -> None:
        """Let go of the STT, which stays its owner's to close."""
        self.wrapped_stt.off("metrics_collected", self._forward)


class VADListener:
    """One stream's transcriber: listens with a VAD, and has utterances recognised by an STT.

    It goes by the name of another one, the adapter that the user knows.
    """

    def __init__(self, known_as: STT, stt: STT, vad: VAD, options: APIConnectOptions) -> None:
        self.label = known_as.label
        self.model = known_as.model
        self.provider = known_as.provider
        self.circuit = ""  # the STT that recognises has its own
        self.emit = known_as.emit
        self.sample_rate = ADAPTER_RATE
        self.capabilities = behind_vad(stt.capabilities)
        self._stt = stt
        self._vad = vad
        self._options = options

    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See STT."""

        async def recognize(utterance: AudioFrame) -> FinalTranscript:
            return await self._stt.recognize(
                utterance, language=language or NOT_GIVEN, conn_options=self._options
            )

        return Utterances(self._vad.stream(sample_rate=ADAPTER_RATE), recognize).transcribe(audio)


def behind_vad(capabilities: STTCapabilities) -> STTCapabilities:
    """What an STT can do when it is given utterances; what they cost is told by each."""
    return replace(capabilities, streaming=True, interim_results=False, reports_usage=True)


def options_of_stream(each: APIConnectOptions) -> APIConnectOptions:
    """A stream's options where each call inside of it has tries and time of its own.

    The stream is not tried again, and has the time that all tries of a last call may take.
    """
    tries = each.max_retry + 1
    return APIConnectOptions(max_retry=0, timeout=tries * (each.timeout + each.retry_interval))
