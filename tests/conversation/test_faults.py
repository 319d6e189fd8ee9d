"""Models and outputs that fail, hang or end early in the midst of a conversation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from agentd.audio.frame import AudioFrame
from agentd.errors import AudioError
from agentd.llm import function_tool
from agentd.resilience import APIConnectOptions
from agentd.stt.events import SpeechEvent
from agentd.testing import (
    FakeAudioOutput,
    FakeCall,
    FakeLLM,
    FakeReply,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    Fault,
    Misbehaviour,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.vad import VAD, VADStream
from agentd.voice.agent import Agent
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.options import DeadAirOptions, SessionConnectOptions

QUICK = SessionConnectOptions(
    stt_conn_options=APIConnectOptions(max_retry=0, timeout=5.0),
    llm_conn_options=APIConnectOptions(max_retry=0, timeout=5.0),
    tts_conn_options=APIConnectOptions(max_retry=0, timeout=5.0),
)
"""No retries of the models' own: what is tested is what the session does."""


def on(scenario: Callable[[Scene], Awaitable[None]], *args: Any, **kwargs: Any) -> Scene:
    """The scene after a scenario."""

    async def run() -> Scene:
        defaults = {
            "tts": FakeTTS(),
            "vad": FakeVAD(),
            "user_away_timeout": None,
            "conn_options": QUICK,
        }
        async with Scene(*args, **{**defaults, **kwargs}) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


async def two_turns(scene: Scene) -> None:
    """The user speaks twice."""
    scene.mic.speak(1.0, start_in=1.0)
    scene.mic.speak(1.0, start_in=12.0)
    await scene.until(20.0)


@pytest.mark.parametrize("kind", [Misbehaviour.RAISE, Misbehaviour.END_EARLY])
def test_an_stt_that_fails_is_started_anew(kind: Misbehaviour) -> None:
    """After a pause; the conversation goes on, and the failure is an event."""
    stt = FakeSTT(["hello", "hello again"], faults=[Fault(kind=kind, after=0.5)])

    scene = on(two_turns, llm=FakeLLM(default="Hi."), stt=stt)

    assert len(stt.attempts) >= 2
    assert scene.lines("error: STTError") != []
    assert scene.history()[-1] == "assistant: Hi."


def test_an_stt_that_keeps_failing_ends_the_session() -> None:
    """The fourth time in a row."""
    stt = FakeSTT(faults=[Misbehaviour.RAISE] * 10)

    scene = on(two_turns, llm=FakeLLM(default="Hi."), stt=stt)

    assert scene.lines("close") == ["close: error"]
    assert len(scene.lines("error")) == 4


def test_an_stt_that_hangs_is_started_anew() -> None:
    """When the VAD has heard three utterances that it said nothing about."""

    class Deaf(Agent):
        attempts = 0

        async def stt_node(
            self, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
        ) -> AsyncIterator[SpeechEvent]:
            self.attempts += 1
            if self.attempts == 1:
                async for _ in audio:
                    pass
            async for event in Agent.default.stt_node(self, audio, model_settings):
                yield event

    agent = Deaf(instructions="x")

    async def talk(scene: Scene) -> None:
        for start in (1.0, 4.0, 7.0, 10.0):
            scene.mic.speak(1.0, start_in=start)
        await scene.until(16.0)

    scene = on(talk, agent, llm=FakeLLM(default="Hi."), stt=FakeSTT(["hello"]))

    assert agent.attempts == 2
    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]


def test_a_voice_that_fails_leaves_the_text() -> None:
    """What can't be heard is written; the next reply is spoken again."""
    tts = FakeTTS(faults=[Misbehaviour.RAISE])

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")
        await scene.session.say("And again.")

    scene = on(say, tts=tts)

    assert scene.lines("error") == ["error: TTSError APIConnectionError"]
    assert scene.screen.segments == ["Hello there, friend.", "And again."]
    assert len(scene.loudspeaker.segments) == 1
    assert scene.history()[1:] == ["assistant: Hello there, friend.", "assistant: And again."]


def test_a_voice_that_fails_in_the_midst_leaves_the_rest_as_text() -> None:
    """What was spoken was heard, the rest is written at once."""
    tts = FakeTTS(faults=[Fault(kind=Misbehaviour.RAISE, after=0.5)])

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(say, tts=tts)

    assert scene.screen.segments == ["Hello there, friend."]
    assert scene.loudspeaker.segments[0].seconds == pytest.approx(0.5, abs=0.11)
    assert scene.history()[-1] == "assistant: Hello there, friend."


