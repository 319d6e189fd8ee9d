"""agentd's interface of a voice on OpenAI's speech API, and of those like it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal, Unpack

import openai

from agentd.audio.frame import AudioFrame
from agentd.errors import APIConnectionError
from agentd.given import NOT_GIVEN, NotGivenOr, is_given, only_given
from agentd.tts import TTS as BaseTTS
from agentd.tts import TTSCapabilities
from agentd.tts.segment import is_speakable

from .azure import AzureOptions, azure_maker
from .client import Key, Service, service_at
from .errors import api_errors
from .served import Warmed
from .services import SERVICES
from .speech_bytes import decoded

SAMPLE_RATE = 24000
"""Hz of `pcm`; other forms say theirs and are converted."""

SpeechFormat = Literal["pcm", "wav", "mp3", "opus", "aac", "flac"]


class TTS(Warmed, BaseTTS):
    """A voice behind OpenAI's speech API: a sentence in, its sound out while it is made.

    Nothing is connected before `prewarm` or the first sentence. It may be made before a fork and
    used after it.

    Args:
        model: Its name at the service.
        voice: Of the model's.
        speed: 1.0 is the voice's own.
        instructions: How it is to speak, for models that can be told.
        response_format: `pcm` is heard first; all but that and `wav` need the extra `codecs`.
        api_key: Else the credential OPENAI_API_KEY. A function is asked for each request.
        base_url: Else OPENAI_BASE_URL, else OpenAI's.
        client: Used as it is, and closed by its owner.
        service: As made by a named constructor.

    Raises MissingCredential where there is no key.
    """

    def __init__(  # noqa: PLR0913 - all by name, as users of livekit-agents write them
        self,
        *,
        model: str = "gpt-4o-mini-tts",
        voice: str = "ash",
        speed: float = 1.0,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        response_format: SpeechFormat = "pcm",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        service: Service | None = None,
    ) -> None:
        super().__init__(capabilities=TTSCapabilities(streaming=False), sample_rate=SAMPLE_RATE)
        self._model = model
        self._format = response_format
        self._request: dict[str, Any] = {
            "model": model,
            "voice": voice,
            "speed": speed,
            "response_format": response_format,
            **only_given(instructions=instructions),
        }
        self._service = service or service_at(api_key=api_key, base_url=base_url, client=client)

    def update_options(
        self,
        *,
        model: NotGivenOr[str] = NOT_GIVEN,
        voice: NotGivenOr[str] = NOT_GIVEN,
        speed: NotGivenOr[float] = NOT_GIVEN,
        instructions: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Speak otherwise from the next sentence on."""
        self._request |= only_given(
            model=model, voice=voice, speed=speed, instructions=instructions
        )
        self._model = model if is_given(model) else self._model

    async def speak(self, text: str) -> AsyncGenerator[AudioFrame]:
        """See the base class."""
        if not is_speakable(text):
            return  # the API refuses what has nothing to say
        with api_errors(self.label):
            asked = self._service.client().audio.speech.with_streaming_response.create(
                input=text, **self._request
            )
            async with asked as response:
                got = False
                async for frame in decoded(response, self._format, SAMPLE_RATE, self.label):
                    got = True
                    yield frame
        if not got:
            raise APIConnectionError(f"{self.label} sent no audio")

    # -- other services ------------------------------------------------------------------

    @classmethod
    def with_groq(
        cls,
        *,
        model: str = "playai-tts",
        voice: str = "Arista-PlayAI",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
    ) -> TTS:
        """A voice at Groq, which gives WAV only; its key is GROQ_API_KEY."""
        return cls(
            model=model,
            voice=voice,
            response_format="wav",
            service=SERVICES["groq"].service(api_key=api_key, base_url=base_url),
        )

    @classmethod
    def with_azure(
        cls,
        *,
        model: str = "gpt-4o-mini-tts",
        voice: str = "ash",
        speed: float = 1.0,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        **place: Unpack[AzureOptions],
    ) -> TTS:
        """A deployment at Azure; see AzureOptions for what is not given."""
        return cls(
            model=model,
            voice=voice,
            speed=speed,
            instructions=instructions,
            service=Service(azure_maker(model, place)),
        )
