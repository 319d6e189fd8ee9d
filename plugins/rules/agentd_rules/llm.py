"""agentd's interface of a language model on rules."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from agentd.given import is_given
from agentd.ids import shortuuid
from agentd.llm import LLM as BaseLLM
from agentd.llm import (
    ChatChunk,
    ChatRequest,
    ChoiceDelta,
    CompletionUsage,
    FunctionToolCall,
)

from .book import FAILED, SORRY, Rule, RuleBook, read_book
from .decide import Answer, Call, decide

WORD = re.compile(r"\S+\s*")
"""With the space after it."""


class LLM(BaseLLM):
    """A language model of rules, the first that fits is followed.

    Deterministic: the answer depends on the conversation alone. Text comes a word at a time, each
    after `word_delay` seconds.
    """

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        *,
        greeting: str = "",
        otherwise: str = SORRY,
        failed: str = FAILED,
        word_delay: float = 0.0,
    ) -> None:
        super().__init__()
        self._book = RuleBook(
            greeting=greeting, otherwise=otherwise, failed=failed, rule=list(rules)
        )
        self._word_delay = word_delay

    @classmethod
    def from_file(cls, path: str | Path, *, word_delay: float = 0.0) -> LLM:
        """One with the rules of a TOML file; raises SettingsError for one that can't be used."""
        made = cls(word_delay=word_delay)
        made._book = read_book(path)
        return made

    def rule(
        self,
        *words: str,
        pattern: str = "",
        told: bool = False,
        say: str | Sequence[str] = (),
        call: str = "",
        arguments: dict[str, Any] | None = None,
        then: str = "",
        failed: str = "",
    ) -> Self:
        """Add a rule after the others; returns the model, so that more can follow.

        The arguments are those of `Rule`; raises ValueError as that does.
        """
        added = Rule(
            words=list(words),
            pattern=pattern,
            told=told,
            say=say if isinstance(say, str) else list(say),
            call=call,
            arguments=arguments or {},
            then=then,
            failed=failed,
        )
        self._book.rule.append(added)
        return self

    @property
    def book(self) -> RuleBook:
        """The rules."""
        return self._book

    @property
    def model(self) -> str:
        """See the base class."""
        return "rules"

    @property
    def provider(self) -> str:
        """See the base class."""
        return "agentd"

    async def generate(self, request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        """See the base class."""
        may_call = not is_given(request.tool_choice) or request.tool_choice != "none"
        tools = {tool.id for tool in request.tools} if may_call else set()
        answer = decide(self._book, request.chat_ctx.items, tools)
        words = WORD.findall(answer.text)
        for word in words:
            await asyncio.sleep(self._word_delay)
            yield ChatChunk(delta=ChoiceDelta(content=word))
        if answer.call is not None:
            yield ChatChunk(delta=ChoiceDelta(tool_calls=[_tool_call(answer.call)]))
        yield ChatChunk(usage=_usage(request, answer))


def _tool_call(call: Call) -> FunctionToolCall:
    return FunctionToolCall(
        name=call.name,
        arguments=msgspec.json.encode(call.arguments).decode(),
        call_id=shortuuid("call_"),
    )


def _usage(request: ChatRequest, answer: Answer) -> CompletionUsage:
    """A token a word, so that sums of usage can be seen without a provider."""
    messages = request.chat_ctx.messages()
    asked = sum(len((message.text_content or "").split()) for message in messages)
    said = len(answer.text.split())
    return CompletionUsage(prompt_tokens=asked, completion_tokens=said, total_tokens=asked + said)
