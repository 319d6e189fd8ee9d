"""Conversations in speech: what is heard when, and what is remembered of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from agentd.audio.frame import AudioFrame, silent_frame
from agentd.errors import SessionError
from agentd.llm import ChatContext, ChatMessage, StopResponse, Tool, function_tool
from agentd.stt import STTCapabilities
from agentd.testing import (
    FakeAudioOutput,
    FakeCall,
    FakeLLM,
    FakeReply,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.default_nodes import FlushSentinel, ModelSettings

PARTS: dict[str, Any] = {"vad": FakeVAD(), "user_away_timeout": None}
"""What the sessions of this file have, but for what a test says itself."""


def on(scenario: Callable[[Scene], Awaitable[None]], *args: Any, **kwargs: Any) -> Scene:
    """The scene after a scenario."""

    async def run() -> Scene:
        async with Scene(*args, **{"tts": FakeTTS(), **PARTS, **kwargs}) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


def test_a_text_is_spoken_and_written_word_by_word() -> None:
    """Twenty characters take a second; the words come while they are spoken."""

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(say)

    assert [(s.started_at, s.seconds) for s in scene.loudspeaker.segments] == [(0.0, 1.0)]
    assert scene.screen.segments == ["Hello there, friend."]
    assert len(scene.screen.pieces) == 3
    assert scene.screen.pieces[0] == (0.0, "Hello ")
    assert 0.3 < scene.screen.pieces[2][0] < 1.0
    assert scene.timed("agent", "said a") == [
        (0.0, "agent: listening"),
        (0.0, "agent: speaking"),
        (1.0, "said assistant: Hello there, friend."),
        (1.0, "agent: listening"),
    ]


def test_markdown_is_written_and_not_spoken() -> None:
    """The transcript has what the model wrote."""
    tts = FakeTTS()

    async def say(scene: Scene) -> None:
        await scene.session.say("This is **bold** \U0001f600.")

    scene = on(say, tts=tts)

    assert tts.attempts[0].text.replace(" ", "") == "Thisisbold."
    assert scene.screen.segments == ["This is **bold** \U0001f600."]


def test_text_may_come_in_pieces() -> None:
    """It is spoken while it comes."""

    async def pieces() -> AsyncIterator[str]:
        yield "One two "
        await asyncio.sleep(1.0)
        yield "three."

    async def say(scene: Scene) -> None:
        await scene.session.say(pieces())

    scene = on(say)

    assert scene.loudspeaker.segments[0].started_at == 0.0
    assert scene.history()[-1] == "assistant: One two three."


def test_text_that_fails_fails_the_speech() -> None:
    """What came before is spoken and remembered."""

    async def pieces() -> AsyncIterator[str]:
        yield "One two "
        raise ValueError("no more")

    async def say(scene: Scene) -> None:
        handle = await scene.session.say(pieces())
        scene.record.append((0.0, f"failed: {handle.exception()}"))

    scene = on(say)

    assert scene.lines("failed") == ["failed: no more"]


def test_what_is_said_need_not_be_remembered() -> None:
    """As a filler."""

    async def say(scene: Scene) -> None:
        await scene.session.say("Hm.", add_to_chat_ctx=False)

    assert on(say).history() == ["handoff:  -> default_agent"]


def test_audio_of_ones_own_is_played_in_place_of_the_voice() -> None:
    """The text is written along; the TTS is not asked."""
    tts = FakeTTS()

    async def music() -> AsyncIterator[AudioFrame]:
        for _ in range(4):
            yield silent_frame(0.5, 24000)

    async def say(scene: Scene) -> None:
        await scene.session.say("La la la.", audio=music())

    scene = on(say, tts=tts)

    assert [s.seconds for s in scene.loudspeaker.segments] == [2.0]
    assert tts.attempts == []
    assert scene.history()[-1] == "assistant: La la la."


def test_without_a_voice_nothing_can_be_said_aloud() -> None:
    """It says what is missing."""

    async def say(scene: Scene) -> None:
        with pytest.raises(SessionError, match="tts="):
            scene.session.say("Hello")

    on(say, tts=None)


def test_frames_are_made_to_fit_the_output() -> None:
    """At the rate that it wants."""

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(say, loudspeaker=FakeAudioOutput(sample_rate=48000))

    assert {frame.sample_rate for frame in scene.loudspeaker.frames} == {48000}
    assert scene.loudspeaker.segments[0].seconds == pytest.approx(1.0, abs=0.001)


def test_a_turn_is_answered() -> None:
    """From the first sound of the user to the last of the agent."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, llm=FakeLLM(["I am fine, thank you."]), stt=FakeSTT(["how are you"]))

    assert scene.timed() == [
        (0.0, "agent: listening"),
        (0.0, "said handoff:  -> default_agent"),
        (1.05, "user: speaking"),
        (2.2, "heard: how are you"),
        (2.25, "user: listening"),
        (2.5, "said user: how are you"),
        (2.5, "agent: thinking"),
        (2.5, "agent: speaking"),
        (3.55, "said assistant: I am fine, thank you."),
        (3.55, "agent: listening"),
        (6.0, "close: user_initiated"),
    ]