def test_a_voice_that_yields_nothing_leaves_the_text() -> None:
    """For real text that is a failure."""
    tts = FakeTTS(faults=[Misbehaviour.END_EARLY])

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(say, tts=tts)

    assert scene.lines("error") != []
    assert scene.screen.segments == ["Hello there, friend."]


def test_an_output_that_fails_leaves_the_text() -> None:
    """The session goes on in writing."""

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    fault = Fault(kind=Misbehaviour.RAISE, error=AudioError("no device"), after=0.3)
    scene = on(say, loudspeaker=FakeAudioOutput(fault=fault))

    assert scene.screen.segments == ["Hello there, friend."]


def test_a_screen_that_fails_leaves_the_voice() -> None:
    """The speech is heard to its end."""

    async def say(scene: Scene) -> None:
        scene.screen.fault = Fault(kind=Misbehaviour.RAISE, error=OSError("no screen"))
        await scene.session.say("Hello there, friend.")

    scene = on(say)

    assert scene.loudspeaker.segments[0].seconds == pytest.approx(1.0)
    assert scene.history()[-1] == "assistant: Hello there, friend."


def test_a_model_that_fails_before_its_first_word_is_apologised_for() -> None:
    """The user hears that something is wrong, and the next turn is answered."""
    llm = FakeLLM(["Fine."], faults=[Misbehaviour.RAISE])

    scene = on(
        two_turns,
        llm=llm,
        stt=FakeSTT(["hello", "hello again"]),
        turn_handling={"preemptive_generation": {"enabled": False}},
    )

    assert scene.lines("error") == ["error: LLMError APIConnectionError"]
    assert scene.history()[1:] == [
        "user: hello",
        "assistant: I'm sorry, something went wrong. Could you say that again?",
        "user: hello again",
        "assistant: Fine.",
    ]


def test_a_model_that_fails_in_the_midst_has_said_what_it_said() -> None:
    """There is no apology: the user has heard something, and sees that it ends."""
    llm = FakeLLM(["One two three four."], faults=[Fault(kind=Misbehaviour.RAISE, after=2)])

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Count.")

    scene = on(talk, llm=llm)

    assert scene.history()[2:] == ["assistant: One two "]


def test_a_model_that_says_nothing_leaves_the_turn_unanswered() -> None:
    """An empty reply is no message, and the conversation goes on."""
    llm = FakeLLM([FakeReply(), "Fine."])

    scene = on(two_turns, llm=llm, stt=FakeSTT(["hello", "hello again"]))

    assert scene.history()[1:] == ["user: hello", "user: hello again", "assistant: Fine."]
    assert scene.lines("agent")[-1] == "agent: listening"


def test_dead_air_is_noticed_and_the_model_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """One that hangs is given up after eight seconds; what each stage did is in the log."""
    llm = FakeLLM(["At last."], faults=[Misbehaviour.HANG])

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Hello?")

    patient = SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=60.0))
    with caplog.at_level(logging.WARNING):
        scene = on(talk, llm=llm, conn_options=patient)

    assert scene.timed("dead air", "agent: speaking") == [
        (8.0, "dead air: retry"),
        (8.0, "agent: speaking"),
    ]
    assert scene.history()[-1] == "assistant: At last."
    (record,) = [r for r in caplog.records if getattr(r, "action", "") == "dead_air"]
    assert record.stages["llm"] == "no answer for 8.0 s"  # type: ignore[attr-defined]


def test_dead_air_that_does_not_end_is_apologised_for() -> None:
    """A model that hangs twice is given up."""
    llm = FakeLLM(faults=[Misbehaviour.HANG] * 2)

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Hello?")
        await scene.session.wait_for_idle()

    patient = SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=60.0))
    scene = on(talk, llm=llm, conn_options=patient)

    assert scene.timed("dead air") == [(8.0, "dead air: retry"), (16.0, "dead air: apology")]
    assert scene.history()[-1].startswith("assistant: I'm sorry")


def test_a_voice_that_hangs_is_asked_again() -> None:
    """And the text is spoken from its start."""
    tts = FakeTTS(faults=[Misbehaviour.HANG])

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Hello?")

    patient = SessionConnectOptions(tts_conn_options=APIConnectOptions(timeout=60.0))
    scene = on(talk, llm=FakeLLM(default="Hello there."), tts=tts, conn_options=patient)

    assert scene.timed("dead air", "agent: speaking") == [
        (8.0, "dead air: retry"),
        (8.0, "agent: speaking"),
    ]


