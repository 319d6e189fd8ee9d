"""The mock of the realtime service speaks the SDK's events, and refuses what the API refuses."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import (
    ConversationItemDeletedEvent,
    RealtimeErrorEvent,
    ResponseDoneEvent,
    SessionUpdatedEvent,
)
from pydantic import ValidationError

from agentd.aio.timing import now, within
from agentd.testing.mock_openai import MockOpenAI, RealtimeConnection
from agentd.testing.mock_openai.realtime_wire import CLIENT_EVENTS, WireError, decode, make, parse

SECOND = base64.b64encode(bytes(48000)).decode()
MESSAGE: dict[str, Any] = {
    "type": "message",
    "role": "user",
    "id": "item_1",
    "content": [{"type": "input_text", "text": "Hello."}],
}


class Client:
    """The SDK's own client, and the mock behind it."""

    def __init__(self, connection: AsyncRealtimeConnection, api: MockOpenAI) -> None:
        self.connection = connection
        self.api = api

    @property
    def service(self) -> RealtimeConnection:
        """The mock's side."""
        return self.api.realtime.current

    async def ask(self, **event: Any) -> None:
        """Send an event, as it is."""
        sent: Any = event
        await self.connection.send(sent)

    async def event(self, kind: type[Any]) -> Any:
        """The next event of a kind."""
        return await within(now() + 5.0, self._next(kind))

    async def _next(self, kind: type[Any]) -> Any:
        while not isinstance(event := await self.connection.recv(), kind):
            pass
        return event

    async def refused(self) -> str:
        """The code of the next refusal."""
        return str((await self.event(RealtimeErrorEvent)).error.code)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Connected."""
    async with MockOpenAI() as api:
        sdk = openai.AsyncClient(api_key="sk-nobody", base_url=api.base_url)
        async with sdk, sdk.realtime.connect(model="gpt-realtime") as connection:
            yield Client(connection, api)


def test_it_knows_every_event_that_a_client_may_send() -> None:
    """But for the one that is for WebRTC only."""
    handled = set(RealtimeConnection._HANDLERS)

    assert set(CLIENT_EVENTS) - handled == {"output_audio_buffer.clear"}
    assert handled <= set(CLIENT_EVENTS)


def test_it_sends_no_field_that_the_sdk_does_not_know() -> None:
    """So one that the SDK has renamed breaks each test that comes by it."""
    with pytest.raises(AssertionError, match="item_name"):
        make(ConversationItemDeletedEvent, item_id="item_1", item_name="item_1")
    with pytest.raises(ValidationError):
        make(ConversationItemDeletedEvent, item="item_1")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "invalid_json"),
        ('{"type": "response.make"}', "invalid_value"),
        ('{"type": "response.create", "answer": {}}', "unknown_parameter"),
        ('{"type": "response.create", "response": {"tone": "high"}}', "unknown_parameter"),
        ('{"type": "conversation.item.delete"}', "invalid_value"),
    ],
)
def test_what_is_no_event_is_refused(text: str, code: str) -> None:
    """As the API does, with a code."""
    with pytest.raises(WireError) as refused:
        parse(decode(text))

    assert refused.value.code == code


async def test_a_session_is_changed_in_part(client: Client) -> None:
    """What is not told stays."""
    await client.ask(type="session.update", session={"type": "realtime", "instructions": "Hello."})
    output = {"output": {"voice": "cedar"}}
    await client.ask(type="session.update", session={"type": "realtime", "audio": output})
    await client.event(SessionUpdatedEvent)
    told = await client.event(SessionUpdatedEvent)

    assert told.session.instructions == "Hello."
    assert told.session.audio.output.voice == "cedar"
    assert told.session.audio.input.turn_detection.type == "server_vad"


async def test_a_second_response_is_refused(client: Client) -> None:
    """One at a time; the refusal names the event."""
    client.api.realtime.script.pause = 0.05
    await client.ask(type="response.create", event_id="first")
    await client.ask(type="response.create", event_id="second")

    refused = await client.event(RealtimeErrorEvent)

    assert refused.error.code == "conversation_already_has_active_response"
    assert refused.error.event_id == "second"


async def test_a_cancelled_response_says_so(client: Client) -> None:
    """With what it has cost; another may be made."""
    client.api.realtime.script.pause = 0.05
    await client.ask(type="response.create")
    await client.service.until(lambda: "response.output_audio.delta" in client.service.sent)
    await client.ask(type="response.cancel")

    done = await client.event(ResponseDoneEvent)

    assert (done.response.status, done.response.status_details.reason) == (
        "cancelled",
        "client_cancelled",
    )
    assert done.response.usage.total_tokens > 0


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "response.cancel"}, "response_cancel_not_active"),
        ({"type": "conversation.item.delete", "item_id": "nobody"}, "item_not_found"),
        (
            {"type": "conversation.item.create", "item": MESSAGE, "previous_item_id": "nobody"},
            "item_not_found",
        ),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": "AA=="}, "invalid_value"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "nobody", "output": ""},
            },
            "invalid_tool_call_id",
        ),
        (
            {"type": "conversation.item.create", "item": MESSAGE | {"role": "assistant"}},
            "invalid_value",
        ),
    ],
)
async def test_what_can_not_be_done_is_refused(
    client: Client, event: dict[str, Any], code: str
) -> None:
    """With the API's code."""
    await client.ask(**event)

    assert await client.refused() == code


async def test_an_item_can_not_be_put_in_twice(client: Client) -> None:
    """By its id."""
    for _ in range(2):
        await client.ask(type="conversation.item.create", item=MESSAGE)

    assert await client.refused() == "item_already_exists"


async def test_no_more_is_cut_from_a_message_than_there_is(client: Client) -> None:
    """And only from audio of the assistant."""
    await client.ask(type="response.create")
    done = await client.event(ResponseDoneEvent)
    item_id = done.response.output[0].id
    truncate = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0}
    await client.ask(**truncate, audio_end_ms=999)
    too_long = await client.refused()
    await client.ask(**truncate, audio_end_ms=100)
    await client.ask(type="conversation.item.create", item=MESSAGE)
    await client.ask(**truncate | {"item_id": "item_1"}, audio_end_ms=1)

    assert (too_long, await client.refused()) == ("invalid_value", "invalid_value")
    assert client.service.conversation.audio_ms[item_id] == 100
    assert client.service.conversation.words()[0] == "assistant: "


async def test_a_session_that_only_transcribes_answers_nothing(client: Client) -> None:
    """It hears, and says what it has heard."""
    client.api.realtime.script.set(hears=["hello"])
    audio = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}}
    await client.ask(type="session.update", session={"type": "transcription", "audio": audio})
    await client.ask(type="input_audio_buffer.append", audio=SECOND)
    await client.ask(type="input_audio_buffer.commit")
    completed = "conversation.item.input_audio_transcription.completed"
    await client.service.until(lambda: completed in client.service.sent)

    assert "response.created" not in client.service.sent
    assert client.service.conversation.words() == ["user: hello"]
