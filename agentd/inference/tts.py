"""A voice by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.plugins import load
from agentd.tts import TTS as BaseTTS
from agentd.tts import SynthesizedAudio

from .gateway import gateway
from .names import split_name


class TTS(BaseTTS):
    """A voice such as `openai/gpt-4o-mini-tts:ash`, by the plugin `openai`.

    Sentences go to the gateway's `/audio/speech`: whatever speaks OpenAI's API says them. Raises
    PluginNotFound without the plugin, and MissingCredential.

    Args:
        model: Its name, with its maker's before a slash and maybe the voice after a colon.
        voice: If the name does not say it.
        base_url, api_key, api_secret: See `gateway.gateway`.
        extra_kwargs: Options of `openai.TTS`, such as `{"speed": 1.2}`.
    """

    def __init__(
        self,
        model: str,
        *,
        voice: NotGivenOr[str] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> None:
        name, named = split_name(model)
        where = gateway(base_url=base_url, api_key=api_key, api_secret=api_secret)
        chosen = voice if is_given(voice) else named
        options: dict[str, Any] = dict(extra_kwargs) if is_given(extra_kwargs) else {}
        self._name = name
        self._tts: BaseTTS = load("openai").TTS(
            model=where.model(name),
            base_url=where.url,
            api_key=where.key,
            **({"voice": chosen} if chosen else {}),
            **options,
        )
        super().__init__(capabilities=self._tts.capabilities, sample_rate=self._tts.sample_rate)

    @classmethod
    def from_model_string(cls, model: str) -> TTS:
        """The model that a string stands for."""
        return cls(model)

    @property
    def model(self) -> str:
        """Its name, as it was given, without the voice."""
        return self._name

    @property
    def provider(self) -> str:
        """The host of the gateway."""
        return self._tts.provider

    @property
    def circuit(self) -> str:
        """See `agentd.resilience`."""
        return f"{self.provider}/{self.model}"

    def prewarm(self) -> None:
        """Connect in the background."""
        self._tts.prewarm()

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        return self._tts.speak(text)

    async def aclose(self) -> None:
        """See the base class."""
        await self._tts.aclose()
