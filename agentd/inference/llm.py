"""A language model by its name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm import LLM as BaseLLM
from agentd.llm import ChatChunk, ChatRequest
from agentd.plugins import load

from .byname import ByName
from .gateway import gateway

PROVIDER_HEADER = "X-LiveKit-Inference-Provider"


class LLM(ByName, BaseLLM):
    """A language model such as `openai/gpt-4.1-mini`, by the plugin `openai`.

    Args:
        model: Its name, with its maker's before a slash.
        provider: Who is to run it, where the gateway leaves a choice.
        base_url, api_key, api_secret: See `gateway.gateway`.
        extra_kwargs: Options of `openai.LLM`, such as `{"temperature": 0.2}`.

    Raises PluginNotFound without the plugin, and MissingCredential.
    """

    def __init__(
        self,
        model: str,
        *,
        provider: NotGivenOr[str] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> None:
        super().__init__()
        plugin = load("openai")
        where = gateway(base_url=base_url, api_key=api_key, api_secret=api_secret)
        options: dict[str, Any] = dict(extra_kwargs) if is_given(extra_kwargs) else {}
        if is_given(provider):
            headers = {PROVIDER_HEADER: provider, **options.get("extra_headers", {})}
            options["extra_headers"] = headers
        same = where.is_livekit or where.model(model) != model
        self._name = model
        self._asked: BaseLLM = plugin.LLM(
            model=where.model(model),
            base_url=where.url,
            api_key=where.key,
            dialect=plugin.services.OPENAI if same else plugin.services.PLAIN,
            **options,
        )

    @classmethod
    def from_model_string(cls, model: str) -> LLM:
        """The model that a string stands for."""
        return cls(model)

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        made: Any = self._asked.generate(request)
        async with aclosing(made) as chunks:
            async for chunk in chunks:
                yield chunk
