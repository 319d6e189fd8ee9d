"""The mock of OpenAI's API refuses what the API refuses, and fails as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from agentd.testing import FakeCall, FakeReply
from agentd.testing.mock_openai import CutOff, HttpFault, HttpFaultKind, MockOpenAI, Refusal

USER = {"role": "user", "content": "Hello!"}
CALLS = {
    "role": "assistant",
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ],
}
OUTPUT = {"role": "tool", "tool_call_id": "a", "content": "seen"}
LOOSE = {"type": "object", "properties": {"x": {"type": "string"}}}
STRICT = {**LOOSE, "required": ["x"], "additionalProperties": False}


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The mock."""
    async with MockOpenAI() as api:
        yield api


@pytest.fixture
async def client(api: MockOpenAI) -> AsyncIterator[openai.AsyncClient]:
    """The SDK's client of it."""
    async with openai.AsyncClient(base_url=api.base_url, api_key="x", max_retries=0) as client:
        yield client


def tool(parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A function of a chat request."""
    return {"type": "function", "function": {"name": "look", "parameters": parameters, **more}}


async def ask(client: openai.AsyncClient, **fields: Any) -> Any:
    """Make a chat request of any form."""
    body = {"model": "mock", "messages": [USER], **fields}
    return await client.post("/chat/completions", cast_to=object, body=body)


async def respond(client: openai.AsyncClient, **fields: Any) -> Any:
    """Make a request for a response of any form."""
    body = {"model": "mock", "input": "Hello!", **fields}
    return await client.post("/responses", cast_to=object, body=body)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "too short"),
    "unknown role": ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
    "unknown field": ({"temprature": 1}, "Unknown parameter: 'temprature'"),
    "wrong type": ({"temperature": "hot"}, "temperature"),
    "output without call": ({"messages": [USER, OUTPUT]}, "must be a response"),
    "call without output": ({"messages": [USER, CALLS]}, "did not have response messages: a"),
    "call and then words": ({"messages": [USER, CALLS, USER, OUTPUT]}, "did not have response"),
    "loose schema called strict": ({"tools": [tool(LOOSE, strict=True)]}, "additionalProperties"),
    "optional in strict": (
        {"tools": [tool({**LOOSE, "additionalProperties": False}, strict=True)]},
        "Missing 'x'",
    ),
    "default in strict": (
        {"tools": [tool({**STRICT, "properties": {"x": {"default": 1}}}, strict=True)]},
        "'default' is not permitted",
    ),
    "choice without tools": ({"tool_choice": "auto"}, "only allowed when 'tools'"),
    "parallel without tools": ({"parallel_tool_calls": True}, "only allowed when 'tools'"),
    "choice of none of them": (
        {
            "tools": [tool(LOOSE)],
            "tool_choice": {"type": "function", "function": {"name": "other"}},
        },
        "'other' not found",
    ),
    "loose format called strict": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": LOOSE, "strict": True},
            }
        },
        "additionalProperties",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_chat_request_that_the_api_refuses_is_refused(
    client: openai.AsyncClient, what: str
) -> None:
    """With its status and form of errors."""
    fields, said = REFUSED[what]

    with pytest.raises(openai.BadRequestError) as caught:
        await ask(client, **fields)

    assert said in caught.value.message
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": [USER, CALLS, OUTPUT]},
        {"tools": [tool(STRICT, strict=True)], "tool_choice": "required"},
        {"tools": [tool(LOOSE)]},
    ],
)
async def test_a_right_request_is_answered(
    client: openai.AsyncClient, fields: dict[str, Any]
) -> None:
    """So that a refusal means something."""
    answer = await ask(client, **fields)

    assert answer["choices"][0]["message"]["content"] == "The mock has heard you."


CALL_ITEM = {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"}
OUTPUT_ITEM = {"type": "function_call_output", "call_id": "a", "output": "seen"}
REFUSED_RESPONSES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"messages": [USER]}, "Unknown parameter: 'messages'"),
    "output without call": ({"input": [USER, OUTPUT_ITEM]}, "No tool call found"),
    "call without output": ({"input": [USER, CALL_ITEM]}, "No tool output found"),
    "loose schema called strict": (
        {"tools": [{"type": "function", "name": "look", "parameters": LOOSE, "strict": True}]},
        "additionalProperties",
    ),
}


@pytest.mark.parametrize("what", REFUSED_RESPONSES)
async def test_a_response_that_the_api_refuses_is_refused(
    client: openai.AsyncClient, what: str
) -> None:
    """With its status and form of errors."""
    fields, said = REFUSED_RESPONSES[what]

    with pytest.raises(openai.BadRequestError) as caught:
        await respond(client, **fields)

    assert said in caught.value.message


async def test_what_is_streamed_is_what_comes_in_one_piece(
    api: MockOpenAI, client: openai.AsyncClient
) -> None:
    """By chat completions and by responses."""
    reply = FakeReply(text="Hello to you.", calls=(FakeCall("look", {"x": "y"}, call_id="a"),))
    for script in (api.chat.script, api.responses.script):
        script.set(default=reply)
    function: Any = tool(STRICT, strict=True)
    flat: Any = {"type": "function", **function["function"]}

    async with client.chat.completions.stream(
        model="mock", messages=[{"role": "user", "content": "Hello!"}], tools=[function]
    ) as chat:
        streamed = (await chat.get_final_completion()).choices[0].message
    async with client.responses.stream(model="mock", input="Hello!", tools=[flat]) as response:
        final = await response.get_final_response()

    whole = await ask(client, tools=[function])
    assert streamed.content == whole["choices"][0]["message"]["content"] == "Hello to you."
    assert streamed.tool_calls is not None
    assert streamed.tool_calls[0].function.arguments == '{"x":"y"}'
    assert final.output_text == "Hello to you."
    assert final.output[1].type == "function_call"


@pytest.mark.parametrize(
    ("scripted", "field", "value"),
    [
        (Refusal("No."), "refusal", "No."),
        (CutOff("It is"), "content", "It is"),
    ],
)
async def test_a_reply_may_end_badly(
    api: MockOpenAI, client: openai.AsyncClient, scripted: Any, field: str, value: str
) -> None:
    """As a model's may."""
    api.chat.script.set([scripted])

    answer = await ask(client)

    assert answer["choices"][0]["message"][field] == value


async def test_faults_come_in_their_order_and_use_up_no_reply(
    api: MockOpenAI, client: openai.AsyncClient
) -> None:
    """Then all is well."""
    api.chat.script.set(["First.", "Second."])
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STATUS, status=503), None)

    with pytest.raises(openai.InternalServerError):
        await ask(client)
    answers = [await ask(client), await ask(client)]

    said = [answer["choices"][0]["message"]["content"] for answer in answers]
    assert said == ["First.", "Second."]


async def test_a_stream_that_stalls_ends_with_its_client(
    api: MockOpenAI, client: openai.AsyncClient
) -> None:
    """No request is left at work."""
    api.chat.faults.add(HttpFault(kind=HttpFaultKind.STALL, after=2))
    stream = await client.chat.completions.create(
        model="mock", messages=[{"role": "user", "content": "Hello!"}], stream=True
    )
    await anext(stream)

    await stream.close()

    async with asyncio.timeout(5.0):
        await api.wait_until_idle()


async def test_an_address_that_is_none_is_refused_and_seen(
    api: MockOpenAI, client: openai.AsyncClient
) -> None:
    """As the API does."""
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        await client.get("/nothing", cast_to=object)

    assert [seen.path for seen in api.requests] == ["v1/nothing"]
