"""Tests of agentd.room.av_output, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, silent_frame
from agentd.errors import VideoError
from agentd.io import VideoFrame, VideoOutput
from agentd.room.av_output import CLOSING_PICTURES, IDLE_INTERVAL, AVOutput, Draw, at_pictures
from agentd.testing import FakeAudioOutput
from agentd.testing.virtual_time import run_virtual

FPS = 25.0
RATE = 24000
SPEAKING, SILENT = b"speaking", b"silent"


def face(audio: AudioFrame | None) -> VideoFrame:
    """Whether the agent speaks."""
    return VideoFrame(data=SILENT if audio is None else SPEAKING, width=1, height=1)


class Screen(VideoOutput):
    """Shows so many pictures a second, and takes some ahead, as the room's does."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, bytes]] = []
        self.cleared = 0
        self.broken = False
        self._free_at = 0.0

    async def capture_frame(self, frame: VideoFrame) -> None:
        if self.broken:
            raise VideoError("the screen is black")
        self._free_at = max(self._free_at, now()) + 1 / FPS
        self.shown.append((round(self._free_at - 1 / FPS, 3), bytes(frame.data)))
        await asyncio.sleep(max(0.0, self._free_at - now() - 0.2))

    def clear_buffer(self) -> None:
        self.cleared += 1
        self._free_at = 0.0


class Scene:
    """An agent with a face."""

    def __init__(self, draw: Draw = face) -> None:
        self.audio = FakeAudioOutput(buffer=1.0)
        self.screen = Screen()
        self.lost: list[str] = []
        self.output = AVOutput(self.audio, self.screen, draw, fps=FPS, lost=self.lost.append)

    async def say(self, seconds: float) -> None:
        """As a voice gives it: much at once."""
        for _ in range(round(seconds / 0.1)):
            await self.output.capture_frame(silent_frame(0.1, RATE))
        self.output.flush()

    def pictures(self, kind: bytes) -> list[float]:
        return [at for at, picture in self.screen.shown if picture == kind]


def run(scenario: Callable[[Scene], Any], draw: Draw = face) -> Scene:
    async def whole() -> Scene:
        scene = Scene(draw)
        scene.output.start()
        try:
            await scenario(scene)
        finally:
            await scene.output.aclose()
        return scene

    return run_virtual(whole())


def test_audio_is_cut_where_pictures_are_due() -> None:
    """Nothing of it is lost, and each piece that begins with a picture is told."""
    pieces = list(at_pictures(silent_frame(0.1, RATE), 0, FPS))

    assert [(piece.samples_per_channel, due) for piece, due in pieces] == [
        (960, True),
        (960, True),
        (480, True),
    ]


def test_the_rest_of_a_picture_is_told_of_no_new_one() -> None:
    """A frame that begins between two of them."""
    pieces = list(at_pictures(silent_frame(0.1, RATE), 2400, FPS))

    assert [(piece.samples_per_channel, due) for piece, due in pieces] == [
        (480, False),
        (960, True),
        (960, True),
    ]


@pytest.mark.parametrize(("fps", "size"), [(29.97, 0.02), (24.0, 0.05), (7.3, 0.013), (60.0, 0.1)])
def test_so_many_pictures_are_due_in_a_second(fps: float, size: float) -> None:
    """Whatever the frames are, and all of the audio comes out."""
    begun, due = 0, 0
    for _ in range(round(10 / size)):
        for piece, is_due in at_pictures(silent_frame(size, RATE), begun, fps):
            assert piece.data
            begun += piece.samples_per_channel
            due += is_due

    assert begun == pytest.approx(10 * RATE, rel=0.01)
    assert due == pytest.approx(begun / RATE * fps, abs=1.01)


def test_pictures_are_seen_when_their_audio_is_heard() -> None:
    """A picture for each stretch, from the first sound to the last."""

    async def speech(scene: Scene) -> None:
        await asyncio.sleep(2.5)
        await scene.say(2.0)
        await scene.output.wait_for_playout()

    scene = run(speech)
    (segment,) = scene.audio.segments
    speaking = scene.pictures(SPEAKING)

    assert (segment.started_at, segment.seconds) == (2.5, 2.0)
    assert len(speaking) == 50
    assert [round(at - segment.started_at, 2) for at in speaking[::10]] == [0, 0.4, 0.8, 1.2, 1.6]


def test_a_silent_agent_is_seen_too() -> None:
    """Who joins later is sent a picture; while it speaks there are others."""

    async def speech(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        await scene.say(3.0)
        await scene.output.wait_for_playout()
        await asyncio.sleep(1.5)

    silent = run(speech).pictures(SILENT)

    assert silent[0] == 0.0
    assert all(not 0.5 < at < 3.4 for at in silent)
    assert silent[-1] >= 3.5
    assert len(silent) <= 2 * CLOSING_PICTURES + 2 / IDLE_INTERVAL


def test_an_interruption_drops_both() -> None:
    """The agent has a closed mouth at once."""

    async def cut(scene: Scene) -> None:
        saying = asyncio.ensure_future(scene.say(5.0))
        await asyncio.sleep(1.0)
        saying.cancel()
        scene.output.clear_buffer()
        await asyncio.sleep(2.0)

    scene = run(cut)

    assert scene.screen.cleared == 1
    assert scene.audio.segments[0].interrupted
    assert max(scene.pictures(SPEAKING)) <= 1.2
    assert any(1.0 <= at <= 1.5 + IDLE_INTERVAL for at in scene.pictures(SILENT))


def test_it_can_not_be_held() -> None:
    """The synchroniser could not hold its pictures."""

    async def nothing(_: Scene) -> None: ...

    assert not run(nothing).output.can_pause


@pytest.mark.parametrize("by", ["drawing", "screen"])
def test_losing_the_picture_leaves_the_voice(by: str) -> None:
    """It is told once, and the audio goes on to its end."""
    failing = False

    def draw(audio: AudioFrame | None) -> VideoFrame:
        if failing and by == "drawing":
            raise ZeroDivisionError("no face")
        return face(audio)

    async def fails(scene: Scene) -> None:
        nonlocal failing
        saying = asyncio.ensure_future(scene.say(3.0))
        await asyncio.sleep(1.0)
        failing = True
        scene.screen.broken = by == "screen"
        await saying
        await scene.output.wait_for_playout()
        await scene.say(1.0)
        await scene.output.wait_for_playout()

    scene = run(fails, draw)

    assert len(scene.lost) == 1
    assert [segment.seconds for segment in scene.audio.segments] == [
        pytest.approx(3.0),
        pytest.approx(1.0),
    ]


def test_a_picture_may_be_drawn_elsewhere() -> None:
    """Async drawing is awaited, and nothing drawn leaves what is shown."""

    async def draw(audio: AudioFrame | None) -> VideoFrame | None:
        await asyncio.sleep(0.001)
        return None if audio is None else face(audio)

    async def speech(scene: Scene) -> None:
        await scene.say(1.0)
        await scene.output.wait_for_playout()

    scene = run(speech, draw)

    assert scene.pictures(SILENT) == []
    assert len(scene.pictures(SPEAKING)) == 25
