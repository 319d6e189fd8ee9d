"""agentd's interface of a language model on the Responses API."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, Literal, Unpack

import openai
import openai.resources.responses.responses  # else loaded in the first call
from openai.types.responses import ResponseStreamEvent

from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm import LLM as BaseLLM
from agentd.llm import ChatChunk, ChatRequest
from agentd_openai.client import Key, Service, make_client
from agentd_openai.errors import api_errors
from agentd_openai.options import CommonOptions
from agentd_openai.streams import reading

from .reply import Reply
from .request import response_arguments

logger = logging.getLogger("agentd.llm")


class ResponsesOptions(CommonOptions, total=False):
    """And what responses know beside it."""

    max_output_tokens: NotGivenOr[int]
    max_tool_calls: NotGivenOr[int]
    reasoning: NotGivenOr[dict[str, Any]]
    """Such as `{"effort": "low"}`."""
    verbosity: NotGivenOr[Literal["low", "medium", "high"]]
    truncation: NotGivenOr[Literal["auto", "disabled"]]
    include: NotGivenOr[list[str]]


class LLM(BaseLLM):
    """A language model behind OpenAI's Responses API; it may be given tools that OpenAI runs.

    The whole conversation is sent each time, and nothing is asked to be kept by the service beyond
    what `store` says. The arguments are those of `openai.LLM`. Raises MissingCredential where there
    is no key.
    """

    def __init__(
        self,
        *,
        model: str = "gpt-4.1",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        **options: Unpack[ResponsesOptions],
    ) -> None:
        super().__init__()
        self._model = model
        self._options: dict[str, Any] = {**options}
        self._service = Service(client or (lambda: make_client(api_key=api_key, base_url=base_url)))

    @property
    def model(self) -> str:
        """Its name at the service."""
        return self._model

    @property
    def provider(self) -> str:
        """The service's host."""
        return self._service.provider

    @property
    def circuit(self) -> str:
        """See `agentd.resilience`."""
        return f"{self.provider}/{self.model}"

    def prewarm(self) -> None:
        """Connect in the background."""
        self._service.prewarm()

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        arguments = response_arguments(request, model=self._model, options=self._options)
        reply = Reply(self.label)
        with api_errors(self.label):
            made: Any = await self._service.client().responses.create(**arguments)
            stream: openai.AsyncStream[ResponseStreamEvent] = made
            async with reading(stream):
                while (event := await anext(stream, None)) is not None:
                    yield reply.take(event)
        for chunk in reply.finish():
            yield chunk

    async def aclose(self) -> None:
        """See the base class."""
        await self._service.aclose()
