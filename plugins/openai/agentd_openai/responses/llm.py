"""agentd's interface of a language model on the Responses API."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, Literal, Unpack, cast

import openai
import openai.resources.responses.responses  # else loaded in the first call
from openai.types.responses import ResponseStreamEvent

from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm import LLM as BaseLLM
from agentd.llm import ChatChunk, ChatRequest
from agentd_openai.client import Key, service_at
from agentd_openai.errors import api_errors
from agentd_openai.options import CommonOptions
from agentd_openai.served import Warmed
from agentd_openai.streams import reading

from .memory import Remembered, remember
from .reply import Reply
from .request import response_arguments

logger = logging.getLogger("agentd.llm")


FORGOTTEN = "previous_response_not_found"
"""The code of a refusal: the service keeps responses for a time only, or was told not to."""


class ResponsesOptions(CommonOptions, total=False):
    """And what responses know beside it."""

    max_output_tokens: NotGivenOr[int]
    max_tool_calls: NotGivenOr[int]
    reasoning: NotGivenOr[dict[str, Any]]
    """Such as `{"effort": "low"}`."""
    verbosity: NotGivenOr[Literal["low", "medium", "high"]]
    truncation: NotGivenOr[Literal["auto", "disabled"]]
    include: NotGivenOr[list[str]]


class LLM(Warmed, BaseLLM):
    """A language model behind OpenAI's Responses API; it may be given tools that OpenAI runs.

    The whole conversation is sent each time, unless `use_previous_response` lets the service
    remember it: then only what is new is sent, and the model has its thoughts of before. Where a
    reply was interrupted or the history changed, or the service has forgotten, all of it is sent.
    The other arguments are those of `openai.LLM`. Raises MissingCredential where there is no key.
    """

    def __init__(
        self,
        *,
        model: str = "gpt-4.1",
        api_key: NotGivenOr[Key] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        client: openai.AsyncClient | None = None,
        use_previous_response: bool = False,
        **options: Unpack[ResponsesOptions],
    ) -> None:
        super().__init__()
        self._model = model
        self._options: dict[str, Any] = {**options}
        self._use_previous_response = use_previous_response
        self._remembered: Remembered | None = None
        self._service = service_at(api_key=api_key, base_url=base_url, client=client)

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        arguments = response_arguments(request, model=self._model, options=self._options)
        reply = Reply(self.label)
        with api_errors(self.label):
            stream = await self._create(arguments)
            async with reading(stream):
                while (event := await anext(stream, None)) is not None:
                    yield reply.take(event)
        for chunk in reply.finish():
            yield chunk
        self._remember(reply, arguments["input"])

    async def _create(self, arguments: dict[str, Any]) -> openai.AsyncStream[ResponseStreamEvent]:
        """Ask; only what is new where the service knows the rest, and still has it."""
        create: Any = self._service.client().responses.create
        known = self._remembered
        rest = known.rest(arguments["input"]) if known is not None else None
        if known is not None and rest is not None:
            new = {"input": rest, "previous_response_id": known.response_id}
            try:
                return cast("openai.AsyncStream[Any]", await create(**{**arguments, **new}))
            except openai.APIStatusError as error:
                if error.code != FORGOTTEN:
                    raise
                self._remembered = None
        return cast("openai.AsyncStream[Any]", await create(**arguments))

    def _remember(self, reply: Reply, sent: list[dict[str, Any]]) -> None:
        if self._use_previous_response and reply.is_whole and reply.response_id:
            self._remembered = remember(reply.response_id, sent, text=reply.text, calls=reply.calls)
