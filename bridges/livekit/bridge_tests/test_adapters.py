"""What the contracts do not ask: what services see, failures, closing, what plugins need."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIConnectionError as LkConnectionError
from livekit.agents import APIError as LkError
from livekit.agents import APIStatusError as LkStatusError
from livekit.agents import APITimeoutError as LkTimeoutError
from livekit.agents import vad as lk_vad
from livekit.plugins import deepgram, openai
from msgspec import Struct
from pydantic import BaseModel

import agentd_livekit
from agentd.aio.timing import now, within
from agentd.audio.frame import join_frames, silent_frame
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ModelError,
)
from agentd.llm import (
    ChatContext,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    ImageContent,
    Tool,
    function_tool,
)
from agentd.llm.images import Picture
from agentd.resilience import APIConnectOptions
from agentd.stt import FinalTranscript
from agentd.testing import FakeCall
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd.vad import SpeechStarted
from agentd_livekit import wrap
from agentd_livekit.errors import as_ours
from agentd_livekit.vadloop import vad_loop
from bridge_tests.deepgram_service import DeepgramService, serving
from tests.support.recordings import WORDS, frame_of

KEY = "sk-nobody"
ONCE = APIConnectOptions(max_retry=0, timeout=20.0)
TWICE = APIConnectOptions(max_retry=1, timeout=20.0)
DEADLINE = 10.0


@function_tool
async def set_alarm(hour: int, label: str | None = None) -> str:
    """Set an alarm.

    Args:
        hour: When.
        label: What for.
    """
    return f"{hour} {label}"


@function_tool(raw_schema={"name": "raw", "description": "Raw.", "parameters": {"type": "object"}})
async def raw_tool(raw_arguments: dict[str, object]) -> str:
    """Take anything."""
    return str(raw_arguments)


class City(Struct):
    """Data of ours."""

    name: str
    people: int


class Town(BaseModel):
    """Data of pydantic's."""

    name: str


class SdkError(Exception):
    """As the SDKs of providers have them: with the answer."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.response = SimpleNamespace(headers=headers)


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """OpenAI's API."""
    async with MockOpenAI() as api:
        yield api


@pytest.fixture
async def llm(api: MockOpenAI) -> AsyncIterator[agentd_livekit.LLM]:
    """A bridged one."""
    made = wrap(openai.LLM(model="mock", base_url=api.base_url, api_key=KEY))
    yield made
    await made.aclose()


@pytest.fixture
async def service() -> AsyncIterator[DeepgramService]:
    """Deepgram's, which hears one sentence."""
    async with serving(DeepgramService(WORDS["lv-0880"])) as service:
        yield service


@pytest.fixture
async def stt(service: DeepgramService) -> AsyncIterator[agentd_livekit.STT]:
    """A bridged one."""
    made = wrap(deepgram.STT(base_url=service.base_url, api_key=KEY))
    yield made
    await made.aclose()


def said(text: str) -> ChatContext:
    """A conversation in which the user has said this."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content=text)
    return chat_ctx


# -- what the service sees -------------------------------------------------------------


async def test_the_model_sees_the_schemas_that_agentd_makes(
    api: MockOpenAI, llm: agentd_livekit.LLM
) -> None:
    """Strict where they are strict, and raw ones as they were given."""
    tools: list[Tool] = [set_alarm, raw_tool]

    await llm.chat(chat_ctx=said("hi"), tools=tools, conn_options=ONCE).collect()

    (seen,) = api.chat.requests
    assert isinstance(set_alarm, FunctionTool)
    assert seen.body["tools"] == [set_alarm.schema(), raw_tool.schema()]


async def test_calls_their_outputs_and_pictures_reach_the_model(
    api: MockOpenAI, llm: agentd_livekit.LLM
) -> None:
    """With their ids, and a picture as a data URL."""
    chat_ctx = said("hi")
    picture = ImageContent(image=Picture(data=bytes(16), width=2, height=2))
    chat_ctx.add_message(role="user", content=["look", picture])
    call = FunctionCall(call_id="c1", name="set_alarm", arguments='{"hour":7}')
    chat_ctx.insert([call, FunctionCallOutput(call_id="c1", name="set_alarm", output="7")])

    await llm.chat(chat_ctx=chat_ctx, tools=[set_alarm], conn_options=ONCE).collect()

    messages = api.chat.requests[0].body["messages"]
    shown = [part for part in messages[1]["content"] if part["type"] == "image_url"]
    assert shown[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert messages[2]["tool_calls"][0]["id"] == messages[3]["tool_call_id"] == "c1"
    assert messages[3]["content"] == "7"


@pytest.mark.parametrize("choice", ["required", "none", "auto"])
async def test_a_tool_choice_is_passed_on(
    api: MockOpenAI, llm: agentd_livekit.LLM, choice: Any
) -> None:
    """By its word."""
    await llm.chat(
        chat_ctx=said("hi"), tools=[set_alarm], tool_choice=choice, conn_options=ONCE
    ).collect()

    assert api.chat.requests[0].body["tool_choice"] == choice


@pytest.mark.parametrize("wanted", [City, Town])
async def test_a_response_format_is_described_to_the_service(
    api: MockOpenAI, llm: agentd_livekit.LLM, wanted: type
) -> None:
    """Of classes of ours, and of pydantic's."""
    await llm.chat(chat_ctx=said("hi"), response_format=wanted, conn_options=ONCE).collect()

    described = api.chat.requests[0].body["response_format"]["json_schema"]
    assert described["strict"] is True
    assert "name" in described["schema"]["properties"]


