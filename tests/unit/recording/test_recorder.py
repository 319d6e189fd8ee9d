"""Tests of agentd.recording.recorder, on a virtual clock: files are written without a thread."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agentd.aio.tasks import TaskOwner
from agentd.audio.pcm import rms
from agentd.errors import AudioError
from agentd.io import AgentInput, AgentOutput
from agentd.recording.recorder import CLOSE_TIMEOUT, LAG, WAV_RATE, WRITE_INTERVAL, RecorderIO
from agentd.testing import FakeAudioInput, FakeAudioOutput
from agentd.testing.virtual_time import run_virtual
from tests.support.sounds import pieces, tone


async def inline(function: Callable[..., Any], *args: Any) -> Any:
    """Blocks, which a test may."""
    return function(*args)


class Scene:
    """A session's inputs and outputs, and who uses them."""

    def __init__(
        self, path: Path, offload: Callable[..., Awaitable[Any]] = inline, **speaker: Any
    ) -> None:
        self.input, self.output = AgentInput(), AgentOutput()
        self.mic, self.loudspeaker = FakeAudioInput(), FakeAudioOutput(**speaker)
        self.input.audio, self.output.audio = self.mic, self.loudspeaker
        self.lost: list[str] = []
        self.recorder = RecorderIO(path, lost=self.lost.append, offload=offload)
        self._tasks = TaskOwner("scene")

    async def __aenter__(self) -> Scene:
        await self.recorder.start(self.input, self.output)
        self._tasks.start(self._listen(), name="listen")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.recorder.aclose()
        await self._tasks.aclose()

    def say(self, seconds: float) -> asyncio.Task[None]:
        """The agent speaks, as fast as it is let."""
        return self._tasks.start(self._say(seconds), name="say")

    async def _say(self, seconds: float) -> None:
        output = self.output.audio
        assert output is not None
        for piece in pieces(tone(seconds), 1600):
            await output.capture_frame(piece)
        output.flush()

    async def _listen(self) -> None:
        source = self.input.audio
        assert source is not None
        async for _ in source:
            pass


def sides(path: Path) -> npt.NDArray[np.int16]:
    """Both channels of a recording."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, WAV_RATE)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, dtype=np.int16).reshape(-1, 2)


def audible(side: npt.NDArray[np.int16]) -> list[tuple[float, float]]:
    """From when to when something is heard, in tenths of a second."""
    size = WAV_RATE // 20
    loud = [rms(side[at : at + size]) > 0.02 for at in range(0, len(side), size)]
    edges = np.flatnonzero(np.diff([0, *loud, 0]))
    return [
        (round(start / 20, 1), round(end / 20, 1))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def test_both_sides_are_kept_in_step(tmp_path: Path) -> None:
    """The user left, the agent right, each when it was heard, with silence around."""
    path = tmp_path / "call.wav"

    async def scenario() -> None:
        async with Scene(path) as scene:
            scene.mic.speak(1.0, start_in=1.0)
            await asyncio.sleep(2.5)
            scene.say(1.5)
            await asyncio.sleep(4.5)

    run_virtual(scenario())
    both = sides(path)

    assert audible(both[:, 0]) == [(1.0, 2.0)]
    assert audible(both[:, 1]) == [(2.5, 4.0)]
    assert len(both) / WAV_RATE == pytest.approx(7.0, abs=0.1)


def test_interrupted_speech_ends_where_it_was_cut(tmp_path: Path) -> None:
    """What the agent would have said is not in it."""
    path = tmp_path / "call.wav"

    async def scenario() -> None:
        async with Scene(path, buffer=1.0) as scene:
            saying = scene.say(3.0)
            await asyncio.sleep(1.2)
            saying.cancel()
            assert scene.output.audio is not None
            scene.output.audio.clear_buffer()
            await asyncio.sleep(4.0)

    run_virtual(scenario())

    assert audible(sides(path)[:, 1]) == [(0.0, 1.2)]


def test_speech_that_is_held_goes_on_later(tmp_path: Path) -> None:
    """The pause is silence."""
    path = tmp_path / "call.wav"

    async def scenario() -> None:
        async with Scene(path) as scene:
            scene.say(2.0)
            await asyncio.sleep(1.0)
            assert scene.output.audio is not None
            scene.output.audio.pause()
            await asyncio.sleep(2.0)
            scene.output.audio.resume()
            await asyncio.sleep(3.0)

    run_virtual(scenario())

    assert audible(sides(path)[:, 1]) == [(0.0, 1.0), (3.0, 4.0)]


def test_the_file_is_valid_while_it_is_written(tmp_path: Path) -> None:
    """A process that is killed leaves all but the last seconds."""
    path = tmp_path / "call.wav"

    async def scenario() -> float:
        async with Scene(path) as scene:
            scene.mic.speak(100.0)
            await asyncio.sleep(10.0)
            return len(sides(path)) / WAV_RATE

    assert run_virtual(scenario()) >= 10.0 - LAG - WRITE_INTERVAL


def test_a_disk_that_is_full_ends_the_recording_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was written stays, somebody is told, and the audio goes on past it."""
    path = tmp_path / "call.wav"
    calls: list[str] = []

    async def fills_up(function: Callable[..., Any], *args: Any) -> Any:
        calls.append(function.__name__)
        if function.__name__ == "write" and calls.count("write") > 2:
            raise AudioError("No space left on device")
        return function(*args)

    async def scenario() -> Scene:
        async with Scene(path, offload=fills_up) as scene:
            scene.say(8.0)
            await asyncio.sleep(10.0)
            return scene

    scene = run_virtual(scenario())

    assert scene.lost == ["No space left on device"]
    assert (scene.input.audio, scene.output.audio) == (scene.mic, scene.loudspeaker)
    assert scene.loudspeaker.segments[0].seconds == pytest.approx(8.0)
    assert len(sides(path)) / WAV_RATE == pytest.approx(scene.recorder.duration)
    failed = [each for each in caplog.records if vars(each).get("action") == "recording_failed"]
    assert [vars(each)["kept_seconds"] for each in failed] == [2.0]


