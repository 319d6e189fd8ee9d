"""What every language model must do. A plugin's tests derive from `LLMContract`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from agentd.errors import APIError
from agentd.llm import (
    LLM,
    ChatChunk,
    ChatContext,
    FunctionTool,
    FunctionToolCall,
    LLMError,
    LLMStream,
    ToolContext,
    execute_function_call,
    function_tool,
)
from agentd.metrics import LLMMetrics
from agentd.resilience import APIConnectOptions

QUICK = APIConnectOptions(max_retry=0, timeout=20.0)
"""For a real model: loaded, and no retries that would hide a fault."""


@function_tool
async def get_weather(city: str) -> str:
    """Say what the weather is like.

    Args:
        city: Where.
    """
    return f"sunny in {city}"


class LLMContract:
    """The promises. A subclass makes the model; what it can't do it says with a flag."""

    question = "Hello!"
    """What the model answers with at least two words."""
    tool_question = "What is the weather in Paris?"
    """What makes it call `get_weather` for Paris."""
    calls_tools = True

    def make(self) -> LLM:
        """The model that is tried."""
        raise NotImplementedError

    def make_failing(self) -> LLM | None:
        """One whose requests fail; None where it can't fail."""
        return None

    @pytest.fixture
    def llm(self) -> LLM:
        """The model, its measurements and errors noted."""
        return self.make()

    async def test_text_comes_in_pieces_that_make_the_reply(self, llm: LLM) -> None:
        """What is streamed is what is collected."""
        pieces = [text async for text in ask(llm, self.question).to_str_iterable()]

        collected = await ask(llm, self.question).collect()

        assert len(pieces) > 1
        assert "".join(pieces).strip() == collected.text

    async def test_chunks_of_a_reply_have_one_id(self, llm: LLM) -> None:
        """And another reply has another."""
        first, second = [await read(ask(llm, self.question)) for _ in range(2)]

        ids = [{chunk.id for chunk in chunks} for chunks in (first, second)]
        assert [len(each) for each in ids] == [1, 1]
        assert ids[0] != ids[1]
        assert "" not in ids[0] | ids[1]

    async def test_usage_is_told_once_and_adds_up(self, llm: LLM) -> None:
        """At the end, where the model tells it."""
        chunks = await read(ask(llm, self.question))

        told = [chunk.usage for chunk in chunks if chunk.usage is not None]
        assert len(told) <= 1
        assert all(
            usage.total_tokens == usage.prompt_tokens + usage.completion_tokens for usage in told
        )
        assert all(usage.completion_tokens > 0 for usage in told)

    async def test_each_reply_is_measured(self, llm: LLM) -> None:
        """Once, under the id of its chunks."""
        measured = listen(llm, "metrics_collected")

        chunks = await read(ask(llm, self.question))

        [metrics] = measured
        assert isinstance(metrics, LLMMetrics)
        assert metrics.request_id == chunks[0].id
        assert 0.0 <= metrics.ttft <= metrics.duration
        assert metrics.cancelled is False
        assert metrics.label == llm.label

    async def test_the_conversation_is_not_changed(self, llm: LLM) -> None:
        """A request reads it."""
        chat_ctx = conversation(self.question)
        before = chat_ctx.to_dict(exclude_timestamp=False)

        await llm.chat(chat_ctx=chat_ctx, tools=[get_weather], conn_options=QUICK).collect()

        assert chat_ctx.to_dict(exclude_timestamp=False) == before

    async def test_a_stream_that_is_closed_early_is_over(self, llm: LLM) -> None:
        """Nothing more comes, nothing is left running, and the reply counts as cancelled."""
        measured = listen(llm, "metrics_collected")
        tasks = asyncio.all_tasks()
        stream = ask(llm, self.question)
        await anext(stream)

        await stream.aclose()
        await stream.aclose()

        assert [chunk async for chunk in stream] == []
        assert asyncio.all_tasks() <= tasks
        assert [metrics.cancelled for metrics in measured] == [True]

    async def test_a_reader_that_is_cancelled_ends_the_reply(self, llm: LLM) -> None:
        """The task ends as cancelled, and leaves nothing behind."""
        stream = ask(llm, self.question)
        tasks = asyncio.all_tasks()
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(read(stream))
            await asyncio.sleep(0)
            reader.cancel()

        assert reader.cancelled()
        assert asyncio.all_tasks() <= tasks

    async def test_nothing_is_asked_of_a_stream_that_is_not_read(self, llm: LLM) -> None:
        """It can be dropped, or closed, without a trace."""
        measured = listen(llm, "metrics_collected")

        await ask(llm, self.question).aclose()

        assert measured == []

    async def test_replies_at_the_same_time_do_not_mix(self, llm: LLM) -> None:
        """Each is what it would be alone."""
        alone = (await ask(llm, self.question).collect()).text

        together = await asyncio.gather(*(ask(llm, self.question).collect() for _ in range(3)))

        assert [reply.text for reply in together] == [alone] * 3

    async def test_an_empty_conversation_is_no_crash(self, llm: LLM) -> None:
        """There is a reply to it, or an APIError."""
        try:
            reply = await llm.chat(chat_ctx=ChatContext.empty(), conn_options=QUICK).collect()
        except APIError:
            return
        assert isinstance(reply.text, str)

    async def test_a_tool_is_called_and_its_output_used(self, llm: LLM) -> None:
        """A call is whole, its arguments are those asked for, and the reply has the output."""
        if not self.calls_tools:
            pytest.skip("it calls no tools")
        chat_ctx = conversation(self.tool_question)
        first = await llm.chat(chat_ctx=chat_ctx, tools=[get_weather], conn_options=QUICK).collect()
        [call] = first.tool_calls
        done = await execute_function_call(call, ToolContext([get_weather]))
        assert done.fnc_call_out is not None
        chat_ctx.insert([done.fnc_call, done.fnc_call_out])

        then = await llm.chat(chat_ctx=chat_ctx, tools=[get_weather], conn_options=QUICK).collect()

        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
        assert call.call_id
        assert "sunny" in then.text
        assert then.tool_calls == []

    async def test_no_tool_is_called_where_none_may_be(self, llm: LLM) -> None:
        """With the tool choice `none`, and with no tools."""
        chat_ctx = conversation(self.tool_question)

        forbidden = await llm.chat(
            chat_ctx=chat_ctx, tools=[get_weather], tool_choice="none", conn_options=QUICK
        ).collect()
        without = await llm.chat(chat_ctx=chat_ctx, conn_options=QUICK).collect()

        assert forbidden.tool_calls == without.tool_calls == []

    async def test_what_fails_is_an_api_error_and_an_event(self) -> None:
        """With the model's label, and whether another attempt is made."""
        llm = self.make_failing()
        if llm is None:
            pytest.skip("it can't fail")
        errors = listen(llm, "error")

        with pytest.raises(APIError):
            await ask(llm, self.question).collect()

        [event] = errors
        assert isinstance(event, LLMError)
        assert (event.label, event.recoverable) == (llm.label, False)

    async def test_closing_and_warming_may_be_repeated(self, llm: LLM) -> None:
        """In any order."""
        llm.prewarm()
        llm.prewarm()

        await llm.aclose()
        await llm.aclose()

    def test_it_has_a_name(self, llm: LLM) -> None:
        """For sums by model and provider."""
        assert llm.model
        assert llm.provider
        assert llm.label


def conversation(text: str) -> ChatContext:
    """One in which the user has said this."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content=text)
    return chat_ctx


def ask(llm: LLM, text: str, tools: list[FunctionTool[..., Any]] | None = None) -> LLMStream:
    """The stream of the reply to a text."""
    return llm.chat(chat_ctx=conversation(text), tools=tools, conn_options=QUICK)


async def read(stream: LLMStream) -> list[ChatChunk]:
    """All chunks of a reply."""
    async with stream:
        return [chunk async for chunk in stream]


def listen(llm: LLM, event: str) -> list[Any]:
    """What the model emits from now on."""
    heard: list[Any] = []
    llm.on(event, heard.append)
    return heard


def calls_of(chunks: list[ChatChunk]) -> list[FunctionToolCall]:
    """The tool calls of a reply."""
    return [call for chunk in chunks if chunk.delta for call in chunk.delta.tool_calls]
