"""Language models and voices that give nothing, nonsense, or no end of it (docs/bad-input.md)."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, from_floats
from agentd.llm import ChatChunk, ChatContext, ChoiceDelta, Tool
from agentd.llm.stream import MAX_REPLY_CHARS
from agentd.testing import FakeLLM, FakeReply, FakeSTT, FakeTTS, Fault, Misbehaviour, Scene
from agentd.tts import TTS, TTSCapabilities
from agentd.voice.agent import Agent
from agentd.voice.default_nodes import ModelSettings
from tests.support.scenes import Kept, asked, lines, play, spoken

APOLOGY = "assistant: I'm sorry, something went wrong. Could you say that again?"
NOT_UTF8 = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


class Node(Agent):
    """Has a model of its own, which is a function."""

    def __init__(self, think: Callable[[], AsyncIterator[Any]]) -> None:
        super().__init__(instructions="x")
        self._think = think

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncIterator[Any]:
        async for piece in self._think():
            yield piece


def repeating(piece: str) -> Callable[[], AsyncIterator[str]]:
    """A model that says the same without end."""

    async def think() -> AsyncIterator[str]:
        while True:
            yield piece

    return think


# -- nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_reply_to_a_turn_is_an_event(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """The user hears nothing, and the app and the log are told so; the next turn is answered."""
    llm = FakeLLM([FakeReply(text=text), "Fine."])

    scene = play(spoken(9.0, 1.0, 5.0), llm=llm, stt=FakeSTT(["hello", "hello again"]))

    assert scene.lines("dropped") == ["dropped: hello (empty_reply)"]
    assert len(lines(caplog, "reply_empty")) == 1
    assert scene.history()[1:] == ["user: hello", "user: hello again", "assistant: Fine."]


def test_an_empty_reply_in_writing_is_an_event_too() -> None:
    """Somebody waits for an answer there as well."""
    scene = play(asked(), llm=FakeLLM([FakeReply()]), text_only=True)

    assert scene.lines("dropped") == ["dropped: Go. (empty_reply)"]
    assert scene.lines("agent")[-1] == "agent: listening"


def test_a_reply_that_ends_before_it_begins_is_asked_for_again() -> None:
    """Under the model's options; the user hears the answer, a little later."""
    llm = FakeLLM(["Fine."], faults=[Misbehaviour.END_EARLY])

    scene = play(spoken(9.0, 1.0), llm=llm, stt=FakeSTT(["hello"]))

    assert scene.lines("error") == ["error: LLMError APIConnectionError, tried again"]
    assert scene.history()[1:] == ["user: hello", "assistant: Fine."]


# -- no end --------------------------------------------------------------------------------


def test_an_endless_reply_can_be_interrupted() -> None:
    """It is spoken as it comes; the user stops it as any other, and what was heard is kept."""
    llm = FakeLLM(default="As you like.", faults=[Misbehaviour.NEVER_FINISH])

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Go.")
        scene.mic.speak(1.0, start_in=20.0)
        await scene.until(26.0)

    scene = play(scenario, llm=llm, stt=FakeSTT(["stop it now"]))

    assert scene.loudspeaker.segments[0].seconds == pytest.approx(20.5)
    assert scene.history()[2].endswith("/")
    assert len(scene.history()[2]) < 450
    assert scene.history()[3:] == ["user: stop it now", "assistant: As you like."]


@pytest.mark.parametrize("piece", ["and so on ", "....", "\u4f60\u597d"])
@pytest.mark.parametrize("own_node", [True, False])
def test_an_endless_reply_is_given_up_at_its_bound(piece: str, own_node: bool) -> None:
    """In writing nobody stops it; also words without end, and a node of the user's."""
    llm = FakeLLM([FakeReply(text=piece)], faults=[Fault(kind=Misbehaviour.NEVER_FINISH, after=1)])
    agent = Node(repeating(piece)) if own_node else None

    scene = play(asked(), agent, llm=llm, text_only=True)

    assert scene.lines("error") == ["error: LLMError ReplyTooLong"]
    assert MAX_REPLY_CHARS - 10 <= len(scene.screen.text) <= MAX_REPLY_CHARS
    assert scene.lines("agent")[-1] == "agent: listening"


def test_a_long_reply_in_writing_is_written_to_its_end() -> None:
    """Nothing waits for a voice that is not there."""
    text = "word " * 5000

    scene = play(asked(), llm=FakeLLM([text]), text_only=True)

    assert scene.screen.text == text
    assert scene.timed("said assistant")[0][0] == 0.0


# -- not text ------------------------------------------------------------------------------


def test_bytes_that_are_not_utf8_fail_the_attempt() -> None:
    """Which is made again; when none goes well the user is told so."""
    fault = Fault(kind=Misbehaviour.RAISE, error=NOT_UTF8)

    scene = play(asked(9.0), llm=FakeLLM(["Fine."], faults=[fault]))
    in_vain = play(asked(19.0), llm=FakeLLM(faults=[fault] * 4))

    assert scene.lines("error") == ["error: LLMError APIError, tried again"]
    assert scene.history()[-1] == "assistant: Fine."
    assert in_vain.lines("error")[-1] == "error: LLMError APIError"
    assert in_vain.history()[-1] == APOLOGY


