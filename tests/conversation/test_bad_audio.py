"""Audio that is none, and models that hear badly (docs/bad-input.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame, with_channels
from agentd.audio.resample import resample
from agentd.stt import STTCapabilities
from agentd.testing import (
    FakeAudioInput,
    FakeEndOfTurn,
    FakeLLM,
    FakeSTT,
    FakeVAD,
    Fault,
    Misbehaviour,
    Scene,
)
from agentd.vad import VAD, VADEvent, VADStream
from tests.support.scenes import lines, play, spoken

ANSWERED = ["user: hello", "assistant: Hi."]


def hearing(*texts: str, **kwargs: Any) -> dict[str, Any]:
    """An STT that hears these, and a model that always says the same."""
    return {"stt": FakeSTT(texts, **kwargs), "llm": FakeLLM(default="Hi.")}


# -- frames --------------------------------------------------------------------------------


class OddMicrophone(FakeAudioInput):
    """Gives its frames as a function makes them, from an instant to another."""

    def __init__(
        self, odd: Callable[[AudioFrame], Any], *, start: float = 0.0, end: float = 1000.0
    ) -> None:
        super().__init__()
        self._odd = odd
        self._start, self._end = start, end

    def _frame(self, start: float) -> AudioFrame:
        frame = super()._frame(start)
        if not self._start <= start < self._end:
            return frame
        made: AudioFrame = self._odd(frame)
        return made


class Raw:
    """What has the looks of a frame."""

    def __init__(self, data: object, sample_rate: int = 16000) -> None:
        self.data = data
        self.sample_rate = sample_rate
        self.num_channels = 1


ODD = [
    pytest.param(lambda _: Raw(b"odd"), id="odd-length"),
    pytest.param(lambda _: Raw(np.full(800, np.nan, dtype=np.float32)), id="nan"),
    pytest.param(lambda frame: Raw(frame.data, 0), id="no-rate"),
    pytest.param(lambda frame: Raw(frame.data, 2_147_483_629), id="no-common-rate"),
    pytest.param(lambda _: None, id="nothing"),
]


@pytest.mark.parametrize("odd", ODD)
def test_frames_that_are_no_audio_are_left_out(
    odd: Callable[[AudioFrame], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What comes after them is heard, and neither VAD nor STT has failed of them."""
    mic = OddMicrophone(odd, end=0.5)

    scene = play(spoken(6.0, 1.0), mic=mic, **hearing("hello"))

    assert scene.history()[1:] == ANSWERED
    assert scene.lines("error", "degraded") == []
    assert [vars(line)["frames"] for line in lines(caplog, "audio_unusable")] == [1, 2, 4, 8]


@pytest.mark.parametrize("odd", ODD)
def test_an_input_without_any_audio_is_lost(odd: Callable[[AudioFrame], Any]) -> None:
    """Which is an event, once: the app may ask the user to write. The session goes on."""
    mic = OddMicrophone(odd)

    async def scenario(scene: Scene) -> None:
        await scene.until(5.0)
        await scene.session.take_text("Can you hear me?")

    scene = play(scenario, mic=mic, **hearing("hello"))

    assert [round(at) for at, _ in scene.timed("degraded: audio_input")] == [1]
    assert scene.history()[1:] == ["user: Can you hear me?", "assistant: Hi."]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda frame: resample(frame, 48000), id="48-khz"),
        pytest.param(lambda frame: resample(frame, 22050), id="22-khz"),
        pytest.param(lambda frame: with_channels(frame, 2), id="stereo"),
    ],
)
def test_a_microphone_may_change_its_form(other: Callable[[AudioFrame], Any]) -> None:
    """In the midst of a word: what it gives is converted."""
    mic = OddMicrophone(other, start=1.5)

    scene = play(spoken(6.0, 1.0), mic=mic, **hearing("hello"))

    assert scene.history()[1:] == ANSWERED


# -- STT -----------------------------------------------------------------------------------


@pytest.mark.parametrize("vad", [FakeVAD(), None])
def test_an_stt_that_never_finalises_is_taken_at_its_word(vad: VAD | None) -> None:
    """Two seconds after its last word the interim text is the turn's, and answered."""
    models = hearing("hello", faults=[Misbehaviour.NEVER_FINISH])

    scene = play(spoken(6.0, 1.0), vad=vad, **models)

    assert scene.timed("heard") == [(3.05, "heard: hello")]
    assert scene.history()[1:] == ANSWERED


def test_an_stt_without_a_word_is_told_where_that_is_wanted() -> None:
    """It gives neither interim nor final text: with `transcription_timeout` that is an event."""
    told: list[float] = []
    deaf = STTCapabilities(streaming=True, interim_results=False)
    models = hearing("hello", faults=[Misbehaviour.NEVER_FINISH], capabilities=deaf)

    async def scenario(scene: Scene) -> None:
        scene.session.on(
            "user_transcription_timeout",
            lambda event: told.append(round(event.speech_ended_at - event.speech_started_at, 2)),
        )
        await spoken(6.0, 1.0)(scene)

    scene = play(scenario, transcription_timeout=2.0, **models)

    assert told == [1.0]
    assert scene.session.history.messages() == []