def test_a_slow_tool_is_covered_by_a_word() -> None:
    """The user hears that he has to wait; the tool goes on."""

    @function_tool
    async def slow() -> str:
        """Takes its time."""
        await asyncio.sleep(12.0)
        return "done"

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Go.")

    scene = on(
        talk,
        Agent(instructions="x", tools=[slow]),
        llm=FakeLLM([FakeCall("slow"), "It is done."]),
    )

    assert scene.timed("dead air") == [(8.0, "dead air: filler")]
    assert scene.history()[2:] == ["assistant: One moment, please.", "assistant: It is done."]


def test_silence_that_the_user_breaks_is_no_dead_air() -> None:
    """While he speaks the agent owes nothing."""
    llm = FakeLLM(["Fine."], ttft=7.0)

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Hello?")
        scene.mic.speak(3.0, start_in=5.0)
        await scene.until(12.0)

    patient = SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=60.0))
    scene = on(talk, llm=llm, conn_options=patient)

    assert scene.lines("dead air") == []


@pytest.mark.parametrize("after", [0.0, 0.3])
def test_an_output_that_hangs_is_given_up_for_text(after: float) -> None:
    """Also in the midst of a speech. Where not even the apology is heard, it is written, and so is
    all that comes after; the app may have the session speak again."""
    fault = Fault(kind=Misbehaviour.HANG, after=after)

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Hello?")
        await scene.until(50.0)
        await scene.session.generate_reply(user_input="Are you there?")

    scene = on(
        talk, llm=FakeLLM(default="Hello there, friend."), loudspeaker=FakeAudioOutput(fault=fault)
    )

    assert scene.timed("dead air")[0][0] == pytest.approx(8.0 + after, abs=0.1)
    assert scene.lines("degraded") == ["degraded: audio_output"]
    assert "dead air: text" in scene.lines("dead air")
    assert scene.history()[-3].startswith("assistant: I'm sorry")
    assert scene.history()[-2:] == ["user: Are you there?", "assistant: Hello there, friend."]
    assert scene.timed("said assistant")[-1][0] == 50.0


def test_nobody_is_owed_speech_who_is_not_there() -> None:
    """An agent that waits for its caller is not apologised for, however long that takes."""
    llm = FakeLLM(["At last."], ttft=30.0)

    async def talk(scene: Scene) -> None:
        scene.session.audience_present(False)
        scene.session.generate_reply(user_input="Hello?")
        await scene.until(20.0)
        scene.session.audience_present(True)
        await scene.until(27.0)

    scene = on(
        talk,
        llm=llm,
        conn_options=SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=60.0)),
    )

    assert scene.lines("dead air") == []


def test_a_voice_slower_than_speech_is_no_dead_air() -> None:
    """It is heard, with gaps: a tenth of a second every two."""
    tts = FakeTTS(chunk_delay=2.0)

    async def talk(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(talk, tts=tts)

    assert scene.timed("said assistant")[0][0] == pytest.approx(20.0, abs=0.2)
    assert scene.lines("dead air") == []


def test_dead_air_may_be_left_alone() -> None:
    """Without a timeout nothing is done."""
    llm = FakeLLM(["At last."], ttft=20.0)

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Hello?")

    scene = on(
        talk,
        llm=llm,
        conn_options=SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=60.0)),
        dead_air=DeadAirOptions(timeout=None),
    )

    assert scene.lines("dead air") == []
    assert scene.history()[-1] == "assistant: At last."


class BrokenVAD(VAD):
    """Fails with every frame."""

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class."""
        made = FakeVAD().stream(sample_rate=sample_rate)

        def push(pcm: object) -> list[Any]:
            raise ValueError("no weights")

        made.push = push  # type: ignore[method-assign]
        return made


def test_a_vad_that_keeps_failing_ends_the_session() -> None:
    """The fourth time in a row, after some pauses: nobody would hear the user."""

    async def listen(scene: Scene) -> None:
        await scene.until(9.0)

    scene = on(listen, vad=BrokenVAD(), stt=FakeSTT())

    assert scene.lines("close") == ["close: error"]


def test_a_frame_that_is_no_audio_is_left_out() -> None:
    """The ones after it are heard."""

    async def talk(scene: Scene) -> None:
        scene.mic.spoil_next()
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, llm=FakeLLM(default="Hi."), stt=FakeSTT(["hello"]))

    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]


def test_an_input_that_fails_is_listened_to_again() -> None:
    """The ears are started anew by their supervisor."""

    async def talk(scene: Scene) -> None:
        scene.mic.fail_next()
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, llm=FakeLLM(default="Hi."), stt=FakeSTT(["hello"]))

    assert scene.history()[1:] == ["user: hello", "assistant: Hi."]
