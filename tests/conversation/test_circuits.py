"""A conversation whose services go down and come back, with fallbacks and circuit breakers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.llm import FallbackAdapter as LLMFallback
from agentd.resilience import circuits
from agentd.stt import FallbackAdapter as STTFallback
from agentd.testing import (
    FakeLLM,
    FakeReply,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    Fault,
    Misbehaviour,
    Said,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.tts import FallbackAdapter as TTSFallback

HANG, RAISE = Misbehaviour.HANG, Misbehaviour.RAISE
LLM_KEY, STT_KEY, TTS_KEY = "api.test/llm", "api.test/stt", "api.test/tts"
ONE = "This is the first sentence."
TWO = "And here is the second one."


def turns(*instants: float, until: float) -> Callable[[Scene], Awaitable[None]]:
    """The user speaks for a second at each of these instants."""

    async def scenario(scene: Scene) -> None:
        for at in instants:
            scene.mic.speak(1.0, start_in=at)
        await scene.until(until)

    return scenario


def on(scenario: Callable[[Scene], Awaitable[None]], **models: Any) -> tuple[Scene, list[str]]:
    """The scene after a scenario, and which circuits are not closed.

    What is not given is well and has no circuit.
    """

    async def run() -> tuple[Scene, list[str]]:
        defaults = {
            "llm": FakeLLM(default="Hi."),
            "stt": FakeSTT(["hello", "again", "once more"]),
            "tts": FakeTTS(),
            "vad": FakeVAD(),
            "user_away_timeout": None,
        }
        async with Scene(**{**defaults, **models}) as scene:
            await scenario(scene)
            out = [circuit.key for circuit in circuits().not_closed()]
        return scene, out

    return run_virtual(run())


def test_only_the_first_turns_lose_time_over_a_model_that_is_down() -> None:
    """Once its circuit is open a call that begins does not wait for it at all."""
    first = FakeLLM(faults=[HANG] * 99, circuit=LLM_KEY)
    second = FakeLLM(default="Hi.")

    async def scenario(scene: Scene) -> None:
        circuits().of(LLM_KEY).hear_open(60.0, level=3, reason="503")
        await turns(1.0, until=6.0)(scene)

    scene, out = on(scenario, llm=LLMFallback([first, second], attempt_timeout=1.0))

    assert first.requests == []
    assert scene.history()[-1] == "assistant: Hi."
    assert scene.lines("error") == []
    assert out == [LLM_KEY]


def test_a_reply_that_breaks_off_is_ended_by_another_voice_and_nothing_is_said_twice() -> None:
    """The circuit opens in the middle; the history has each sentence once."""
    first = FakeTTS(timed_words=True, faults=[None, *[RAISE] * 99], circuit=TTS_KEY)
    second = FakeTTS(timed_words=True)

    scene, out = on(
        turns(1.0, until=20.0),
        llm=FakeLLM([FakeReply(text=f"{ONE} {TWO}")]),
        tts=TTSFallback([first, second], max_retry_per_tts=3),
    )

    assert scene.history()[-1] == f"assistant: {ONE} {TWO}"
    assert [attempt.text for attempt in first.attempts][:2] == [ONE, TWO]
    assert [attempt.text for attempt in second.attempts] == [TWO]
    assert out == [TTS_KEY]


def test_what_the_user_said_while_recognition_went_down_is_understood_by_another() -> None:
    """By the stream that takes over, with the audio that was not understood yet."""
    said = [Said(text="hello", start=1.0, end=2.0)]
    first = FakeSTT(said, faults=[Fault(kind=RAISE, after=1.5), *[RAISE] * 99], circuit=STT_KEY)
    second = FakeSTT(said)

    scene, out = on(
        turns(1.0, until=12.0),
        stt=STTFallback([first, second], max_retry_per_stt=3, retry_interval=0.2),
    )

    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]
    assert out == [STT_KEY]


@pytest.mark.parametrize("down", [4, 6])
def test_the_preferred_model_answers_again_after_it_has_recovered(down: int) -> None:
    """By one probe for each cooldown, and without a turn that is lost meanwhile."""
    first = FakeLLM(default="First.", faults=[RAISE] * down, circuit=LLM_KEY)
    second = FakeLLM(default="Second.")

    scene, out = on(
        turns(1.0, 12.0, 90.0, until=96.0), llm=LLMFallback([first, second], attempt_timeout=1.0)
    )

    replies = [line for line in scene.history() if line.startswith("assistant")]
    assert replies[0] == "assistant: Second."
    assert replies[-1] == "assistant: First."
    assert len(replies) == 3
    assert out == []
