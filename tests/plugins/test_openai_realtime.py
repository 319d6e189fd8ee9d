"""What agentd-openai tells a realtime service, and what it makes of what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.audio.frame import silent_frame
from agentd.errors import APIError, APITimeoutError
from agentd.llm import (
    ChatContext,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    function_tool,
)
from agentd.realtime import GenerationCreated, InputTranscriptionCompleted, RealtimeError
from agentd.testing import FakeCall
from agentd.testing.mock_openai import (
    MockOpenAI,
    RealtimeConnection,
    RealtimeFault,
    RealtimeFaultKind,
)
from agentd_openai.realtime import RealtimeModel
from agentd_openai.realtime.session import Session
from agentd_openai.tools import WebSearch
from tests.support.realtime import RATE, Talk, hear

KEY = "sk-nobody"
URL = "data:image/png;base64,AAAA"


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


def make(api: MockOpenAI, **options: Any) -> RealtimeModel:
    """A model of it."""
    return RealtimeModel(**{"base_url": api.base_url, "api_key": KEY} | options)


async def connected(talk: Talk, api: MockOpenAI) -> RealtimeConnection:
    """The service's side of a session that both sides know to be there."""
    assert isinstance(talk.session, Session)
    await within(now() + 5.0, talk.session.connected())
    return api.realtime.current


def said(*messages: str) -> ChatContext:
    """A conversation, whose messages have their places as ids."""
    items = [
        ChatMessage(
            role="user" if number % 2 == 0 else "assistant", content=[text], id=f"item_{number}"
        )
        for number, text in enumerate(messages)
    ]
    return ChatContext(items)


@function_tool(
    raw_schema={
        "name": "book",
        "description": "Book a table.",
        "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
    }
)
async def book(raw_arguments: dict[str, Any]) -> str:
    """Do it."""
    return "booked"


# -- settings ----------------------------------------------------------------------------------


async def test_a_session_begins_with_all_it_was_told(api: MockOpenAI) -> None:
    """Instructions, tools and the conversation, before the first word."""
    session = make(api).session()
    await session.update_instructions("You are a clerk.")
    await session.update_tools([book])
    await session.update_chat_ctx(said("Hello.", "Good day."))

    async with Talk(session) as talk:
        connection = await connected(talk, api)

    settings = connection.session
    assert settings["instructions"] == "You are a clerk."
    assert settings["tools"] == [{"type": "function", **book.schema()["function"]}]
    assert connection.conversation.words() == ["user: Hello.", "assistant: Good day."]


async def test_the_defaults_are_those_of_the_reference(api: MockOpenAI) -> None:
    """Row 245."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)

    audio = connection.session["audio"]
    assert connection.model == "gpt-realtime"
    assert audio["output"] == {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}
    assert audio["input"]["turn_detection"] == {"type": "semantic_vad", "eagerness": "medium"}
    assert audio["input"]["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert make(api).options.renew_after == 1200


async def test_every_option_reaches_the_service(api: MockOpenAI) -> None:
    """By the name that the API has for it."""
    model = make(
        api,
        voice="cedar",
        speed=1.2,
        turn_detection={"type": "server_vad", "silence_duration_ms": 300},
        input_audio_transcription=None,
        input_audio_noise_reduction="near_field",
        tool_choice={"type": "function", "function": {"name": "book"}},
        max_output_tokens=200,
        tracing="auto",
        truncation="disabled",
    )
    async with Talk(model.session()) as talk:
        connection = await connected(talk, api)

    settings = connection.session
    assert settings["audio"]["output"]["voice"] == "cedar"
    assert settings["audio"]["output"]["speed"] == 1.2
    assert settings["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    assert settings["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 300
    assert settings["audio"]["input"]["transcription"] is None
    assert settings["tool_choice"] == {"type": "function", "name": "book"}
    assert [settings[name] for name in ("max_output_tokens", "tracing", "truncation")] == [
        200,
        "auto",
        "disabled",
    ]


async def test_capabilities_follow_from_the_options(api: MockOpenAI) -> None:
    """As data, which a session reads."""
    by_hand = make(api, turn_detection=None, input_audio_transcription=None, modalities=("text",))

    usual = make(api).capabilities
    assert (usual.turn_detection, usual.user_transcription, usual.audio_output) == (True,) * 3
    odd = by_hand.capabilities
    assert (odd.turn_detection, odd.user_transcription, odd.audio_output) == (False,) * 3
    assert usual.video_input
    assert not usual.supports_say


async def test_changes_are_told_at_once(api: MockOpenAI) -> None:
    """And hold when the call returns."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        await talk.session.update_instructions("You are a poet.")
        instructions = connection.session["instructions"]
        await talk.session.update_tools([book])
        tools = [tool["name"] for tool in connection.session["tools"]]

    assert (instructions, tools) == ("You are a poet.", ["book"])


