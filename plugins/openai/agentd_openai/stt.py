"""agentd's interface of a recogniser on OpenAI's transcription API, and of those like it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Unpack

import openai

from agentd.audio.frame import AudioFrame
from agentd.audio.wav_writer import wav_bytes
from agentd.given import NOT_GIVEN, NotGivenOr, is_given, only_given
from agentd.stt import STT as BaseSTT
from agentd.stt import Flush, SpeechData, SpeechEvent, STTCapabilities

from .azure import AzureOptions, azure_maker
from .client import Key, Service, service_at
from .errors import api_errors
from .served import Warmed
from .services import SERVICES
from .transcribing import RECYCLE_AFTER, Listening, transcribe
from .transcript import speech_data

FILE_RATE = 16000
"""Hz: more is of no use to a recogniser, and takes longer to send."""
STREAM_RATE = 24000
"""Hz; the only rate that the service's WebSocket takes."""
SHORTEST = 0.1
"""Seconds of audio that the service takes."""


class STT(Warmed, BaseSTT):
    """A recogniser behind OpenAI's transcription API.

    It takes whole utterances, which a session's VAD cuts, by HTTP; or with `use_realtime` a stream
    over a WebSocket, where the service notices the turns and tells what it understands meanwhile.
    Nothing is connected before `prewarm` or the first utterance. It may be made before a fork and
    used after it.

    Args:
        model: Its name at the service.
        language: What is spoken; the API wants two letters.
        detect_language: Leave that to the model.
        prompt: Names and spellings that it is to know.
        word_timestamps: Ask for each word's instants; `whisper-1` and servers like it can tell.
        confidence: Ask how sure the model is; OpenAI's `gpt-4o` transcribers can tell.
        turn_detection: The service's, for streams; None, and only what is flushed becomes final.
        noise_reduction: `near_field` or `far_field`, for streams.
        use_realtime: Stream.
        recycle_after: Seconds after which a stream's connection is renewed, in a pause.
        api_key: Else the credential OPENAI_API_KEY. A function is asked for each request.
        base_url: Else OPENAI_BASE_URL, else OpenAI's.
        client: Used as it is, and closed by its owner.
        service: As made by a named constructor.

    Raises MissingCredential where there is no key.
    """

    def __init__(  # noqa: PLR0913 - all by name, as users of livekit-agents write them
        self,
        *,
        model: str = "gpt-4o-mini-transcribe",
        language: str = "en",
        detect_language: bool = False,
        prompt: NotGivenOr[str] = NOT_GIVEN,
        word_timestamps: bool = False,
        confidence: bool = False,
        turn_detection: NotGivenOr[dict[str, Any] | None] = NOT_GIVEN,
        noise_reduction: NotGivenOr[str] = NOT_GIVEN,
        use_realtime: bool = False,
        recycle_after: float = RECYCLE_AFTER,
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        service: Service | None = None,
    ) -> None:
        super().__init__(
            capabilities=STTCapabilities(
                streaming=use_realtime,
                interim_results=use_realtime,
                offline_recognize=True,
                aligned_transcript="word" if word_timestamps and not use_realtime else False,
            ),
            sample_rate=STREAM_RATE if use_realtime else FILE_RATE,
        )
        self._model = model
        self._language = "" if detect_language else language
        self._prompt = prompt
        self._word_timestamps = word_timestamps
        self._confidence = confidence
        self._turn_detection = turn_detection
        self._noise_reduction = noise_reduction
        self._recycle_after = recycle_after
        self._service = service or service_at(api_key=api_key, base_url=base_url, client=client)

    def update_options(
        self,
        *,
        model: NotGivenOr[str] = NOT_GIVEN,
        language: NotGivenOr[str] = NOT_GIVEN,
        detect_language: NotGivenOr[bool] = NOT_GIVEN,
        prompt: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Listen otherwise from the next utterance, or stream, on."""
        self._model = model if is_given(model) else self._model
        self._language = language if is_given(language) else self._language
        self._prompt = prompt if is_given(prompt) else self._prompt
        if detect_language is True:
            self._language = ""

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class."""
        if audio.duration < SHORTEST:
            return SpeechData(text="", language=language)
        spoken = language or self._language
        with api_errors(self.label):
            told: Any = await self._service.client().audio.transcriptions.create(
                file=("speech.wav", wav_bytes(audio), "audio/wav"),
                model=self._model,
                **self._request(spoken),
            )
        return speech_data(told, spoken, audio.duration, self.label)

    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        listening = Listening(
            label=self.label,
            model=self._model,
            language=language or self._language,
            prompt=self._prompt if isinstance(self._prompt, str) else "",
            confidence=self._confidence,
            turn_detection=self._turn_detection,
            noise_reduction=self._noise_reduction,
            recycle_after=self._recycle_after,
        )
        return transcribe(self._service, listening, audio)

    def _request(self, language: str) -> dict[str, Any]:
        request: dict[str, Any] = only_given(prompt=self._prompt)
        if language:
            request["language"] = language.split("-", maxsplit=1)[0]
        if self._word_timestamps:
            request |= {"response_format": "verbose_json", "timestamp_granularities": ["word"]}
        else:
            request["response_format"] = "json"
            request |= {"include": ["logprobs"]} if self._confidence else {}
        return request

    # -- other services ------------------------------------------------------------------

    @classmethod
    def with_groq(
        cls,
        *,
        model: str = "whisper-large-v3-turbo",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        **options: Any,
    ) -> STT:
        """A recogniser at Groq; its key is GROQ_API_KEY."""
        return cls(
            model=model,
            service=SERVICES["groq"].service(api_key=api_key, base_url=base_url),
            **options,
        )

    @classmethod
    def with_ovhcloud(
        cls,
        *,
        model: str = "whisper-large-v3-turbo",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        **options: Any,
    ) -> STT:
        """A recogniser at OVHcloud; its key is OVHCLOUD_API_KEY."""
        return cls(
            model=model,
            service=SERVICES["ovhcloud"].service(api_key=api_key, base_url=base_url),
            **options,
        )

    @classmethod
    def with_azure(
        cls,
        *,
        model: str = "gpt-4o-mini-transcribe",
        language: str = "en",
        detect_language: bool = False,
        prompt: NotGivenOr[str] = NOT_GIVEN,
        use_realtime: bool = False,
        **place: Unpack[AzureOptions],
    ) -> STT:
        """A deployment at Azure; see AzureOptions for what is not given."""
        return cls(
            model=model,
            language=language,
            detect_language=detect_language,
            prompt=prompt,
            use_realtime=use_realtime,
            service=Service(azure_maker(model, place)),
        )
