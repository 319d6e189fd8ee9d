"""agentd's interface of a language model on SmolLM2."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from agentd.errors import APIError, ModelError
from agentd.given import NotGiven, is_given
from agentd.llm import LLM as BaseLLM
from agentd.llm import (
    ChatChunk,
    ChatRequest,
    ChoiceDelta,
    CompletionUsage,
    to_openai_response_format,
)
from agentd.models import LocalModel, ModelRef

from .pieces import Answered, Piece, PromptTooLong, TooLong, decode_piece, encode
from .prompt import Fitted, Message, fitted, messages_of
from .settings import ModelSettings
from .sharing import shared_model

logger = logging.getLogger("agentd.models")

REFITS = 3
"""How often a prompt that proves too long is made shorter."""
MARGIN = 1.05
"""By how much more an estimate is raised that was too low."""


class LLM(BaseLLM):
    """SmolLM2 with 135 million parameters: it chats, in English, and calls no tools.

    All of a process (with a model host that has it: of all processes) that have the same
    `context`, `threads` and `directory` share one model, which answers one request at a time.
    `max_tokens` bounds a reply; old turns are left out of a conversation that leaves no room for
    it. With `temperature` 0 or a `seed` the same conversation has the same reply. Nothing is loaded
    before `prewarm`, `load` or the first reply; without `agentd models fetch` each is an error.
    Raises ValueError for settings that make no sense.
    """

    calls_tools = False

    def __init__(
        self,
        *,
        max_tokens: int = 60,
        temperature: float = 0.2,
        seed: int | None = None,
        context: int = 768,
        threads: int = 1,
        directory: str | Path | None = None,
    ) -> None:
        super().__init__()
        self._ref = self.ref(context=context, threads=threads, directory=directory)
        _check(max_tokens, temperature, seed, context)
        self._context = context
        self._sampling: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        if seed is not None:
            self._sampling["seed"] = seed
        self._budget = context - max_tokens
        self._scale = 1.0
        """How many tokens a text has for each that was estimated; raised where that was too few."""
        self._model: LocalModel | None = None
        self._closed = False
        self._said: set[str] = set()

    @classmethod
    def ref(
        cls, *, context: int = 768, threads: int = 1, directory: str | Path | None = None
    ) -> ModelRef:
        """The model for `AgentServer(models=[...])`: loaded once, for all jobs of a daemon.

        An LLM finds it there by the same settings. Raises ValueError for some that make no sense.
        """
        where = None if directory is None else Path(directory).absolute()
        ModelSettings(context=context, threads=threads, directory=where)
        return ModelRef(
            name="smollm",
            target="agentd_smollm.runner:SmolLMRunner",
            options={
                "context": context,
                "threads": threads,
                "directory": None if where is None else str(where),
            },
        )

    @property
    def model(self) -> str:
        """Its name."""
        return "smollm2-135m-instruct"

    @property
    def provider(self) -> str:
        """Who runs it."""
        return "smollm"

    def prewarm(self) -> None:
        """Load the model in the background."""
        if not self._closed:
            self._shared().prewarm()

    def load(self) -> LLM:
        """Load the model and wait for it: for an app's prewarm function."""
        self._shared().load()
        return self

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        self._refuse_tools(request)
        messages = messages_of(request.chat_ctx.items)
        for attempt in range(REFITS):
            fit = self._fit(messages)
            try:
                async with contextlib.aclosing(self._answer(request, fit)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except PromptTooLong as error:
                if attempt + 1 == REFITS or len(fit.messages) == len(_shortest(messages)):
                    raise _too_long(error, self._context) from error
                self._raise_scale(error.tokens, fit)

    async def aclose(self) -> None:
        """Let go of the model; it is unloaded when the last has. May be repeated."""
        self._closed = True
        self._model = None

    async def _answer(self, request: ChatRequest, fit: Fitted) -> AsyncGenerator[ChatChunk, None]:
        """One reply to what fits; raises PromptTooLong where it does not, else APIError."""
        body = _encoded(self._body(request, fit.messages))
        try:
            async with contextlib.aclosing(self._shared().stream(body)) as parts:
                async for part in parts:
                    piece = decode_piece(part)
                    if isinstance(piece, TooLong):
                        raise PromptTooLong(piece.tokens)
                    if isinstance(piece, Answered) and piece.prompt_tokens > self._budget:
                        self._raise_scale(piece.prompt_tokens, fit)
                    yield _chunk(piece)
        except PromptTooLong:
            raise
        except ModelError as error:
            raise APIError(str(error), retryable=error.retryable) from error

    def _fit(self, messages: list[Message]) -> Fitted:
        fit = fitted(messages, self._budget, scale=self._scale)
        if fit.dropped:
            self._say_once("context_trimmed", "old turns do not fit: the model forgets them")
        return fit

    def _raise_scale(self, tokens: int, fit: Fitted) -> None:
        """The estimate was too low: there was no room, or less than a reply needs."""
        self._scale *= MARGIN * tokens / fit.tokens

    def _shared(self) -> LocalModel:
        if self._closed:
            raise APIError("smollm is closed", retryable=False)
        if self._model is None:
            self._model = shared_model(self._ref)
        return self._model

    def _body(self, request: ChatRequest, messages: list[Message]) -> dict[str, Any]:
        body = {
            **self._sampling,
            **request.extra_kwargs,
            "messages": msgspec.to_builtins(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        wanted = request.response_format
        if not isinstance(wanted, NotGiven):
            body["response_format"] = to_openai_response_format(wanted)
        return body

    def _refuse_tools(self, request: ChatRequest) -> None:
        """Leave tools out; raise APIError where one has to be called."""
        if not request.tools:
            return
        if is_given(request.tool_choice) and request.tool_choice not in ("auto", "none"):
            raise APIError("SmolLM2 calls no tools, and one is required", retryable=False)
        self._say_once("tools_left_out", "SmolLM2 calls no tools: it is not told of the agent's")

    def _say_once(self, action: str, message: str) -> None:
        if action not in self._said:
            self._said.add(action)
            logger.warning(message, extra={"action": action, "model": self.model})


def _check(max_tokens: int, temperature: float, seed: int | None, context: int) -> None:
    if not 1 <= max_tokens <= context // 2:
        raise ValueError(f"max_tokens must be 1 to half of the context, but is {max_tokens}")
    if not 0.0 <= temperature <= 2.0:
        raise ValueError(f"temperature must lie between 0 and 2, but is {temperature}")
    if seed is not None and not 0 <= seed < 1 << 32:
        raise ValueError(f"seed must have 32 bits, but is {seed}")


def _shortest(messages: list[Message]) -> list[Message]:
    return fitted(messages, 0.0).messages


def _too_long(error: PromptTooLong, context: int) -> APIError:
    return APIError(
        f"the instructions and the last words have {error.tokens} tokens, "
        f"and the model's context is {context}",
        retryable=False,
    )


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        return encode(body)
    except TypeError as error:
        why = f"extra_kwargs can't be sent to the model: {error}"
        raise APIError(why, retryable=False) from error


def _chunk(piece: Piece) -> ChatChunk:
    match piece:
        case str():
            return ChatChunk(delta=ChoiceDelta(content=piece))
        case Answered():
            return ChatChunk(
                usage=CompletionUsage(
                    prompt_tokens=piece.prompt_tokens,
                    prompt_cached_tokens=piece.cached_tokens,
                    completion_tokens=piece.completion_tokens,
                    total_tokens=piece.prompt_tokens + piece.completion_tokens,
                )
            )
        case _:
            return ChatChunk()  # a sign of life: who waits for a long prompt gives up otherwise
