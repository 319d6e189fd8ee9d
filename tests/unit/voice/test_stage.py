"""Playing one stretch of audio after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, silent_frame
from agentd.io import PlaybackFinishedEvent
from agentd.testing import FakeAudioOutput, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual
from agentd.voice.speaking.playback import PlaybackClock
from agentd.voice.speaking.stage import STOP_TIMEOUT, Stage


async def frames(seconds: float) -> AsyncIterator[AudioFrame]:
    """So much audio, in pieces of a tenth of a second."""
    for _ in range(round(seconds * 10)):
        yield silent_frame(0.1, 24000)


class Silent(FakeAudioOutput):
    """Never says how far it was."""

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        await asyncio.Event().wait()
        raise AssertionError


def test_a_stretch_is_played_to_its_end() -> None:
    """The clock shows its length, and somebody is told of its first sound."""
    heard: list[float] = []

    async def scenario() -> tuple[PlaybackFinishedEvent | None, float]:
        stage, clock = Stage(lambda: heard.append(now())), PlaybackClock()
        event = await stage.play(FakeAudioOutput(), frames(2.0), clock)
        return event, now()

    event, ended_at = run_virtual(scenario())

    assert event == PlaybackFinishedEvent(playback_position=2.0, interrupted=False)
    assert (heard, ended_at) == ([0.0], 2.0)


def test_a_stretch_without_sound_is_none() -> None:
    """The output is not asked about it."""

    async def scenario() -> object:
        return await Stage(lambda: None).play(FakeAudioOutput(), frames(0.0), PlaybackClock())

    assert run_virtual(scenario()) is None


def test_a_stretch_is_cut_off_where_it_is() -> None:
    """The output tells how far that was."""

    async def scenario() -> tuple[PlaybackFinishedEvent | None, list[bool]]:
        output = FakeAudioOutput()
        stage = Stage(lambda: None)
        async with TaskOwner("test") as owner:
            playing = owner.start(stage.play(output, frames(3.0), PlaybackClock()), name="play")
            await asyncio.sleep(1.25)
            await cancel_and_wait(playing)
            event = await stage.stop()
        return event, [segment.interrupted for segment in output.segments]

    event, interrupted = run_virtual(scenario())

    assert event == PlaybackFinishedEvent(playback_position=1.25, interrupted=True)
    assert interrupted == [True]


def test_stopping_nothing_is_nothing() -> None:
    """Before the first stretch, and after the last."""

    async def scenario() -> list[object]:
        stage = Stage(lambda: None)
        before = await stage.stop()
        await stage.play(FakeAudioOutput(), frames(0.5), PlaybackClock())
        return [before, await stage.stop()]

    assert run_virtual(scenario()) == [None, None]


def test_an_output_that_says_nothing_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Our own clock tells how far it was."""

    async def scenario() -> tuple[PlaybackFinishedEvent | None, float]:
        stage = Stage(lambda: None)
        async with TaskOwner("test") as owner:
            playing = owner.start(stage.play(Silent(), frames(3.0), PlaybackClock()), name="play")
            await asyncio.sleep(1.0)
            await cancel_and_wait(playing)
            event = await stage.stop()
        return event, now()

    with caplog.at_level(logging.WARNING):
        event, ended_at = run_virtual(scenario())

    assert event == PlaybackFinishedEvent(playback_position=1.0, interrupted=True)
    assert ended_at == 1.0 + STOP_TIMEOUT
    assert [record.action for record in caplog.records] == ["playout_unknown"]  # type: ignore[attr-defined]


def test_a_pause_holds_the_sound_and_its_clock() -> None:
    """It goes on where it was."""

    async def scenario() -> tuple[float, float]:
        stage, clock = Stage(lambda: None), PlaybackClock()
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, stage.pause)
        loop.call_later(3.0, stage.resume)
        await stage.play(FakeAudioOutput(), frames(2.0), clock)
        return now(), clock.position(now())

    assert run_virtual(scenario()) == (4.0, 2.0)


def test_a_pause_before_the_first_sound_holds_it_too() -> None:
    """Nothing is heard until it is over."""

    async def scenario() -> float:
        stage, output = Stage(lambda: None), FakeAudioOutput()
        stage.pause()
        asyncio.get_running_loop().call_later(2.0, stage.resume)
        await stage.play(output, frames(1.0), PlaybackClock())
        return now()

    assert run_virtual(scenario()) == 3.0


def test_an_output_that_can_not_pause_goes_on() -> None:
    """And so does the clock."""

    async def scenario() -> float:
        stage, output = Stage(lambda: None), FakeAudioOutput(can_pause=False)
        stage.pause()
        asyncio.get_running_loop().call_later(0.5, stage.pause)
        await stage.play(output, frames(1.0), PlaybackClock())
        return now()

    assert run_virtual(scenario()) == 1.0


def test_what_was_heard_last_is_known_of_an_output_that_hangs() -> None:
    """It ends with what the output had taken, and with a pause."""
    heard: list[float | None] = []

    async def scenario() -> None:
        stage = Stage(lambda: None)
        output = FakeAudioOutput(fault=Fault(kind=Misbehaviour.HANG, after=2.0))
        async with TaskOwner("test") as owner:
            heard.append(stage.heard_until)
            playing = owner.start(stage.play(output, frames(5.0), PlaybackClock()), name="play")
            await asyncio.sleep(1.0)
            stage.pause()
            await asyncio.sleep(1.0)
            heard.append(stage.heard_until)
            stage.resume()
            await asyncio.sleep(10.0)
            heard.append(stage.heard_until)
            await cancel_and_wait(playing)

    run_virtual(scenario())

    assert heard == [None, 1.0, pytest.approx(3.0)]
