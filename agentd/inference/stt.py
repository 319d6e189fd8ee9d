"""A recogniser by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.plugins import load
from agentd.stt import STT as BaseSTT
from agentd.stt import Flush, SpeechData, SpeechEvent

from .byname import ByName
from .gateway import gateway
from .names import split_name


class STT(ByName, BaseSTT):
    """A recogniser such as `openai/gpt-4o-mini-transcribe:en`, by the plugin `openai`.

    Utterances go to the gateway's `/audio/transcriptions`, as files: whatever speaks OpenAI's API
    understands them. Raises PluginNotFound without the plugin, and MissingCredential.

    Args:
        model: Its name, with its maker's before a slash and maybe the language after a colon.
        language: What is spoken, if the name does not say; empty to have it found out.
        base_url, api_key, api_secret: See `gateway.gateway`.
        extra_kwargs: Options of `openai.STT`, such as `{"prompt": "agentd"}`.
    """

    def __init__(
        self,
        model: str,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> None:
        name, named = split_name(model)
        where = gateway(base_url=base_url, api_key=api_key, api_secret=api_secret)
        spoken = language if is_given(language) else named
        options: dict[str, Any] = dict(extra_kwargs) if is_given(extra_kwargs) else {}
        self._name = name
        self._asked: BaseSTT = load("openai").STT(
            model=where.model(name),
            base_url=where.url,
            api_key=where.key,
            **({"language": spoken} if spoken else {"detect_language": True}),
            **options,
        )
        super().__init__(capabilities=self._asked.capabilities, sample_rate=self._asked.sample_rate)

    @classmethod
    def from_model_string(cls, model: str) -> STT:
        """The model that a string stands for."""
        return cls(model)

    async def recognize_once(self, audio: AudioFrame, language: str) -> SpeechData:
        """See the base class."""
        return await self._asked.recognize_once(audio, language)

    def transcribe(
        self, audio: AsyncIterator[AudioFrame | Flush], language: str
    ) -> AsyncIterator[SpeechEvent]:
        """See the base class."""
        return self._asked.transcribe(audio, language)
