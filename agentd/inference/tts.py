"""A voice by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.plugins import load
from agentd.tts import TTS as BaseTTS
from agentd.tts import SynthesizedAudio

from .byname import ByName
from .gateway import gateway
from .names import split_name


class TTS(ByName, BaseTTS):
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
        self._asked: BaseTTS = load("openai").TTS(
            model=where.model(name),
            base_url=where.url,
            api_key=where.key,
            **({"voice": chosen} if chosen else {}),
            **options,
        )
        super().__init__(capabilities=self._asked.capabilities, sample_rate=self._asked.sample_rate)

    @classmethod
    def from_model_string(cls, model: str) -> TTS:
        """The model that a string stands for."""
        return cls(model)

    def speak(self, text: str) -> AsyncIterator[AudioFrame | SynthesizedAudio]:
        """See the base class."""
        return self._asked.speak(text)