def test_the_delays_of_a_turn_are_in_its_messages() -> None:
    """The user's: until the transcript, until the decision. The agent's: until it was heard."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(
        talk,
        llm=FakeLLM(["I am fine."], ttft=0.3),
        tts=FakeTTS(latency=0.1),
        stt=FakeSTT(["how are you"]),
        turn_handling={"preemptive_generation": {"enabled": False}},
    )
    user, agent = scene.session.history.messages()

    assert user.metrics["transcription_delay"] == pytest.approx(0.2)
    assert user.metrics["end_of_turn_delay"] == pytest.approx(0.5)
    assert agent.metrics["llm_node_ttft"] == pytest.approx(0.3)
    assert agent.metrics["tts_node_ttfb"] == pytest.approx(0.1)
    assert agent.metrics["e2e_latency"] == pytest.approx(0.9)


def test_a_reply_that_was_begun_early_is_used() -> None:
    """The model has thought during the silence that ends the turn, and is asked once."""
    llm = FakeLLM(["I am fine."], ttft=0.25)

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, llm=llm, stt=FakeSTT(["how are you"]))

    assert len(llm.requests) == 1
    assert scene.timed("agent: speaking") == [(2.5, "agent: speaking")]


def test_a_hook_may_change_the_message_and_what_the_model_knows() -> None:
    """For this turn; the early reply, which did not know, is not used."""

    class Careful(Agent):
        async def on_user_turn_completed(
            self, turn_ctx: ChatContext, new_message: ChatMessage
        ) -> None:
            turn_ctx.add_message(role="system", content="It is Tuesday.")
            new_message.content = ["HOW ARE YOU"]

    llm = FakeLLM(default="I am fine.")

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, Careful(instructions="x"), llm=llm, stt=FakeSTT(["how are you"]))

    told = [message.text_content for message in llm.requests[-1].chat_ctx.messages()]
    assert told == ["x", "It is Tuesday.", "HOW ARE YOU"]
    assert scene.history()[1:] == ["user: HOW ARE YOU", "assistant: I am fine."]


def test_a_hook_may_have_the_agent_say_nothing() -> None:
    """StopResponse: what the user said is remembered, and told to be unanswered."""

    class Silent(Agent):
        async def on_user_turn_completed(
            self, turn_ctx: ChatContext, new_message: ChatMessage
        ) -> None:
            raise StopResponse

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(talk, Silent(instructions="x"), llm=FakeLLM(default="x"), stt=FakeSTT(["hello"]))

    assert scene.history()[1:] == ["user: hello"]
    assert scene.lines("dropped") == ["dropped:  (unanswered)"]
    assert scene.lines("agent") == ["agent: listening"]


def test_a_hook_that_fails_costs_the_reply_and_not_the_call() -> None:
    """The next turn is answered."""

    class Flaky(Agent):
        async def on_user_turn_completed(
            self, turn_ctx: ChatContext, new_message: ChatMessage
        ) -> None:
            if new_message.text_content == "one":
                raise ValueError("not this one")

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        scene.mic.speak(1.0, start_in=5.0)
        await scene.until(10.0)

    scene = on(
        talk, Flaky(instructions="x"), llm=FakeLLM(default="Yes."), stt=FakeSTT(["one", "two"])
    )

    assert scene.history()[1:] == ["user: one", "user: two", "assistant: Yes."]


def test_an_interruption_stops_the_voice_and_keeps_what_was_heard() -> None:
    """Half a second of speech pauses it, the turn cuts it; the rest was never said."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Tell me a story.")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(8.0)

    story = "Once upon a time there was a king who lived in a castle far away from here."
    scene = on(talk, llm=FakeLLM([story, "As you like."]), stt=FakeSTT(["stop please"]))

    first = scene.loudspeaker.segments[0]
    assert (first.interrupted, first.seconds) == (True, 1.5)
    assert first.ended_at == 2.5
    cut = scene.history()[2]
    assert cut.startswith("assistant: Once upon a time ")
    assert cut.endswith("/")
    assert len(cut) < len(story) / 2 + 12
    assert scene.history()[3:] == ["user: stop please", "assistant: As you like."]