async def test_several_calls_and_usage_come_back(api: MockOpenAI, llm: agentd_livekit.LLM) -> None:
    """Whole, with arguments that agentd can read."""
    api.chat.script.set([FakeCall("set_alarm", {"hour": 7, "label": "tea"})])

    reply = await llm.chat(chat_ctx=said("hi"), tools=[set_alarm], conn_options=ONCE).collect()

    assert [json.loads(call.arguments) for call in reply.tool_calls] == [
        {"hour": 7, "label": "tea"}
    ]
    assert reply.usage is not None
    assert reply.usage.total_tokens > 0


# -- failures --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "kind", "retryable"),
    [
        (LkStatusError("no", status_code=503, request_id="r"), APIStatusError, True),
        (LkStatusError("no", status_code=401), APIStatusError, False),
        (LkTimeoutError("late", retryable=False), APITimeoutError, False),
        (LkConnectionError("gone"), APIConnectionError, True),
        (LkError("bad", body={"a": 1}, retryable=False), APIError, False),
    ],
)
def test_a_failure_is_of_the_same_kind_and_as_final(
    theirs: Any, kind: type[APIError], retryable: bool
) -> None:
    """Of a plugin and of agentd."""
    ours = as_ours(theirs)

    assert type(ours) is kind
    assert (ours.retryable, ours.body) == (retryable, theirs.body)


async def test_only_agentd_tries_again(api: MockOpenAI, llm: agentd_livekit.LLM) -> None:
    """As often as it is told, not that often squared."""
    api.chat.faults.always(HttpFault(kind=HttpFaultKind.STATUS, status=500))

    with pytest.raises(APIStatusError):
        await llm.chat(chat_ctx=said("hi"), conn_options=TWICE).collect()

    assert len(api.chat.requests) == 2


def test_a_service_that_asks_for_time_is_understood() -> None:
    """Its Retry-After is in the error, where the plugin has kept the answer."""
    theirs = LkStatusError("slow down", status_code=429)
    theirs.__cause__ = SdkError({"retry-after": "7"})

    ours = as_ours(theirs)

    assert isinstance(ours, APIStatusError)
    assert (ours.retry_after, ours.retryable) == (7.0, True)


async def test_a_lost_stream_is_begun_anew_with_what_was_not_understood(
    service: DeepgramService, stt: agentd_livekit.STT
) -> None:
    """By agentd, which has kept the audio."""
    service.cut_off_next = True
    errors: list[Any] = []
    stt.on("error", errors.append)

    async with stt.stream(conn_options=TWICE) as stream:
        stream.push_frame(join_frames([frame_of("lv-0880"), silent_frame(1.5, 16000)]))
        final = await anext(event async for event in stream if isinstance(event, FinalTranscript))

    assert final.text == WORDS["lv-0880"]
    assert [event.recoverable for event in errors] == [True]
    assert len(service.keys) == 2


async def test_a_stream_that_is_refused_says_with_which_status(
    service: DeepgramService, stt: agentd_livekit.STT
) -> None:
    """And is not tried again where that is hopeless."""
    service.refuse_with = 401
    async with stt.stream(conn_options=TWICE) as stream:
        stream.push_frame(frame_of("lv-0880"))
        with pytest.raises(APIStatusError) as failed:
            await anext(stream)

    assert (failed.value.status_code, failed.value.retryable) == (401, False)
    assert len(service.keys) == 1


# -- closing and surroundings ------------------------------------------------------------


async def test_closing_a_stream_closes_the_plugins(
    service: DeepgramService, stt: agentd_livekit.STT
) -> None:
    """The service sees its connection end."""
    async with stt.stream(conn_options=ONCE) as stream:
        stream.push_frame(frame_of("lv-0880"))
        await anext(stream)

    await within(now() + DEADLINE, service.closed_by_clients.wait())