async def test_a_refused_change_is_told(api: MockOpenAI) -> None:
    """A voice that was heard can't be changed; the session goes on."""
    async with Talk(make(api).session()) as talk:
        await hear(await talk.session.generate_reply())
        talk.session.update_options(voice="cedar")  # type: ignore[call-arg]  # the plugin's own
        refused = await talk.event(RealtimeError)
        await api.realtime.current.close(1001)
        heard = await hear(await talk.session.generate_reply())

    assert api.realtime.current.session["audio"]["output"]["voice"] == "marin"
    assert refused.recoverable
    assert "voice" in str(refused.error)
    assert heard.text == "Yes."


async def test_a_tool_that_the_service_does_not_run_is_left_out(
    api: MockOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """And said so."""
    session = make(api).session()
    await session.update_tools([WebSearch(), book])

    async with Talk(session) as talk:
        connection = await connected(talk, api)

    assert [tool["name"] for tool in connection.session["tools"]] == ["book"]
    assert "tools_left_out" in {getattr(line, "action", "") for line in caplog.records}


# -- the conversation ----------------------------------------------------------------------------


async def test_what_is_added_to_a_history_is_put_where_it_belongs(api: MockOpenAI) -> None:
    """Also in the middle."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        context = said("One.", "Two.", "Three.")
        await talk.session.update_chat_ctx(context)
        first = ChatMessage(role="system", content=["Zero."], id="item_a")
        between = ChatMessage(role="user", content=["Two and a half."], id="item_b")
        context.items = [first, *context.items[:2], between, context.items[2]]
        await talk.session.update_chat_ctx(context)
        words = connection.conversation.words()

    assert words == [
        "system: Zero.",
        "user: One.",
        "assistant: Two.",
        "user: Two and a half.",
        "user: Three.",
    ]


async def test_what_is_taken_out_or_changed_is_so_at_the_service(api: MockOpenAI) -> None:
    """By its id."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        await talk.session.update_chat_ctx(said("One.", "Two.", "Three."))
        changed = said("One.", "Two.", "Three!")
        changed.remove("item_0")
        await talk.session.update_chat_ctx(changed)
        words = connection.conversation.words()

    assert words == ["assistant: Two.", "user: Three!"]


async def test_what_was_spoken_stays_as_it_is(api: MockOpenAI) -> None:
    """A history that knows of it by its text changes no audio."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        talk.speak()
        heard = await talk.answer()
        await talk.until(lambda: any(e.is_final for e in talk.all(InputTranscriptionCompleted)))
        (user,) = {event.item_id for event in talk.all(InputTranscriptionCompleted)}
        history = ChatContext(
            [
                ChatMessage(role="assistant", content=["I am fine."], id=heard.message_ids[0]),
                ChatMessage(role="user", content=["how are you"], id=user),
                ChatMessage(role="user", content=["Go on."], id="item_new"),
            ]
        )
        await talk.session.update_chat_ctx(history)
        words = connection.conversation.words()

    assert words == ["user: how are you", "assistant: I am fine.", "user: Go on."]
    assert connection.asked("conversation.item.delete") == []


async def test_what_is_not_understood_yet_is_not_taken_out(api: MockOpenAI) -> None:
    """A history can't have what has no words, nor what is being said."""
    api.realtime.script.set(["I am fine."], hears=[None])
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        talk.speak()
        await talk.answer()
        await talk.session.update_chat_ctx(said("By the way."))
        roles = [item["role"] for item in connection.conversation.items]

    assert roles == ["user", "assistant", "user"]


async def test_a_call_is_known_by_its_call_id(api: MockOpenAI) -> None:
    """Its item has other ids here and there; the output follows it."""
    api.realtime.script.set([FakeCall("book", {"people": 2}, "call_7"), "Done."])
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        await talk.session.update_tools([book])
        await hear(await talk.session.generate_reply())
        call = FunctionCall(call_id="call_7", name="book", arguments='{"people":2}')
        output = FunctionCallOutput(call_id="call_7", name="book", output="booked")
        await talk.session.update_chat_ctx(ChatContext([call, output]))
        await hear(await talk.session.generate_reply())
        words = connection.conversation.words()

    assert words == ['call: book({"people":2})', "output: booked", "assistant: Done."]


async def test_a_picture_in_a_message_is_shown(api: MockOpenAI) -> None:
    """Beside its text."""
    message = ChatMessage(role="user", content=["What is this?", ImageContent(image=URL)])
    session = make(api).session()
    await session.update_chat_ctx(ChatContext([message]))

    async with Talk(session) as talk:
        connection = await connected(talk, api)

    parts = connection.conversation.items[0]["content"]
    assert [part["type"] for part in parts] == ["input_text", "input_image"]
    assert parts[1]["image_url"] == URL


async def test_the_model_sees_the_last_pictures_of_a_camera(api: MockOpenAI) -> None:
    """Each is paid for with every response, so older ones are taken out."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        for number in range(7):
            talk.session.push_video(bytes([number]), "image/png")
        await hear(await talk.session.generate_reply())
        words = connection.conversation.words()

    assert words == ["user: (image)"] * 4 + ["assistant: Yes."]


# -- replies -------------------------------------------------------------------------------------


async def test_instructions_of_a_reply_come_on_top(api: MockOpenAI) -> None:
    """The service would have them take the place of the session's."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        await talk.session.update_instructions("You are a clerk.")
        await hear(await talk.session.generate_reply(instructions="Greet.", tool_choice="none"))

    (asked,) = connection.asked("response.create")
    assert asked["response"]["instructions"] == "You are a clerk.\n\nGreet."
    assert asked["response"]["tool_choice"] == "none"
    assert connection.session["instructions"] == "You are a clerk."


async def test_two_replies_are_made_one_after_the_other(api: MockOpenAI) -> None:
    """The service makes one at a time, and nobody is refused."""
    api.realtime.script.set(["One.", "Two."])
    async with Talk(make(api).session()) as talk:
        first, second = await asyncio.gather(
            talk.session.generate_reply(), talk.session.generate_reply()
        )
        texts = [(await hear(generation)).text for generation in (first, second)]

    assert texts == ["One.", "Two."]
    assert talk.all(RealtimeError) == []


async def test_a_reply_waits_for_one_that_the_service_has_begun(api: MockOpenAI) -> None:
    """Also where this side does not know of it yet."""
    api.realtime.script.set(["I am fine.", "By the way."])
    async with Talk(make(api).session()) as talk:
        await connected(talk, api)
        talk.speak()
        asked = await talk.session.generate_reply()
        unasked = await talk.event(GenerationCreated)
        texts = [(await hear(generation)).text for generation in (unasked, asked)]

    assert sorted(texts) == ["By the way.", "I am fine."]
    assert (unasked.user_initiated, asked.user_initiated) == (False, True)


async def test_a_reply_that_is_not_wanted_any_more_is_cancelled_when_it_begins(
    api: MockOpenAI,
) -> None:
    """It is not told of, and the model does not remember it."""
    api.realtime.script.set(
        ["Too late.", "In time."],
        faults=[RealtimeFault(kind=RealtimeFaultKind.LATE, seconds=0.2)],
    )
    async with Talk(make(api).session()) as talk, TaskOwner("asking") as owner:
        connection = await connected(talk, api)
        asking = owner.start(talk.session.generate_reply(), name="ask", report=False)
        await connection.until(lambda: bool(connection.asked("response.create")))
        asking.cancel()
        heard = await hear(await talk.session.generate_reply())
        await talk.session.update_chat_ctx(ChatContext.empty())
        words = connection.conversation.words()

    assert heard.text == "In time."
    assert words == ["assistant: In time."]
    assert talk.all(GenerationCreated) == []


async def test_a_reply_that_does_not_begin_is_given_up(api: MockOpenAI) -> None:
    """Within its deadline; the next one is made."""
    api.realtime.script.set(faults=[RealtimeFault(kind=RealtimeFaultKind.NEVER)])
    async with Talk(make(api, response_timeout=0.2).session()) as talk:
        with pytest.raises(APITimeoutError):
            await talk.session.generate_reply()
        heard = await hear(await talk.session.generate_reply())

    assert heard.text == "Yes."


async def test_a_reply_that_is_refused_fails_with_the_reason(api: MockOpenAI) -> None:
    """Not with a wait."""
    async with Talk(make(api).session()) as talk:
        with pytest.raises(APIError, match="invalid_value"):
            await talk.session.generate_reply(tool_choice="whatever")  # type: ignore[arg-type]  # on purpose


# -- interruptions -------------------------------------------------------------------------------


async def test_the_model_forgets_what_was_not_heard(api: MockOpenAI) -> None:
    """It is told the milliseconds, and keeps that much."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        heard = await hear(await talk.session.generate_reply())
        truncate(talk, heard.message_ids[0], 0.15, "Y")
        await talk.session.update_instructions("Go on.")

    assert connection.asked("conversation.item.truncate")[0]["audio_end_ms"] == 150
    assert connection.conversation.audio_ms[heard.message_ids[0]] == 150


async def test_no_more_is_told_to_be_heard_than_came(api: MockOpenAI) -> None:
    """The service would refuse it; a loudspeaker's clock may be ahead by a little."""
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        heard = await hear(await talk.session.generate_reply())
        truncate(talk, heard.message_ids[0], 99.0, "Yes.")
        await talk.session.update_instructions("Go on.")

    assert connection.asked("conversation.item.truncate")[0]["audio_end_ms"] == 200
    assert talk.all(RealtimeError) == []


async def test_a_written_message_is_cut_to_what_was_read(api: MockOpenAI) -> None:
    """It is replaced: the service truncates audio only."""
    api.realtime.script.set(["One two three four."])
    async with Talk(make(api, modalities=("text",)).session()) as talk:
        connection = await connected(talk, api)
        await talk.session.update_chat_ctx(said("Count."))
        heard = await hear(await talk.session.generate_reply())
        truncate(talk, heard.message_ids[0], 0.0, "One two")
        await talk.session.update_instructions("Go on.")
        words = connection.conversation.words()

    assert words == ["user: Count.", "assistant: One two"]


async def test_an_interruption_ends_a_reply_at_once(api: MockOpenAI) -> None:
    """Its streams end, the service is told, and the next reply is not held up."""
    api.realtime.script.pause = 0.02
    api.realtime.script.set(["A long story about a king who lived in a castle.", "Yes."])
    async with Talk(make(api).session()) as talk:
        connection = await connected(talk, api)
        generation = await talk.session.generate_reply()
        message = await anext(aiter(generation.message_stream))
        await anext(aiter(message.audio_stream))
        talk.session.interrupt()
        rest = [frame async for frame in message.audio_stream]
        heard = await hear(await talk.session.generate_reply())

    assert len(rest) < 10
    assert heard.text == "Yes."
    assert len(connection.asked("response.cancel")) == 1


# -- turns by hand ---------------------------------------------------------------------------------


async def test_too_little_audio_is_not_committed(api: MockOpenAI) -> None:
    """The service would refuse it."""
    async with Talk(make(api, turn_detection=None).session()) as talk:
        connection = await connected(talk, api)
        talk.session.push_audio(silent_frame(0.04, RATE))
        talk.session.commit_audio()
        await hear(await talk.session.generate_reply())

    assert connection.asked("input_audio_buffer.commit") == []


async def test_audio_that_is_cleared_is_forgotten(api: MockOpenAI) -> None:
    """On both sides."""
    async with Talk(make(api, turn_detection=None).session()) as talk:
        connection = await connected(talk, api)
        talk.speak()
        talk.session.clear_audio()
        talk.session.commit_audio()
        await hear(await talk.session.generate_reply())

    assert connection.conversation.words() == ["assistant: Yes."]
    assert connection.hearing.waiting == 0.0


# -- what it costs, and where it is ----------------------------------------------------------------


async def test_each_response_is_measured(api: MockOpenAI) -> None:
    """Once, with the tokens that the service counts."""
    model = make(api)
    async with Talk(model.session()) as talk:
        generation = await talk.session.generate_reply()
        await hear(generation)
        await talk.until(lambda: bool(talk.metrics))

    (metrics,) = talk.metrics
    assert metrics.request_id == generation.response_id
    assert (metrics.model, metrics.provider) == ("gpt-realtime", model.provider)
    assert (metrics.output_audio_tokens, metrics.cached_tokens) == (4, 3)
    assert metrics.total_tokens == metrics.input_tokens + metrics.output_tokens > 0
    assert 0 <= metrics.ttft <= metrics.duration
    assert not metrics.cancelled


async def test_a_deployment_at_azure_is_asked_with_its_key(api: MockOpenAI) -> None:
    """At Azure's path, by the deployment's name."""
    place: Any = {"azure_endpoint": api.origin, "api_version": "2025-08-28", "api_key": "azure-key"}
    named = RealtimeModel.with_azure(**place)
    client = openai.AsyncAzureOpenAI(  # Azure has no WebSocket without TLS
        **place, websocket_base_url=f"ws://{named.provider}/openai"
    )
    model = make(api, client=client)
    async with Talk(model.session()) as talk:
        heard = await hear(await talk.session.generate_reply())

    await client.close()
    (seen,) = api.realtime.requests
    assert seen.headers["api-key"] == "azure-key"
    assert seen.query["deployment"] == "gpt-realtime"
    assert heard.text == "Yes."


async def test_xai_is_asked_with_its_own_key_and_tools(
    api: MockOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service says in no response what it was asked with."""
    monkeypatch.setenv("XAI_API_KEY", "xai-key")
    model = RealtimeModel.with_x_ai(base_url=api.base_url)
    async with Talk(model.session()) as talk:
        generation = await talk.session.generate_reply()
        heard = await hear(generation)

    (seen,) = api.realtime.requests
    assert seen.headers["Authorization"] == "Bearer xai-key"
    assert (heard.text, generation.user_initiated) == ("Yes.", True)


def truncate(talk: Talk, message_id: str, audio_end: float, transcript: str) -> None:
    """Tell how far a message was heard."""
    talk.session.truncate(
        message_id=message_id,
        modalities=("text", "audio"),
        audio_end=audio_end,
        transcript=transcript,
    )