def test_what_is_shown_of_an_interrupted_speech_ends_with_the_sound() -> None:
    """At most one word was begun and not heard."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Tell me a story.")
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(8.0)

    story = "Once upon a time there was a king who lived in a castle far away from here."
    scene = on(talk, llm=FakeLLM([story, "As you like."]), stt=FakeSTT(["stop please"]))

    heard = scene.history()[2].removeprefix("assistant: ").removesuffix("/")
    assert scene.screen.segments[0].startswith(heard)
    assert len(scene.screen.segments[0].split()) - len(heard.split()) <= 1


def test_a_cough_pauses_the_voice_and_lets_it_go_on() -> None:
    """Nothing follows: after two seconds the speech goes on where it was."""

    async def talk(scene: Scene) -> None:
        scene.session.say("A sentence of forty characters, exactly.")
        scene.mic.speak(0.6, start_in=0.5)
        await scene.until(8.0)

    scene = on(talk, stt=FakeSTT())

    (played,) = scene.loudspeaker.segments
    assert (played.interrupted, played.seconds) == (False, 2.0)
    assert played.ended_at > 4.0
    assert scene.lines("false") == ["false interruption, resumed"]
    assert scene.history()[-1] == "assistant: A sentence of forty characters, exactly."


def test_protected_speech_is_heard_to_its_end() -> None:
    """What the user says meanwhile is not heard."""

    async def talk(scene: Scene) -> None:
        scene.session.say("A sentence of forty characters, exactly.", allow_interruptions=False)
        scene.mic.speak(1.0, start_in=0.5)
        await scene.until(5.0)

    scene = on(talk, stt=FakeSTT(["stop"]), llm=FakeLLM(default="no"))

    (played,) = scene.loudspeaker.segments
    assert (played.interrupted, played.ended_at) == (False, 2.0)


def test_interrupting_by_code_stops_everything() -> None:
    """What is said, and what waits; the future is done when it is over."""

    async def talk(scene: Scene) -> None:
        session = scene.session
        handles = [session.say("One two three four five."), session.say("Six."), session.say("7.")]
        await asyncio.sleep(0.5)
        await session.interrupt()
        scene.record.append((0.0, f"cut: {[handle.interrupted for handle in handles]}"))

    scene = on(talk)

    assert scene.lines("cut") == ["cut: [True, True, True]"]
    assert [round(s.seconds, 2) for s in scene.loudspeaker.segments] == [0.5]


def test_what_is_protected_stops_the_interruption() -> None:
    """In the queue it stays, and all behind it; playing, it is an error."""

    async def talk(scene: Scene) -> None:
        session = scene.session
        first = session.say("One two three.")
        second = session.say("Protected.", allow_interruptions=False)
        third = session.say("Three.")
        await asyncio.sleep(0.1)
        session.interrupt()
        scene.record.append(
            (0.0, f"cut: {[handle.interrupted for handle in (first, second, third)]}")
        )
        await asyncio.sleep(0.1)
        with pytest.raises(SessionError, match="force"):
            session.interrupt()
        await session.interrupt(force=True)
        scene.record.append((0.0, f"forced: {[handle.interrupted for handle in (second, third)]}"))

    scene = on(talk)

    assert scene.lines("cut", "forced") == ["cut: [True, False, False]", "forced: [True, True]"]


def test_a_tool_may_speak_while_it_works() -> None:
    """Its words are heard at once, though the reply that has called it is not over."""

    class Busy(Agent):
        @function_tool
        async def work(self) -> str:
            """Takes a while."""
            await self.session.say("Let me see.")
            return "done"

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Work!")

    scene = on(talk, Busy(instructions="x"), llm=FakeLLM([FakeCall("work"), "It is done."]))

    assert scene.history()[1:] == [
        "user: Work!",
        "assistant: Let me see.",
        "assistant: It is done.",
    ]


def test_segments_are_spoken_one_after_the_other() -> None:
    """A FlushSentinel ends one; the voice makes the next while the first is heard."""

    class Two(Agent):
        async def llm_node(
            self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
        ) -> AsyncIterator[str | FlushSentinel]:
            yield "First part."
            yield FlushSentinel()
            yield "Second part."

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply()

    tts = FakeTTS(latency=0.4)
    scene = on(talk, Two(instructions="x"), tts=tts)

    first, second = scene.loudspeaker.segments
    assert first.started_at == 0.4
    assert second.started_at == first.ended_at
    assert scene.screen.segments == ["First part.", "Second part."]
    assert scene.history()[-1] == "assistant: First part.Second part."


def test_a_voice_of_ones_own() -> None:
    """A `tts_node` that makes something of what the voice gives."""

    class Loud(Agent):
        async def tts_node(
            self, text: AsyncIterable[str], model_settings: ModelSettings
        ) -> AsyncIterator[AudioFrame]:
            async for frame in Agent.default.tts_node(self, text, model_settings):
                yield AudioFrame(data=frame.data * 2, sample_rate=frame.sample_rate)

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there, friend.")

    scene = on(say, Loud(instructions="x"))

    assert [s.seconds for s in scene.loudspeaker.segments] == [2.0]


def test_a_transcript_of_ones_own() -> None:
    """A `transcription_node` writes what it likes; that is what is remembered."""

    class Shouting(Agent):
        async def transcription_node(
            self, text: AsyncIterable[str], model_settings: ModelSettings
        ) -> AsyncIterator[str]:
            async for piece in text:
                yield piece.upper()

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello.")

    scene = on(say, Shouting(instructions="x"))

    assert scene.screen.segments == ["HELLO."]
    assert scene.history()[-1] == "assistant: HELLO."


def test_words_with_times_of_the_voice() -> None:
    """With `use_tts_aligned_transcript` a word is written when the voice says it."""

    async def say(scene: Scene) -> None:
        await scene.session.say("Antidisestablishmentarianism is a word.")

    scene = on(say, tts=FakeTTS(timed_words=True), use_tts_aligned_transcript=True)

    at = {text.strip(): round(when, 2) for when, text in scene.screen.pieces}
    assert at["is"] == pytest.approx(1.4, abs=0.1)
    assert scene.history()[-1] == "assistant: Antidisestablishmentarianism is a word."


def test_push_to_talk() -> None:
    """The turn is over when the code says so, and the future gives its words."""

    async def talk(scene: Scene) -> None:
        session = scene.session
        session.input.set_audio_enabled(False)
        await scene.until(1.0)
        session.input.set_audio_enabled(True)
        scene.mic.speak(1.0)
        await scene.until(2.5)
        session.input.set_audio_enabled(False)
        text = await session.commit_user_turn()
        scene.record.append((0.0, f"committed: {text}"))
        await scene.until(6.0)

    scene = on(
        talk,
        llm=FakeLLM(["Over."]),
        stt=FakeSTT(["roger"]),
        turn_handling={"turn_detection": "manual"},
    )

    assert scene.lines("committed") == ["committed: roger"]
    assert scene.history()[1:] == ["user: roger", "assistant: Over."]


def test_a_user_who_says_nothing_for_long_is_away() -> None:
    """And is back with the next word."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=20.0)
        await scene.until(22.0)

    scene = on(talk, stt=FakeSTT(["hello"]), llm=FakeLLM(default="Hi."), user_away_timeout=15.0)

    assert scene.timed("user")[:2] == [(15.0, "user: away"), (20.05, "user: speaking")]


