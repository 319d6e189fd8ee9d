"""What agentd-openai asks by the Responses API, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from agentd.errors import APIConnectionError, APIError
from agentd.llm import (
    ChatContext,
    CollectedResponse,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    Picture,
    function_tool,
    parse_response,
)
from agentd.testing import FakeCall, FakeReply
from agentd.testing.mock_openai import CutOff, MockOpenAI, RawReply, Refusal
from agentd_openai.responses import LLM
from agentd_openai.tools import CodeInterpreter, FileSearch, WebSearch
from tests.plugins.llm_contract import QUICK, conversation, get_weather

PIXEL = Picture(data=b"\x00\x00\x00\xff", width=1, height=1)


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


def make(api: MockOpenAI, **options: Any) -> LLM:
    """A model of it."""
    return LLM(model="mock", base_url=api.base_url, api_key="sk-nobody", **options)


async def reply(llm: LLM, said: str | ChatContext = "Hello!", **asked: Any) -> CollectedResponse:
    """What it answers."""
    chat_ctx = conversation(said) if isinstance(said, str) else said
    return await llm.chat(chat_ctx=chat_ctx, conn_options=QUICK, **asked).collect()


def body_of(api: MockOpenAI) -> dict[str, Any]:
    """The last request's."""
    body: dict[str, Any] = api.requests[-1].body
    return body


@function_tool
async def remember(facts: dict[str, Any]) -> None:
    """Remember facts of any kind."""


async def test_a_conversation_is_a_list_of_items(api: MockOpenAI) -> None:
    """Messages, calls and their outputs, each by itself."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="system", content="Be brief.")
    chat_ctx.add_message(role="user", content=["What is it?", ImageContent(image=PIXEL)])
    chat_ctx.add_message(role="assistant", content="I look it up.")
    chat_ctx.items.append(FunctionCall(call_id="a", name="get_weather", arguments='{"city": "X"}'))
    chat_ctx.items.append(FunctionCallOutput(call_id="a", name="get_weather", output="sunny"))

    await reply(make(api), chat_ctx)

    system, user, said, call, output = body_of(api)["input"]
    assert system == {"role": "system", "content": "Be brief."}
    assert [part["type"] for part in user["content"]] == ["input_text", "input_image"]
    assert said == {"role": "assistant", "content": "I look it up."}
    assert call == {
        "type": "function_call",
        "call_id": "a",
        "name": "get_weather",
        "arguments": '{"city": "X"}',
    }
    assert output == {"type": "function_call_output", "call_id": "a", "output": "sunny"}


async def test_parallel_calls_are_whole_and_in_their_order(api: MockOpenAI) -> None:
    """After what is said with them."""
    calls = (
        FakeCall("get_weather", {"city": "Rome"}, call_id="a"),
        FakeCall("get_weather", {"city": "Paris"}, call_id="b"),
    )
    api.responses.script.set([FakeReply(text="One moment.", calls=calls)])

    got = await reply(make(api), tools=[get_weather])

    assert [(call.call_id, json.loads(call.arguments)["city"]) for call in got.tool_calls] == [
        ("a", "Rome"),
        ("b", "Paris"),
    ]
    assert got.text == "One moment."


async def test_tools_are_strict_where_they_can_be(api: MockOpenAI) -> None:
    """Where nothing is said the API takes them for strict."""
    await reply(make(api), tools=[get_weather, remember])

    assert {tool["name"]: tool["strict"] for tool in body_of(api)["tools"]} == {
        "get_weather": True,
        "remember": False,
    }


async def test_the_providers_tools_are_offered(api: MockOpenAI) -> None:
    """The mock knows them by the SDK's own types."""
    tools = [
        WebSearch(search_context_size="low"),
        FileSearch(vector_store_ids=["vs_1"], max_num_results=3),
        CodeInterpreter(),
        get_weather,
    ]

    await reply(make(api), tools=tools)

    assert {tool["type"] for tool in body_of(api)["tools"]} == {
        "web_search",
        "file_search",
        "code_interpreter",
        "function",
    }


