"""What agentd-openai asks by chat completions, and what it makes of the answers."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from agentd.errors import APIConnectionError, APIError, APIStatusError, ModelError
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
from agentd.testing.mock_openai import (
    CutOff,
    HttpFault,
    HttpFaultKind,
    MockOpenAI,
    RawReply,
    Refusal,
)
from agentd_openai.llm import LLM
from agentd_openai.services import PLAIN, SERVICES
from agentd_openai.tools import WebSearch
from tests.plugins.llm_contract import QUICK, conversation, get_weather

KEY = "sk-nobody"
PIXEL = Picture(data=b"\x00\x00\x00\xff", width=1, height=1)
ENVIRONMENT = {"OPENAI_API_KEY", *(info.key_name for info in SERVICES.values() if info.key_name)}


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


def make(api: MockOpenAI, **options: Any) -> LLM:
    """A model of it."""
    return LLM(**{"model": "mock", "base_url": api.base_url, "api_key": KEY} | options)


async def reply(llm: LLM, said: str | ChatContext = "Hello!", **asked: Any) -> CollectedResponse:
    """What it answers."""
    chat_ctx = conversation(said) if isinstance(said, str) else said
    return await llm.chat(chat_ctx=chat_ctx, conn_options=QUICK, **asked).collect()


def body_of(api: MockOpenAI) -> dict[str, Any]:
    """The last request's."""
    body: dict[str, Any] = api.requests[-1].body
    return body


def event(**delta: Any) -> dict[str, Any]:
    """A chunk as a service streams it."""
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "mock",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


END = event() | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def call_part(index: int, call_id: str | None, **function: Any) -> dict[str, Any]:
    """A fragment of a call."""
    part = {"index": index, "type": "function", "function": function}
    return part if call_id is None else {**part, "id": call_id}


# -- tools ---------------------------------------------------------------------------------


@function_tool
async def set_light(room: str, level: int = 5) -> None:
    """Set a light.

    Args:
        room: Where.
        level: How bright.
    """


@function_tool
async def remember(facts: dict[str, Any]) -> None:
    """Remember facts of any kind."""


async def test_parallel_calls_are_whole_and_in_their_order(api: MockOpenAI) -> None:
    """The service streams their arguments in fragments."""
    calls = (
        FakeCall("set_light", {"room": "kitchen", "level": 3}, call_id="a"),
        FakeCall("get_weather", {"city": "Paris"}, call_id="b"),
    )
    api.chat.script.set([FakeReply(text="One moment. ", calls=calls)])

    got = await reply(make(api), tools=[set_light, get_weather])

    assert [(call.call_id, json.loads(call.arguments)) for call in got.tool_calls] == [
        ("a", {"room": "kitchen", "level": 3}),
        ("b", {"city": "Paris"}),
    ]
    assert got.text == "One moment."


async def test_calls_that_a_service_numbers_all_zero_are_told_apart(api: MockOpenAI) -> None:
    """By their ids; a fragment without one belongs to the last."""
    api.chat.script.set(
        [
            RawReply(
                (
                    event(tool_calls=[call_part(0, "a", name="one", arguments='{"x"')]),
                    event(tool_calls=[call_part(0, None, arguments=": 1}")]),
                    event(tool_calls=[call_part(0, "b", name="two", arguments="{}")]),
                    END,
                )
            )
        ]
    )

    got = await reply(make(api), tools=[get_weather])

    assert [(call.name, call.arguments) for call in got.tool_calls] == [
        ("one", '{"x": 1}'),
        ("two", "{}"),
    ]


async def test_a_call_without_an_id_is_given_one(api: MockOpenAI) -> None:
    """Its output must name it."""
    part = {"index": 0, "function": {"name": "one", "arguments": "{}"}}
    api.chat.script.set([RawReply((event(tool_calls=[part]), END))])

    got = await reply(make(api), tools=[get_weather])

    assert got.tool_calls[0].call_id


async def test_what_a_service_adds_to_a_call_is_kept_and_sent_back(api: MockOpenAI) -> None:
    """Such as the signature of a thought."""
    signature = {"google": {"thought_signature": "abc"}}
    part = call_part(0, "a", name="get_weather", arguments="{}") | {"extra_content": signature}
    api.chat.script.set([RawReply((event(tool_calls=[part]), END)), "Fine."])
    llm = make(api)
    [call] = (await reply(llm, tools=[get_weather])).tool_calls
    chat_ctx = conversation("Hello!")
    chat_ctx.insert(
        [
            FunctionCall(
                call_id=call.call_id, name=call.name, arguments=call.arguments, extra=call.extra
            ),
            FunctionCallOutput(call_id=call.call_id, name=call.name, output="sunny"),
        ]
    )
    api.chat.strict = False

    await reply(llm, chat_ctx)

    assert body_of(api)["messages"][1]["tool_calls"][0]["extra_content"] == signature


async def test_tools_are_strict_where_they_can_be(api: MockOpenAI) -> None:
    """One that takes any keys can't; the mock refuses what is no strict schema."""
    await reply(make(api), tools=[set_light, remember])

    strict = {
        tool["function"]["name"]: tool["function"].get("strict", False)
        for tool in body_of(api)["tools"]
    }
    assert strict == {"set_light": True, "remember": False}