async def test_the_plugins_session_lives_from_stream_to_stream(
    service: DeepgramService, stt: agentd_livekit.STT
) -> None:
    """It keeps what `http_session()` has given it, and is closed with the adapter."""
    for _ in range(2):
        async with stt.stream(conn_options=ONCE) as stream:
            stream.push_frame(frame_of("lv-0880"))
            await anext(stream)
    session = stt.wrapped._ensure_session()
    assert not session.closed

    await stt.aclose()

    assert session.closed


async def test_after_closing_nothing_is_asked(stt: agentd_livekit.STT) -> None:
    """It is refused, and no session is opened that nobody would close."""
    await stt.aclose()

    with pytest.raises(APIConnectionError, match="closed"):
        await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)


def test_a_circuit_is_the_providers_and_models() -> None:
    """So that an outage is shared by all that use them."""
    assert wrap(deepgram.STT(api_key=KEY)).circuit == "Deepgram/nova-3"


def test_what_is_no_model_is_refused() -> None:
    """By its class."""
    with pytest.raises(TypeError, match="builtins.int is no LLM, STT, TTS, VAD or RealtimeModel"):
        wrap(1)


# -- VAD ---------------------------------------------------------------------------------


class Beats(lk_vad.VAD):
    """Hears speech from its third window on, when it is let; fails on command."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__(capabilities=lk_vad.VADCapabilities(update_interval=0.02))
        self.fails = fails
        self.ended = 0

    def stream(self) -> Any:
        """See the base class."""
        return _Beating(self)


class _Beating(lk_vad.VADStream):
    async def _main_task(self) -> None:
        count = 0
        try:
            async for frame in self._input_ch:
                if self._vad.fails:
                    raise ValueError("no model")
                assert isinstance(frame, rtc.AudioFrame)
                count += 1
                self._tell(lk_vad.VADEventType.INFERENCE_DONE, count)
                if count == 3:
                    self._tell(lk_vad.VADEventType.START_OF_SPEECH, count)
        finally:
            self._vad.ended += 1

    def _tell(self, kind: Any, count: int) -> None:
        self._event_ch.send_nowait(
            lk_vad.VADEvent(
                type=kind,
                samples_index=320 * count,
                timestamp=0.02 * count,
                speech_duration=0.02,
                silence_duration=0.0,
            )
        )


WINDOW = bytes(640)


async def settled() -> None:
    """Wait until the thread has done what it was given."""
    done = asyncio.run_coroutine_threadsafe(some_turns(), vad_loop())
    await within(now() + DEADLINE, asyncio.wrap_future(done))


async def some_turns() -> None:
    """More of the loop than anything that the doubles do takes."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_without_patience_an_event_comes_with_a_later_push() -> None:
    """The loop of the call never waits for the plugin."""
    stream = wrap(Beats()).stream()

    first = stream.push(WINDOW * 3)
    await settled()
    second = stream.push(WINDOW)

    (started,) = first + second
    assert isinstance(started, SpeechStarted)
    assert started.started_at == pytest.approx(0.04)
    assert stream.activity.speaking


async def test_a_flush_ends_the_speech_and_starts_time_anew() -> None:
    """In the plugin; instants here go on."""
    stream = wrap(Beats(), patience=DEADLINE).stream()
    stream.push(WINDOW * 4)

    (ended,) = stream.flush()
    (started,) = stream.push(WINDOW * 3)

    assert (ended.started_at, ended.ended_at) == (pytest.approx(0.04), pytest.approx(0.08))
    assert started.started_at == pytest.approx(0.08 + 0.04)


async def test_a_plugin_that_fails_is_no_silent_detector() -> None:
    """The next push says so."""
    stream = wrap(Beats(fails=True), patience=DEADLINE).stream()

    with pytest.raises(ModelError, match="no model"):
        stream.push(WINDOW)


async def test_a_stream_that_nobody_has_any_more_is_ended() -> None:
    """In its thread, too."""
    plugin = Beats()
    stream = wrap(plugin).stream()
    stream.push(WINDOW)
    await settled()

    del stream
    await settled()

    assert plugin.ended == 1


async def test_a_stream_that_is_dropped_at_once_leaves_nothing_running() -> None:
    """Its end comes to the thread together with its beginning."""
    await settled()
    before = asyncio.all_tasks(vad_loop())
    gate = threading.Event()
    vad_loop().call_soon_threadsafe(gate.wait, DEADLINE)
    stream = wrap(Beats()).stream()
    stream.push(WINDOW * 3)

    del stream
    gate.set()
    await settled()

    assert [task for task in asyncio.all_tasks(vad_loop()) - before if not task.done()] == []