async def test_a_certain_tool_can_be_wanted(api: MockOpenAI) -> None:
    """The choice has another form here than in chat completions."""
    choice = {"type": "function", "function": {"name": "get_weather"}}

    await reply(make(api, parallel_tool_calls=False), tools=[get_weather], tool_choice=choice)

    assert body_of(api)["tool_choice"] == {"type": "function", "name": "get_weather"}
    assert body_of(api)["parallel_tool_calls"] is False


OPTIONS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_output_tokens": 50,
    "max_tool_calls": 2,
    "reasoning": {"effort": "low"},
    "service_tier": "flex",
    "metadata": {"call": "7"},
    "store": False,
    "user": "caller",
    "safety_identifier": "caller",
    "prompt_cache_key": "hello",
    "truncation": "auto",
    "include": ["reasoning.encrypted_content"],
}


@pytest.mark.parametrize("name", OPTIONS)
async def test_an_option_is_sent_as_it_is(api: MockOpenAI, name: str) -> None:
    """The mock knows the fields by the SDK's own types."""
    await reply(make(api, **{name: OPTIONS[name]}))

    assert body_of(api)[name] == OPTIONS[name]


class Fruit(Struct):
    """A reply that is data."""

    name: str
    price: float = 1.0


async def test_a_reply_can_be_of_a_type(api: MockOpenAI) -> None:
    """Its schema is sent in the strict form, beside how many words are wanted."""
    api.responses.script.set(['{"name": "pear", "price": null}'])

    got = await reply(make(api, verbosity="low"), response_format=Fruit)

    text = body_of(api)["text"]
    assert (text["verbosity"], text["format"]["strict"]) == ("low", True)
    assert parse_response(got.text, Fruit) == Fruit(name="pear")


async def test_usage_has_what_was_cached(api: MockOpenAI) -> None:
    """The service counts it."""
    api.responses.cached_tokens = 1

    got = await reply(make(api), "Hello to you!")

    assert got.usage is not None
    assert (got.usage.prompt_tokens, got.usage.prompt_cached_tokens) == (3, 1)


async def test_a_refusal_is_what_the_model_says(api: MockOpenAI) -> None:
    """That it is one can be seen."""
    api.responses.script.set([Refusal("I can't do that.")])

    got = await reply(make(api))

    assert got.text == "I can't do that."
    assert got.extra == {"refusal": "I can't do that."}


