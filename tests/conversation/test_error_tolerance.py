"""What livekit-agents promises about models that fail, row by row of the reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agentd.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    SessionError,
    create_api_error_from_http,
)
from agentd.llm.chat import ChatContext
from agentd.llm.fallback import FallbackAdapter as LLMFallback
from agentd.resilience import APIConnectOptions
from agentd.stt.fallback import FallbackAdapter as STTFallback
from agentd.testing import (
    FakeLLM,
    FakeRealtime,
    FakeSTT,
    FakeTTS,
    Fault,
    Misbehaviour,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.tts.fallback import FallbackAdapter as TTSFallback
from agentd.voice.options import SessionConnectOptions

from .outage_world import on

FAILS = Misbehaviour.RAISE
GOOD = None


async def ask(scene: Scene, times: int) -> None:
    """One question after the other, while somebody listens."""
    try:
        for _ in range(times):
            await scene.session.generate_reply(user_input="hello")
    except SessionError:
        return


@pytest.mark.parametrize(
    ("faults", "closes"),
    [([FAILS] * 3, False), ([FAILS] * 4, True), ([FAILS, FAILS, FAILS, GOOD] * 2, False)],
)
@pytest.mark.parametrize("kind", ["llm", "tts"])
def test_row_114_the_fourth_failure_in_a_row_closes(
    kind: str, faults: list[Misbehaviour | None], closes: bool
) -> None:
    """Of a language model or a voice; what goes well in between clears the count."""
    llm = FakeLLM(default="Hi.", faults=faults if kind == "llm" else ())
    # An apology for a model that fails is spoken, and so counts as a voice that works.
    tts = FakeTTS(faults=faults if kind == "tts" else ())

    scene = on(lambda scene: ask(scene, len(faults)), llm=llm, tts=tts)

    assert scene.lines("close") == ["close: error" if closes else "close: user_initiated"]


def test_row_114_a_realtime_model_that_fails_closes_at_once() -> None:
    """Its failures are not counted."""
    model = FakeRealtime()

    async def talk(scene: Scene) -> None:
        model.sessions[-1].fail(APIConnectionError("gone"))
        await scene.until(1.0)

    scene = on(talk, llm=model)

    assert scene.lines("close") == ["close: error"]
    assert len(scene.lines("error")) == 1


def test_row_115_connect_options_have_the_defaults_of_the_reference() -> None:
    """Three retries, the first after 0.1 s, the others after 2 s, and 10 s for each model."""
    options = SessionConnectOptions()

    for each in (options.stt_conn_options, options.llm_conn_options, options.tts_conn_options):
        assert (each.max_retry, each.retry_interval, each.timeout) == (3, 2.0, 10.0)
        assert [each.pause_before(retry) for retry in range(3)] == [0.1, 2.0, 2.0]
    assert options.max_unrecoverable_errors == 3


def test_row_145_an_stt_that_fails_is_made_anew_after_half_a_second() -> None:
    """And hears what comes then."""
    stt = FakeSTT(["hello"], faults=[FAILS])

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=3.0)
        await scene.until(8.0)

    scene = on(talk, llm=FakeLLM(default="Hi."), stt=stt, tts=FakeTTS())

    assert len(stt.attempts) == 2
    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]


def test_row_193_a_request_is_tried_four_times_and_status_499_ends_it_quietly() -> None:
    """One try and three retries; 499 is a request that its client has closed."""

    async def collect(fault: Fault) -> tuple[int, BaseException | None]:
        llm = FakeLLM(faults=[fault] * 9)
        asked = ChatContext.empty()
        asked.add_message(role="user", content="hello")
        try:
            async with llm.chat(chat_ctx=asked, conn_options=APIConnectOptions()) as stream:
                await stream.collect()
        except APIConnectionError as error:
            return len(llm.requests), error
        return len(llm.requests), None

    tries, error = run_virtual(collect(Fault(kind=FAILS)))
    closed = Fault(kind=FAILS, error=APIStatusError("closed", status_code=499))

    assert (tries, type(error)) == (4, APIConnectionError)
    assert run_virtual(collect(closed)) == (1, None)


@pytest.mark.parametrize(
    ("row", "make"),
    [
        (195, lambda: LLMFallback([FakeLLM(faults=[FAILS] * 50), FakeLLM(default="Hi.")])),
        (206, lambda: STTFallback([FakeSTT(faults=[FAILS] * 50), FakeSTT(["hello"])])),
        (211, lambda: TTSFallback([FakeTTS(faults=[FAILS] * 50), FakeTTS()])),
    ],
)
def test_rows_195_206_211_a_fallback_hides_a_failure(row: int, make: Callable[[], object]) -> None:
    """The session hears of no failure for good, and the conversation goes on by the other model."""
    made: dict[str, Any] = {
        "llm": FakeLLM(default="Hi."),
        "stt": FakeSTT(["hello"]),
        "tts": FakeTTS(),
    }
    name = {195: "llm", 206: "stt", 211: "tts"}[row]

    async def run() -> Scene:
        adapter = make()
        models = {**made, name: adapter}
        options = SessionConnectOptions()
        async with Scene(user_away_timeout=None, conn_options=options, **models) as scene:
            scene.mic.speak(1.0, start_in=1.0)
            await scene.until(15.0)
        await adapter.aclose()  # type: ignore[attr-defined]
        return scene

    scene = run_virtual(run())

    assert scene.lines("error: ") == []
    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]
    assert len(scene.loudspeaker.segments) == 1


def test_row_225_errors_say_whether_another_try_is_worth_it() -> None:
    """A 4xx is not, but for 408, 429 and 499; what is the network's, or the time's, is."""
    retryable = {
        status: create_api_error_from_http(status=status).retryable
        for status in (400, 401, 404, 408, 429, 499, 500, 503)
    }

    assert [status for status, again in retryable.items() if again] == [408, 429, 499, 500, 503]
    assert APIConnectionError("x").retryable
    assert isinstance(APITimeoutError("x"), APIConnectionError)
    assert isinstance(APITimeoutError("x"), asyncio.TimeoutError)