def test_half_characters_are_joined_or_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """They are heard, written and remembered as what they are part of; the log tells of others."""
    kept = Kept(asked())
    # The fake cuts its text into words.
    llm = FakeLLM([FakeReply(text="so \ud83d \ude00 on")])

    scene = play(kept, llm=llm, host=kept.host)

    assert scene.history()[-1] == "assistant: so \ufffd \ufffd on"
    assert len(lines(caplog, "text_mended")) == 1
    assert len(kept.snapshot.history) == len(scene.session.history.items)


def test_given_text_with_half_characters_is_mended() -> None:
    """What is said by code, in whole or in pieces."""

    async def pieces() -> AsyncIterator[str]:
        for piece in ("so \ud83d", "\ude00 on \ud83d"):
            yield piece

    async def scenario(scene: Scene) -> None:
        await scene.session.say("half \ude00")
        await scene.session.say(pieces())

    kept = Kept(scenario)

    scene = play(kept, host=kept.host)

    assert scene.history()[1:] == ["assistant: half \ufffd", "assistant: so \U0001f600 on \ufffd"]
    assert len(kept.snapshot.history) == len(scene.session.history.items)


def test_what_a_model_tells_beside_its_text_may_be_anything() -> None:
    """What can't be encoded is left out of the snapshot, and the rest of it is there."""

    async def think() -> AsyncIterator[ChatChunk]:
        yield ChatChunk(delta=ChoiceDelta(content="Fine.", extra={"handle": object()}))

    kept = Kept(asked())

    scene = play(kept, Node(think), host=kept.host)

    assert scene.history()[-1] == "assistant: Fine."
    assert len(kept.snapshot.history) == len(scene.session.history.items)


def test_a_node_that_raises_is_apologised_for() -> None:
    """As a model is: the user waits for an answer, whoever was to give it."""

    async def think() -> AsyncIterator[str]:
        yield ""
        raise ZeroDivisionError

    scene = play(asked(9.0), Node(think))

    assert scene.lines("error") == ["error: LLMError ZeroDivisionError"]
    assert scene.history()[-1] == APOLOGY


# -- voices --------------------------------------------------------------------------------


class Raw:
    """What has the looks of a frame."""

    def __init__(self, data: object, sample_rate: int = 24000) -> None:
        self.data = data
        self.sample_rate = sample_rate
        self.num_channels = 1


class OddVoice(TTS):
    """Gives something odd for the first text, and a second of silence for each other."""

    def __init__(self, odd: Callable[[], object]) -> None:
        super().__init__(capabilities=TTSCapabilities(streaming=True), sample_rate=24000)
        self._odd: Callable[[], object] | None = odd

    async def speak_stream(self, text: AsyncIterator[str]) -> AsyncIterator[Any]:
        """See the base class."""
        async for _ in text:
            pass
        odd, self._odd = self._odd, None
        yield AudioFrame(data=bytes(48000), sample_rate=24000) if odd is None else odd()


async def two_sentences(scene: Scene) -> None:
    """Say something twice."""
    await scene.session.say("Hello there, friend.")
    await scene.session.say("And again.")


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda: from_floats(np.full(2400, np.nan), 24000), id="nan"),
        pytest.param(lambda: Raw(np.full(2400, np.nan, dtype=np.float32)), id="floats"),
        pytest.param(lambda: Raw(b"odd"), id="odd"),
        pytest.param(lambda: Raw(b"even", 0), id="no-rate"),
        pytest.param(lambda: Raw(bytes(4800), 1_000_003), id="no-common-rate"),
        pytest.param(lambda: Raw(None), id="no-data"),
        pytest.param(lambda: None, id="nothing"),
    ],
)
def test_audio_that_is_none_leaves_the_text(
    odd: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    """At once, without another try: it would be as odd. The next sentence is spoken."""
    scene = play(two_sentences, tts=OddVoice(odd))

    assert scene.lines("error") == ["error: TTSError APIError"]
    assert len(lines(caplog, "tts_failed")) == 1
    assert scene.screen.segments == ["Hello there, friend.", "And again."]
    assert [segment.seconds for segment in scene.loudspeaker.segments] == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    "voice", [{"gives_sample_rate": 8000}, {"gives_sample_rate": 44100}, {"gives_num_channels": 2}]
)
def test_audio_of_the_wrong_form_is_converted(
    voice: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """It is heard at its right speed; the log says so once."""
    scene = play(two_sentences, tts=FakeTTS(**voice))  # type: ignore[arg-type]  # all are integers

    heard = [segment.seconds for segment in scene.loudspeaker.segments]
    assert heard == [pytest.approx(1.0, abs=0.01), pytest.approx(0.5, abs=0.01)]
    assert {frame.sample_rate for frame in scene.loudspeaker.frames} == {24000}
    assert len(lines(caplog, "tts_format_differs")) == 1


class Mute(Agent):
    """Has a voice that reads and says nothing."""

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncIterator[AudioFrame]:
        async for piece in text:
            if not piece:  # which none is
                yield AudioFrame(data=b"", sample_rate=24000)


def test_a_voice_of_the_users_that_gives_no_audio_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may be meant, so it is no failure; the text is written."""
    scene = play(two_sentences, Mute(instructions="x"))

    assert len(lines(caplog, "voice_silent")) == 2
    assert scene.lines("error") == []
    assert scene.screen.segments == ["Hello there, friend.", "And again."]
