"""Tests of agentd.testing.fake_tts: what it says, and when; on the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import APIStatusError
from agentd.testing import FakeTTS, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.tts import SynthesizedAudio
from tests.support.sounds import joined, main_pitch

Given = list[tuple[float, SynthesizedAudio]]


async def taken(spoken: AsyncIterator[AudioFrame | SynthesizedAudio], to: Given) -> None:
    """Everything that an attempt gives, with its instants."""
    async for audio in spoken:
        assert isinstance(audio, SynthesizedAudio)
        to.append((now(), audio))


def given_by(tts: FakeTTS, text: str) -> Given:
    """What one attempt gives."""
    given: Given = []
    run_virtual(taken(tts.speak(text), given))
    return given


def test_it_hums_as_long_as_the_text_is() -> None:
    """In chunks, after its delays, the same each time."""
    tts = FakeTTS(latency=0.3, chunk_delay=0.05, pitch=500.0)

    given, again = given_by(tts, "five!"), given_by(tts, "five!")

    assert [at for at, _ in given] == pytest.approx([0.3, 0.35, 0.4])
    assert [audio.frame.duration for _, audio in given] == pytest.approx([0.1, 0.1, 0.05])
    assert main_pitch(joined([audio.frame for _, audio in given]), 24000) == 500
    assert [audio.frame.data for _, audio in given] == [audio.frame.data for _, audio in again]


def test_words_have_times_where_it_is_asked_for() -> None:
    """They fit the audio."""
    (_, first), *_ = given_by(FakeTTS(timed_words=True), "ab, cde")

    assert [(word.text, round(word.start_time, 3)) for word in first.timed_text] == [
        ("ab,", 0.0),
        ("cde", 0.2),
    ]


def test_a_stream_is_spoken_word_by_word() -> None:
    """What it was given is noted."""
    tts = FakeTTS()

    async def text() -> AsyncIterator[str]:
        for piece in ("one t", "wo"):
            yield piece

    given: Given = []
    run_virtual(taken(tts.speak_stream(text()), given))

    assert sum(audio.frame.duration for _, audio in given) == pytest.approx(7 * 0.05)
    (attempt,) = tts.attempts
    assert (attempt.text, attempt.ended) == ("one two", True)


def test_it_fails_as_it_is_told() -> None:
    """One fault for each attempt, after so much audio; then all goes well."""
    error = APIStatusError(status_code=500)
    tts = FakeTTS(
        faults=[
            Fault(kind=Misbehaviour.RAISE, after=0.2, error=error),
            Misbehaviour.END_EARLY,
            Fault(kind=Misbehaviour.END_EARLY, after=0.1),
        ]
    )

    given: Given = []
    with pytest.raises(APIStatusError):
        run_virtual(taken(tts.speak("0123456789"), given))

    assert len(given) == 2
    assert given_by(tts, "0123456789") == []
    assert len(given_by(tts, "0123456789")) == 1
    assert len(given_by(tts, "0123456789")) == 5
    assert [attempt.ended for attempt in tts.attempts] == [False, False, False, True]


@pytest.mark.parametrize(
    ("kind", "pieces"), [(Misbehaviour.HANG, 0), (Misbehaviour.NEVER_FINISH, 5)]
)
def test_it_hangs_as_it_is_told(kind: Misbehaviour, pieces: int) -> None:
    """From its start, or after all audio."""
    given: Given = []

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(taken(FakeTTS(faults=[kind]).speak("0123456789"), given), 99.0)

    run_virtual(scenario())

    assert len(given) == pieces


def test_it_may_break_its_promises() -> None:
    """Another rate and other channels than it says."""
    tts = FakeTTS(gives_sample_rate=8000, gives_num_channels=2)

    given = given_by(tts, "ten ten te")

    assert (tts.sample_rate, tts.num_channels) == (24000, 1)
    assert {(audio.frame.sample_rate, audio.frame.num_channels) for _, audio in given} == {
        (8000, 2)
    }
    assert sum(audio.frame.duration for _, audio in given) == 0.5


def test_being_made_ready_is_counted() -> None:
    """As often as it was asked."""
    tts = FakeTTS()
    tts.prewarm()

    assert tts.prewarmed == 1
