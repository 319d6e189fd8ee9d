"""Tests of agentd.testing.fake_stt: what it hears, and when; on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.audio.frame import silent_frame
from agentd.errors import APIConnectionError
from agentd.resilience import APIConnectOptions
from agentd.stt import FinalTranscript, STTCapabilities
from agentd.testing import FakeSTT, Fault, Misbehaviour, Said
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import Heard, finals, listen, shown, sound, speak

LINES = [Said(text="one two", start=0.5, end=1.0), Said(text="three", start=2.0, end=2.5)]


def heard_by(stt: FakeSTT, *parts: tuple[str, float]) -> list[Heard]:
    """What a stream of it tells of sound and silence."""

    async def scenario() -> list[Heard]:
        stream = stt.stream(conn_options=APIConnectOptions(max_retry=0))
        return await listen(stream, speak(stream, *parts))

    return run_virtual(scenario())


def test_a_script_is_told_by_seconds_of_audio() -> None:
    """Whatever the audio sounds like; a text is final after so much more audio."""
    heard = heard_by(FakeSTT(LINES, finalise_after=0.4), ("silence", 4.0))

    finished = [one.at for one in heard if isinstance(one.event, FinalTranscript)]
    assert finals(heard) == ["one two", "three"]
    # A frame of 20 ms is pushed at its start, and ends at the instant of the script.
    assert finished == pytest.approx([1.38, 2.88])


def test_a_script_is_told_by_the_loop_s_clock() -> None:
    """Also while no audio comes at all."""

    async def scenario() -> list[Heard]:
        stream = FakeSTT(LINES, clock="loop").stream()
        return await listen(stream, asyncio.sleep(5.0))

    heard = run_virtual(scenario())
    finished = [one.at for one in heard if isinstance(one.event, FinalTranscript)]
    assert finished == [1.2, 2.7]


def test_interim_texts_grow_word_by_word() -> None:
    """Unless the capabilities say that there are none."""
    whole = STTCapabilities(streaming=True, interim_results=False)

    told = shown(heard_by(FakeSTT(LINES[:1]), ("silence", 2.0)))
    silent = shown(heard_by(FakeSTT(LINES[:1], capabilities=whole), ("silence", 2.0)))

    assert told == ["start", "interim one", "interim one two", "final one two", "end"]
    assert silent == ["start", "final one two", "end"]


def test_what_is_audible_is_the_next_text() -> None:
    """A stretch of sound each; silence is nothing."""
    stt = FakeSTT(["first", "second"])

    heard = heard_by(
        stt, ("silence", 1.0), ("sound", 0.5), ("silence", 0.5), ("sound", 0.5), ("silence", 0.5)
    )

    assert finals(heard) == ["first", "second"]
    assert [one.at for one in heard if isinstance(one.event, FinalTranscript)] == pytest.approx(
        [1.68, 2.68]
    )


def test_sound_after_the_last_text_has_no_words() -> None:
    """It starts and ends, as a cough does."""
    assert shown(heard_by(FakeSTT(), ("sound", 0.5), ("silence", 0.5))) == ["start", "end"]


def test_whole_utterances_take_their_latency() -> None:
    """The next text for sound, none for silence."""
    stt = FakeSTT(["first"], latency=0.3)

    async def scenario() -> tuple[str, str, float]:
        quiet = await stt.recognize(silent_frame(1.0, 16000))
        loud = await stt.recognize(sound(1.0))
        return quiet.text, loud.text, now()

    assert run_virtual(scenario()) == ("", "first", 0.6)


def test_a_fault_strikes_after_so_much_audio() -> None:
    """What came before it was told, and nothing of what came after."""
    stt = FakeSTT(LINES, faults=[Fault(kind=Misbehaviour.RAISE, after=1.5)])
    told: list[Heard] = []

    async def scenario() -> None:
        async with stt.stream(conn_options=APIConnectOptions(max_retry=0)) as stream:
            await speak(stream, ("sound", 4.0))
            told.extend([Heard(now(), await anext(stream)) for _ in range(6)])
            with pytest.raises(APIConnectionError, match="scripted to fail"):
                await anext(stream)

    run_virtual(scenario())
    assert shown(told) == ["start", "interim one", "interim one two", "final one two", "end"]


def test_one_that_never_finishes_tells_all_but_final_texts() -> None:
    """Speech starts and ends, and no text is ever sure."""
    stt = FakeSTT(LINES[:1], faults=[Misbehaviour.NEVER_FINISH])

    assert shown(heard_by(stt, ("silence", 3.0))) == [
        "start",
        "interim one",
        "interim one two",
        "end",
    ]


def test_calls_after_the_planned_ones_go_well() -> None:
    """A fault for each attempt, None for one that works."""
    stt = FakeSTT(["first"], faults=[Misbehaviour.RAISE, None])

    async def scenario() -> str:
        once = APIConnectOptions(max_retry=0)
        with pytest.raises(APIConnectionError):
            await stt.recognize(sound(1.0), conn_options=once)
        return (await stt.recognize(sound(1.0), conn_options=once)).text

    assert run_virtual(scenario()) == "first"
    assert [attempt.ended for attempt in stt.attempts] == [False, True]