async def test_a_reply_that_was_cut_off_is_used_and_logged(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """A part of it is better than none."""
    api.responses.script.set([CutOff("It is")])

    got = await reply(make(api))

    assert got.text == "It is"
    assert [getattr(record, "reason", "") for record in caplog.records] == ["max_output_tokens"]


def failed(code: str) -> dict[str, Any]:
    """The event of a response that has failed."""
    return {
        "type": "response.failed",
        "sequence_number": 1,
        "response": {"id": "resp_1", "error": {"code": code, "message": "it broke"}},
    }


STREAMS: dict[str, tuple[RawReply, type[APIError], bool]] = {
    "nothing": (RawReply(()), APIConnectionError, True),
    "a momentary failure": (RawReply((failed("server_error"),)), APIError, True),
    "a lasting failure": (RawReply((failed("invalid_prompt"),)), APIError, False),
    "an error event": (
        RawReply(({"type": "error", "code": None, "message": "no", "sequence_number": 1},)),
        APIError,
        True,
    ),
    "another error event": (RawReply(({"error": {"message": "no"}},)), APIError, True),
    "no JSON": (RawReply((b"data: {'half\n\n",)), APIConnectionError, True),
}


@pytest.mark.parametrize("what", STREAMS)
async def test_a_stream_that_is_none_is_an_error(api: MockOpenAI, what: str) -> None:
    """It says whether another attempt makes sense."""
    stream, kind, retryable = STREAMS[what]
    api.responses.script.set([stream])

    with pytest.raises(kind) as caught:
        await reply(make(api))

    assert caught.value.retryable is retryable


async def test_events_that_nobody_knows_do_no_harm(api: MockOpenAI) -> None:
    """The API grows."""
    done = {
        "type": "response.completed",
        "sequence_number": 3,
        "response": {"id": "r", "output": [], "usage": None, "incomplete_details": None},
    }
    text = {"type": "response.output_text.delta", "delta": "Yes.", "sequence_number": 2}
    api.responses.script.set([RawReply(({"type": "response.new_thing", "x": 1}, text, done))])

    got = await reply(make(api))

    assert got.text == "Yes."


# -- what the service remembers ----------------------------------------------------------------


def talk(*turns: str) -> ChatContext:
    """A conversation in which the user begins and has the last word."""
    chat_ctx = ChatContext.empty()
    for at, turn in enumerate(turns):
        chat_ctx.add_message(role="assistant" if at % 2 else "user", content=turn)
    return chat_ctx


def sent(api: MockOpenAI) -> tuple[str | None, int]:
    """Which response the last request goes on from, and how many items it has."""
    body = body_of(api)
    return body.get("previous_response_id"), len(body["input"])


async def test_only_what_is_new_is_sent_where_the_service_remembers(api: MockOpenAI) -> None:
    """With the id of the response before."""
    api.responses.script.set(["Yes. ", "No."])
    llm = make(api, use_previous_response=True)

    await reply(llm, talk("One?"))
    first = sent(api)
    await reply(llm, talk("One?", "Yes.", "Two?"))
    second = sent(api)
    await reply(llm, talk("One?", "Yes.", "Two?", "No.", "Three?"))

    assert [first, second, sent(api)] == [(None, 1), ("resp_1", 1), ("resp_2", 1)]


async def test_the_output_of_a_call_goes_on_from_it(api: MockOpenAI) -> None:
    """So the model knows why it has called."""
    api.responses.script.set([FakeCall("get_weather", {"city": "X"}, call_id="a"), "Sunny."])
    llm = make(api, use_previous_response=True)
    chat_ctx = talk("How is the weather?")
    [call] = (await reply(llm, chat_ctx, tools=[get_weather])).tool_calls
    chat_ctx.items.append(
        FunctionCall(call_id=call.call_id, name=call.name, arguments=call.arguments)
    )
    chat_ctx.items.append(FunctionCallOutput(call_id="a", name="get_weather", output="sunny"))

    await reply(llm, chat_ctx, tools=[get_weather])

    assert sent(api) == ("resp_1", 1)


@pytest.mark.parametrize(
    "turns",
    [("One?", "Ye", "Two?"), ("Another?", "Yes.", "Two?"), ("One?",)],
    ids=["interrupted", "another conversation", "asked again"],
)
async def test_all_is_sent_where_the_service_remembers_something_else(
    api: MockOpenAI, turns: tuple[str, ...]
) -> None:
    """What was heard counts, not what was written."""
    api.responses.script.set(["Yes.", "No."])
    llm = make(api, use_previous_response=True)
    await reply(llm, talk("One?"))

    await reply(llm, talk(*turns))

    assert sent(api) == (None, len(turns))


async def test_all_is_sent_where_the_service_has_forgotten(api: MockOpenAI) -> None:
    """At once, and as the same attempt."""
    api.responses.script.set(["Yes.", "No."])
    llm = make(api, use_previous_response=True)
    await reply(llm, talk("One?"))
    api.responses.kept.clear()

    got = await reply(llm, talk("One?", "Yes.", "Two?"))

    assert got.text == "No."
    assert sent(api) == (None, 3)


async def test_unless_wanted_the_service_remembers_nothing(api: MockOpenAI) -> None:
    """All is sent each time."""
    api.responses.script.set(["Yes.", "No."])
    llm = make(api)

    await reply(llm, talk("One?"))
    await reply(llm, talk("One?", "Yes.", "Two?"))

    assert sent(api) == (None, 3)