def test_a_reply_waits_while_the_user_speaks() -> None:
    """Nothing of it is heard until it is clear that the user has finished."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(1.0)
        await scene.until(0.2)
        scene.session.generate_reply(user_input="Something else.")
        await scene.until(6.0)

    scene = on(talk, llm=FakeLLM(default="An answer."), stt=FakeSTT(["wait a moment"]))

    assert all(s.started_at > 1.0 for s in scene.loudspeaker.segments)


def test_a_call_before_words_leaves_the_transcript_whole() -> None:
    """Words and calls in one reply: words first, then the tool, then the rest."""

    @function_tool
    async def look() -> str:
        """Look."""
        return "seen"

    async def talk(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Look.")

    scene = on(
        talk,
        Agent(instructions="x", tools=[look]),
        llm=FakeLLM([FakeReply(text="Looking now.", calls=(FakeCall("look"),)), "I see it."]),
    )

    assert scene.history()[2:] == ["assistant: Looking now.", "assistant: I see it."]
    assert [s.interrupted for s in scene.loudspeaker.segments] == [False, False]


def test_text_may_run_ahead_of_the_voice() -> None:
    """By a factor, or at once; what counts as heard does not change."""

    async def say(scene: Scene) -> None:
        scene.session.say("Hello there, friend.")
        await scene.until(0.5)
        await scene.session.interrupt()

    async def ahead(scene: Scene) -> None:
        scene.screen.in_step = False
        await say(scene)

    in_step, at_once = on(say), on(ahead)

    assert at_once.screen.pieces[-1][0] == 0.0
    assert at_once.screen.text == "Hello there, friend."
    assert in_step.history() == at_once.history()


def test_a_turn_that_was_timed_within_a_tool_is_a_turn_like_any_other() -> None:
    """Its reply may call tools, though the timer that ended it was set in a tool's course."""

    @function_tool
    async def work() -> str:
        """Takes a moment."""
        await asyncio.sleep(1.2)
        return "done"

    llm = FakeLLM([FakeCall("work"), "Done.", "Yes."])

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Work!")
        scene.mic.speak(1.0, start_in=3.0)
        await scene.until(8.0)

    agent = Agent(instructions="x", tools=[work])
    on(
        talk,
        agent,
        llm=llm,
        stt=FakeSTT(["and now"]),
        turn_handling={"preemptive_generation": {"enabled": False}},
    )

    assert llm.requests[-1].tool_choice != "none"


@pytest.mark.parametrize("streaming", [True, False])
def test_a_button_that_is_let_go_in_mid_word_ends_the_turn(streaming: bool) -> None:
    """No audio flows any more: the STT is given silence, so that it comes to an end. What was said
    before the button was pressed is not heard."""

    async def talk(scene: Scene) -> None:
        session = scene.session
        session.input.set_audio_enabled(False)
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(3.0)
        session.clear_user_turn()
        session.input.set_audio_enabled(True)
        scene.mic.speak(5.0)
        await scene.until(5.0)
        session.input.set_audio_enabled(False)
        text = await session.commit_user_turn(transcript_timeout=10.0)
        scene.record.append((0.0, f"committed: {text}"))
        await scene.until(12.0)

    capabilities = STTCapabilities(streaming=streaming, interim_results=streaming)
    scene = on(
        talk,
        llm=FakeLLM(["Over."]),
        stt=FakeSTT(["roger"], capabilities=capabilities, latency=0.5),
        turn_handling={"turn_detection": "manual"},
    )

    assert scene.lines("committed") == ["committed: roger"]
    assert scene.history()[1:] == ["user: roger", "assistant: Over."]
