"""What a session counts and measures for the daemon's metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from agentd.figures import here
from agentd.figures.families import (
    APOLOGIES,
    AUDIO,
    CHARACTERS,
    DEAD_AIR,
    INTERRUPTIONS,
    OUTAGE_SECONDS,
    OUTAGES,
    TOKENS,
    TURN_LATENCY,
    TURNS,
)
from agentd.figures.family import Family
from agentd.llm.items import ChatMessage
from agentd.metrics import RealtimeModelMetrics
from agentd.testing import FakeLLM, FakeSTT, FakeTTS, FakeVAD, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.engine.figures import count_usage, turn_latency
from agentd.voice.options import DeadAirOptions, OutageOptions

from . import outage_world


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    """What other tests have counted in this process is not ours."""
    here.take()
    here.turns, here.latency = 0, {}
    yield
    here.take()


def on(scenario: Callable[[Scene], Awaitable[None]], **kwargs: Any) -> Scene:
    """The scene after a scenario."""

    async def run() -> Scene:
        given = {"tts": FakeTTS(), "vad": FakeVAD(), "user_away_timeout": None, **kwargs}
        async with Scene(**given) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


def counted(family: Family) -> dict[tuple[str, ...], float]:
    """A counter's sums that are not 0."""
    return {labels: amount for labels, amount in here.counts(family).items() if amount}


def measured() -> dict[str, int]:
    """How often each stage was measured."""
    return {stage: counts[-1] for (stage,), counts, _ in here.bins(TURN_LATENCY) if counts[-1]}


def test_a_spoken_turn_is_counted_and_measured_stage_by_stage() -> None:
    """Once, however many events it makes; the greeting before it is no turn."""

    async def talk(scene: Scene) -> None:
        await scene.session.say("Hello there.")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(12.0)

    scene = on(talk, llm=FakeLLM(["I am fine, thank you."]), stt=FakeSTT(["how are you"]))

    *_, said = [item for item in scene.session.history.items if isinstance(item, ChatMessage)]
    assert counted(TURNS) == {(): 1.0}
    assert counted(INTERRUPTIONS) == {}
    assert measured() == dict.fromkeys(("e2e", "eot", "stt", "llm", "tts"), 1)
    assert here.turns == 1
    assert here.latency["e2e"] == said.metrics["e2e_latency"] > 0
    assert here.latency["eot"] > 0


def test_what_the_models_have_used_is_counted_by_model() -> None:
    """Tokens, characters, seconds of audio."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(12.0)

    on(talk, llm=FakeLLM(["I am fine, thank you."]), stt=FakeSTT(["how are you"]))

    fake = ("agentd.testing", "fake")
    assert {labels[:2] for labels in counted(TOKENS)} == {fake}
    assert {labels[2] for labels in counted(TOKENS)} == {"input", "output"}
    assert counted(CHARACTERS) == {fake: len("I am fine, thank you.")}
    assert {labels[0] for labels in counted(AUDIO)} == {"stt", "tts"}


def test_a_reply_that_is_cut_off_is_an_interruption() -> None:
    """And a turn all the same."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Tell me a story.")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(8.0)

    story = "Once upon a time there was a king who lived in a castle far away from here."
    on(talk, llm=FakeLLM([story, "As you like."]), stt=FakeSTT(["stop please"]))

    assert counted(INTERRUPTIONS) == {(): 1.0}
    assert counted(TURNS) == {(): 2.0}


def test_dead_air_and_what_was_done_about_it_are_counted() -> None:
    """Each time."""

    class Stuck(FakeLLM):
        """Never answers."""

        async def generate(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(3600)
            yield None

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Hello?")
        await scene.until(30.0)

    on(
        talk,
        llm=Stuck(),
        dead_air=DeadAirOptions(timeout=3.0, retries=1, apology="Sorry."),
    )

    assert counted(DEAD_AIR) == {("retry",): 1.0, ("apology",): 1.0}
    assert counted(APOLOGIES) == {("dead_air",): 1.0}


def test_an_outage_is_counted_and_its_seconds() -> None:
    """With the apology for it."""
    world = outage_world.World()
    weather = world.weather("llm")
    weather.out = True

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(20.0)
        weather.out = False
        await scene.until(50.0)

    outage_world.on(talk, on_outage=OutageOptions(say="Sorry."), **world.models("llm"))

    assert counted(OUTAGES) == {("llm",): 1.0}
    [(labels, seconds)] = counted(OUTAGE_SECONDS).items()
    assert labels == ("llm", "recovered")
    assert seconds > 10
    assert counted(APOLOGIES)["outage",] >= 1


def test_a_speech_to_speech_model_has_tokens_of_all_kinds() -> None:
    """Cached and spoken ones are in the sums too, as providers count them."""
    count_usage(
        RealtimeModelMetrics(
            provider="p",
            model="m",
            input_tokens=50,
            output_tokens=40,
            input_audio_tokens=30,
            output_audio_tokens=20,
            cached_tokens=10,
        )
    )

    assert counted(TOKENS) == {
        ("p", "m", "input"): 50,
        ("p", "m", "output"): 40,
        ("p", "m", "input_audio"): 30,
        ("p", "m", "output_audio"): 20,
        ("p", "m", "input_cached"): 10,
    }


def test_where_tools_come_first_the_wait_is_measured_to_the_first_word() -> None:
    """By wall time, which is all that tells then."""
    asked = ChatMessage(
        role="user", content=["?"], created_at=100.5, metrics={"end_of_turn_delay": 0.5}
    )
    answer = ChatMessage(role="assistant", content=["!"], metrics={"started_speaking_at": 104.0})

    assert turn_latency(asked, answer) == {"e2e": 4.0, "eot": 0.5}


def test_a_written_turn_has_what_is_known_of_it() -> None:
    """Which is nothing, where nothing was measured."""
    asked = ChatMessage(role="user", content=["?"])
    answer = ChatMessage(role="assistant", content=["!"], metrics={"llm_node_ttft": 0.2})

    assert turn_latency(asked, answer) == {"llm": 0.2}