async def test_tools_need_not_be_strict(api: MockOpenAI) -> None:
    """By the option of livekit-agents."""
    await reply(make(api, _strict_tool_schema=False), tools=[set_light])

    assert "strict" not in body_of(api)["tools"][0]["function"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", "required"),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"type": "function", "function": {"name": "get_weather"}},
        ),
    ],
)
async def test_a_request_says_how_tools_may_be_called(
    api: MockOpenAI, choice: Any, sent: Any
) -> None:
    """It wins over what the model is set to."""
    llm = make(api, tool_choice="auto", parallel_tool_calls=True)

    await reply(llm, tools=[get_weather], tool_choice=choice, parallel_tool_calls=False)

    assert body_of(api)["tool_choice"] == sent
    assert body_of(api)["parallel_tool_calls"] is False


async def test_without_tools_nothing_is_said_about_calls(api: MockOpenAI) -> None:
    """The API refuses it."""
    await reply(make(api, tool_choice="auto", parallel_tool_calls=True))

    assert body_of(api).keys() == {"model", "messages", "stream", "stream_options"}


async def test_a_tool_of_the_providers_is_left_out_and_told_once(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """Chat completions have functions only."""
    llm = make(api)

    await reply(llm, tools=[WebSearch(), get_weather])
    await reply(llm, tools=[WebSearch()])

    actions = [getattr(record, "action", "") for record in caplog.records]
    assert actions.count("tools_left_out") == 1
    assert "tools" not in body_of(api)


async def test_a_call_that_was_cut_off_is_not_made(api: MockOpenAI) -> None:
    """Half of its arguments may be other arguments."""
    half = FakeReply(calls=(FakeCall("get_weather", '{"city": "New '),))
    cut = event() | {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    part = call_part(0, "a", name="get_weather", arguments=half.calls[0].arguments)
    api.chat.script.set([RawReply((event(tool_calls=[part]), cut))])

    with pytest.raises(APIError, match="broke off a call"):
        await reply(make(api), tools=[get_weather])


# -- what else is asked ----------------------------------------------------------------------


OPTIONS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_completion_tokens": 50,
    "reasoning_effort": "low",
    "service_tier": "flex",
    "metadata": {"call": "7"},
    "store": True,
    "user": "caller",
    "safety_identifier": "caller",
    "prompt_cache_key": "hello",
    "prompt_cache_retention": "24h",
    "verbosity": "low",
    "seed": 1,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "stop": ["END"],
}


@pytest.mark.parametrize("name", OPTIONS)
async def test_an_option_is_sent_as_it_is(api: MockOpenAI, name: str) -> None:
    """The mock knows the fields by the SDK's own types."""
    await reply(make(api, **{name: OPTIONS[name]}))

    assert body_of(api)[name] == OPTIONS[name]


async def test_a_request_may_have_fields_that_nobody_here_knows(api: MockOpenAI) -> None:
    """They win over the model's options, and go with its headers and query."""
    api.chat.strict = False
    llm = make(
        api, temperature=0.1, extra_headers={"X-A": "1"}, extra_query={"q": "2"},
        extra_body={"mine": 3},
    )  # fmt: skip

    await reply(llm, extra_kwargs={"temperature": 0.7, "repeat_penalty": 1.1})

    seen = api.requests[-1]
    assert seen.body.items() >= {"temperature": 0.7, "repeat_penalty": 1.1, "mine": 3}.items()
    assert (seen.headers["X-A"], seen.query) == ("1", {"q": "2"})


async def test_a_service_without_an_option_is_not_sent_it(api: MockOpenAI) -> None:
    """The dialect is data."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="developer", content="Be brief.")
    llm = make(api, dialect=PLAIN, max_completion_tokens=9)

    await reply(llm, chat_ctx, tools=[set_light])

    body = body_of(api)
    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body
    assert body["messages"][0]["role"] == "system"
    assert "strict" not in body["tools"][0]["function"]


async def test_a_picture_is_sent_as_a_data_url(api: MockOpenAI) -> None:
    """With what is said about it."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content=["What is it?", ImageContent(image=PIXEL)])

    await reply(make(api), chat_ctx)

    text, image = body_of(api)["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,")


class Fruit(Struct):
    """A reply that is data."""

    name: str
    price: float = 1.0


async def test_a_reply_can_be_of_a_type(api: MockOpenAI) -> None:
    """Its schema is sent in the strict form; a null stands for a default."""
    api.chat.script.set(['{"name": "pear", "price": null}'])

    got = await reply(make(api), response_format=Fruit)

    assert body_of(api)["response_format"]["json_schema"]["strict"] is True
    assert parse_response(got.text, Fruit) == Fruit(name="pear")


async def test_the_key_may_be_made_for_each_request(api: MockOpenAI) -> None:
    """A token that is valid for minutes only."""
    made: list[str] = []

    async def key() -> str:
        made.append(f"token-{len(made)}")
        return made[-1]

    llm = make(api, api_key=key)
    await reply(llm)
    await reply(llm)

    sent = [seen.headers["Authorization"] for seen in api.requests]
    assert sent == ["Bearer token-0", "Bearer token-1"]


def test_without_a_key_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once, not in a call."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        LLM()


def test_its_circuit_is_the_service_and_the_model() -> None:
    """Another model of it may work."""
    llm = LLM(model="gpt-4.1-mini", api_key=KEY, base_url="https://api.openai.com/v1")

    assert llm.circuit == "api.openai.com/gpt-4.1-mini"


# -- what is made of answers -----------------------------------------------------------------


async def test_usage_has_what_was_cached(api: MockOpenAI) -> None:
    """The service counts it."""
    api.chat.cached_tokens = 1

    got = await reply(make(api), "Hello to you!")

    assert got.usage is not None
    assert (got.usage.prompt_tokens, got.usage.prompt_cached_tokens) == (3, 1)


async def test_a_refusal_is_what_the_model_says(api: MockOpenAI) -> None:
    """Nothing else comes then; that it is one can be seen."""
    api.chat.script.set([Refusal("I can't do that.")])

    got = await reply(make(api))

    assert got.text == "I can't do that."
    assert got.extra == {"refusal": "I can't do that."}


@pytest.mark.parametrize("why", ["length", "content_filter"])
async def test_a_reply_that_was_cut_off_is_used_and_logged(
    api: MockOpenAI, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A part of it is better than none."""
    api.chat.script.set([CutOff("It is", why=why)])

    got = await reply(make(api))

    assert got.text == "It is"
    assert [getattr(record, "reason", "") for record in caplog.records] == [why]


async def test_a_reply_that_was_filtered_whole_is_an_error(api: MockOpenAI) -> None:
    """The same question has the same answer: it is not asked again."""
    api.chat.script.set([CutOff("", why="content_filter")])

    with pytest.raises(APIError, match="filtered") as caught:
        await reply(make(api))

    assert caught.value.retryable is False


async def test_chunks_of_an_odd_form_do_no_harm(api: MockOpenAI) -> None:
    """Without choices, of another choice, with thoughts, with fields that nobody knows.

    Those are kept, a text of them whole; thoughts are not.
    """
    other = event(content="no") | {"choices": [{"index": 1, "delta": {"content": "no"}}]}
    api.chat.script.set(
        [
            RawReply(
                (
                    event() | {"choices": [], "prompt_filter_results": []},
                    b": a comment\n\n",
                    event(role="assistant", content=None),
                    event(reasoning_content="Hmm."),
                    event(content="Yes", mood="sun"),
                    other,
                    event(mood="ny"),
                    event(content=".") | {"news": 1},
                    END,
                    END | {"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1}},
                )
            )
        ]
    )

    got = await reply(make(api))

    assert got.text == "Yes."
    assert got.extra == {"mood": "sunny"}
    assert got.usage is not None
    assert got.usage.total_tokens == 3


STREAMS: dict[str, tuple[RawReply, type[APIError], bool]] = {
    "nothing": (RawReply(()), APIConnectionError, True),
    "no event at all": (RawReply((), done=False), APIConnectionError, True),
    "no end": (RawReply((event(role="assistant"),)), APIConnectionError, True),
    "an error": (
        RawReply(({"error": {"message": "overloaded", "type": "server_error"}},)),
        APIError,
        True,
    ),
    "no JSON": (RawReply((b"data: {'half\n\n",)), APIConnectionError, True),
}


@pytest.mark.parametrize("what", STREAMS)
async def test_a_stream_that_is_none_is_an_error(api: MockOpenAI, what: str) -> None:
    """Another attempt may be better."""
    stream, kind, retryable = STREAMS[what]
    api.chat.script.set([stream])

    with pytest.raises(kind) as caught:
        await reply(make(api))

    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
async def test_a_refusal_of_the_request_has_its_status(
    api: MockOpenAI, status: int, retryable: bool
) -> None:
    """And what the service said, and when it wants to be asked again."""
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STATUS, status=status, retry_after=2.5))

    with pytest.raises(APIStatusError, match="scripted to fail") as caught:
        await reply(make(api))

    error = caught.value
    assert (error.status_code, error.retryable, error.retry_after) == (status, retryable, 2.5)


async def test_an_account_without_money_is_not_asked_again(api: MockOpenAI) -> None:
    """It is a 429 as well, but waiting does not help."""
    body = '{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STATUS, status=429, body=body))

    with pytest.raises(APIStatusError, match="exceeded your quota") as caught:
        await reply(make(api))

    assert caught.value.retryable is False


async def test_a_service_that_is_away_is_a_connection_error() -> None:
    """Nobody listens there."""
    async with MockOpenAI() as api:
        gone = api.base_url

    with pytest.raises(APIConnectionError, match="out of reach"):
        await reply(LLM(model="mock", base_url=gone, api_key=KEY))


async def test_what_the_service_refuses_is_told_in_its_words(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """The mock refuses as the API does."""
    caplog.set_level(logging.ERROR)

    with pytest.raises(APIStatusError, match="Unknown parameter: 'nonsense'"):
        await reply(make(api), extra_kwargs={"nonsense": 1})