def test_a_file_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    """The session has its own inputs and outputs as if nothing had been asked."""
    (tmp_path / "file").touch()

    async def scenario() -> Scene:
        async with Scene(tmp_path / "file" / "call.wav") as scene:
            return scene

    scene = run_virtual(scenario())

    assert len(scene.lost) == 1
    assert (scene.input.audio, scene.output.audio) == (scene.mic, scene.loudspeaker)


def test_a_disk_that_hangs_does_not_hold_the_end_up(tmp_path: Path) -> None:
    """What it has not taken by then is lost, and said so."""

    async def hangs(function: Callable[..., Any], *args: Any) -> Any:
        if function.__name__ == "write":
            try:
                await asyncio.sleep(1e6)
            finally:
                function.__self__.close()  # type: ignore[attr-defined]  # a writer's method
        return function(*args)

    async def scenario() -> tuple[float, list[str]]:
        async with Scene(tmp_path / "call.wav", offload=hangs) as scene:
            await asyncio.sleep(20.0)
            started_at = asyncio.get_running_loop().time()
            await scene.recorder.aclose()
            return asyncio.get_running_loop().time() - started_at, scene.lost

    seconds, lost = run_virtual(scenario())

    assert seconds == pytest.approx(CLOSE_TIMEOUT)
    assert len(lost) == 1


def test_what_is_exchanged_meanwhile_is_recorded_too(tmp_path: Path) -> None:
    """An output that is put in later."""
    path = tmp_path / "call.wav"
    other = FakeAudioOutput()

    async def scenario() -> None:
        async with Scene(path) as scene:
            await asyncio.sleep(1.0)
            scene.output.audio = other
            scene.say(1.0)
            await asyncio.sleep(4.0)

    run_virtual(scenario())

    assert other.segments[0].seconds == pytest.approx(1.0)
    assert audible(sides(path)[:, 1]) == [(1.0, 2.0)]


def test_frames_that_are_no_audio_are_handed_on(tmp_path: Path) -> None:
    """The session says what is wrong with them."""

    async def scenario() -> Scene:
        async with Scene(tmp_path / "call.wav") as scene:
            await asyncio.sleep(1.0)
            scene.mic.spoil_next()
            scene.mic.speak(1.0)
            await asyncio.sleep(4.0)
            return scene

    scene = run_virtual(scenario())

    assert scene.lost == []
    assert audible(sides(tmp_path / "call.wav")[:, 0]) != []