def test_an_stt_that_hangs_hears_again_what_it_took(caplog: pytest.LogCaptureFixture) -> None:
    """After three utterances without a word it is started anew; none of them is lost."""
    fault = Fault(kind=Misbehaviour.HANG, after=0.5)
    models = hearing("one", "two", "three", faults=[fault])

    scene = play(spoken(14.0, 1.0, 4.0, 7.0), **models)

    assert len(lines(caplog, "stt_hangs")) == 1
    assert scene.history()[1:] == ["user: one two three", "assistant: Hi."]


def test_an_stt_that_hangs_is_tried_again_by_itself() -> None:
    """Where the user says little, its own deadline comes first; it hears the same again."""
    fault = Fault(kind=Misbehaviour.HANG, after=0.5)

    scene = play(spoken(16.0, 1.0), **hearing("hello", faults=[fault]))

    assert scene.lines("error") == ["error: STTError APITimeoutError, tried again"]
    assert scene.history()[1:] == ANSWERED


def test_text_of_the_user_with_half_characters_is_mended() -> None:
    """In the event, which a room sends to clients, and in the history."""
    scene = play(spoken(6.0, 1.0), **hearing("hello \ud83d"))

    assert scene.lines("heard") == ["heard: hello \ufffd"]
    assert scene.history()[1] == "user: hello \ufffd"


# -- VAD -----------------------------------------------------------------------------------


class FailingVAD(VAD):
    """Its streams fail when they have heard so many frames, each as often as told."""

    def __init__(self, *frames: int) -> None:
        self._frames = list(frames)
        self._vad = FakeVAD()

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class."""
        made = self._vad.stream(sample_rate=sample_rate)
        left = self._frames.pop(0) if self._frames else None
        push = made.push

        def count(pcm: bytes) -> list[VADEvent]:
            nonlocal left
            if left is not None:
                left -= 1
                if left < 0:
                    raise ValueError("no weights")
            return push(pcm)

        made.push = count  # type: ignore[method-assign, assignment]
        return made


def test_a_vad_that_fails_is_started_anew(caplog: pytest.LogCaptureFixture) -> None:
    """In the midst of a word: that is heard by the STT all the same, and the next one by both."""
    models = hearing("hello", "hello again")

    scene = play(spoken(10.0, 1.0, 6.0), vad=FailingVAD(30), **models)

    assert scene.lines("error") == ["error: ValueError ValueError"]
    [line] = lines(caplog, "vad_restarted")
    assert 0.0 <= vars(line)["next_start_in"] <= 0.5
    assert scene.history()[1:] == [*ANSWERED, "user: hello again", "assistant: Hi."]


def test_a_vad_that_hears_nothing_is_made_up_for() -> None:
    """By the STT, whose words are a turn as well."""
    scene = play(spoken(6.0, 1.0), vad=FakeVAD(threshold=0.9), **hearing("hello"))

    assert scene.history()[1:] == ANSWERED


def test_failures_of_a_vad_that_works_in_between_are_no_end() -> None:
    """Only those in a row are: it has heard more than a second between each of these."""
    scene = play(spoken(24.0, 21.0), vad=FailingVAD(*[60] * 5), **hearing("hello"))

    assert len(scene.lines("error")) == 5
    assert scene.lines("close") == ["close: user_initiated"]
    assert scene.history()[1:] == ANSWERED


# -- end of turn -----------------------------------------------------------------------------


@pytest.mark.parametrize("needs", ["text", "audio"])
@pytest.mark.parametrize(
    "model",
    [
        {"faults": [Misbehaviour.RAISE]},
        {"faults": [Fault(kind=Misbehaviour.RAISE, error=ValueError("odd"))]},
        {"answers": [float("nan")]},
    ],
)
def test_a_turn_ends_without_a_model_that_fails(
    model: dict[str, Any], needs: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By the silence alone; the log says so."""
    detector = FakeEndOfTurn(needs=needs, **model)  # type: ignore[arg-type]  # one of two

    scene = play(spoken(6.0, 1.0), turn_handling={"turn_detection": detector}, **hearing("hello"))

    assert len(lines(caplog, "eot_failed")) == 1
    assert scene.history()[1:] == ANSWERED
    assert scene.timed("said user")[0][0] < 3.0


def test_a_model_without_a_threshold_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a plugin raises, and where."""

    class NoTable(FakeEndOfTurn):
        def threshold(self, language: str) -> float | None:
            raise KeyError(language)

    scene = play(spoken(6.0, 1.0), turn_handling={"turn_detection": NoTable()}, **hearing("hello"))

    assert len(lines(caplog, "eot_failed")) == 1
    assert scene.history()[1:] == ANSWERED


@pytest.mark.parametrize(("needs", "waited"), [("text", 3.0), ("audio", 1.0)])
def test_a_model_that_hangs_costs_one_turn_a_moment(
    needs: str, waited: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Then it is not asked for half a minute: the next turn waits for nothing, a later one asks."""
    detector = FakeEndOfTurn(needs=needs, faults=[Misbehaviour.HANG])  # type: ignore[arg-type]
    models = hearing("one", "two", "three")

    scene = play(spoken(56.0, 1.0, 9.0, 50.0), turn_handling={"turn_detection": detector}, **models)

    turns = [at for at, _ in scene.timed("said user")]
    assert turns[0] == pytest.approx(2.25 + waited, abs=0.1)
    assert turns[1] < 10.6
    assert len(turns) == 3
    assert len(detector.requests) == 2
    assert len(lines(caplog, "eot_failed")) == 1
