"""Pictures of the user's camera in a conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.io import VideoFrame
from agentd.llm import ImageContent, as_picture
from agentd.realtime import RealtimeCapabilities
from agentd.testing import (
    FakeLLM,
    FakeRealtime,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    FakeVideoInput,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.video_sampler import VoiceActivityVideoSampler

FPS = 10


def seeing(hears: tuple[str, ...] = ()) -> FakeRealtime:
    """A model that sees."""
    return FakeRealtime(capabilities=RealtimeCapabilities(video_input=True), hears=hears)


def filmed(
    scenario: Callable[[Scene, FakeVideoInput], Awaitable[None]], **session: Any
) -> tuple[Scene, FakeVideoInput]:
    """A conversation with a camera that shows ten pictures a second, numbered."""

    async def film(camera: FakeVideoInput, scene: Scene) -> None:
        for number in range(10_000):
            camera.show(VideoFrame(data=str(number).encode(), width=0, height=0, format="jpeg"))
            await scene.until((number + 1) / FPS)

    async def run() -> tuple[Scene, FakeVideoInput]:
        scene, camera = Scene(user_away_timeout=None, **session), FakeVideoInput()
        scene.session.input.video = camera
        async with TaskOwner("camera") as owner, scene:
            owner.start(film(camera, scene), name="film")
            await scenario(scene, camera)
        return scene, camera

    return run_virtual(run())


def test_a_silent_user_is_looked_at_now_and_then() -> None:
    """Every three and a third seconds, and each picture is the newest."""
    model = seeing()

    async def silence(scene: Scene, _: FakeVideoInput) -> None:
        await scene.until(10.5)

    filmed(silence, llm=model)

    seen = [(round(at, 1), data) for at, _, data in model.sessions[0].seen]
    assert seen == [(0.0, b"0"), (3.4, b"34"), (6.8, b"68"), (10.2, b"102")]


def test_one_who_speaks_is_looked_at_each_second() -> None:
    """From the first word to the last."""
    model = seeing()

    async def speech(scene: Scene, _: FakeVideoInput) -> None:
        scene.mic.speak(5.0, start_in=1.0)
        await scene.until(6.0)

    filmed(speech, llm=model, vad=FakeVAD())

    instants = [round(at, 1) for at, *_ in model.sessions[0].seen]
    assert 5 <= len(instants) <= 7
    assert all(0.9 <= second - first <= 1.4 for first, second in pairwise(instants[1:]))


def test_one_that_does_not_see_is_shown_nothing() -> None:
    """Encoding costs something."""
    model = FakeRealtime()

    async def silence(scene: Scene, _: FakeVideoInput) -> None:
        await scene.until(5.0)

    scene, _ = filmed(silence, llm=model)

    assert model.sessions[0].seen == []
    assert scene.lines("error", "close: error") == []


def test_a_reading_model_can_be_given_the_latest_picture() -> None:
    """By the hook before the reply; one that was begun ahead, without it, is not said."""

    class Watcher(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            frame = self.session.latest_video_frame
            assert frame is not None
            new_message.content.append(ImageContent(image=as_picture(frame)))

    llm = FakeLLM(default="A cat.")

    async def question(scene: Scene, _: FakeVideoInput) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene, _ = filmed(
        question,
        agent=Watcher(instructions="x"),
        llm=llm,
        vad=FakeVAD(),
        stt=FakeSTT(["what is this"]),
        tts=FakeTTS(),
    )
    content = llm.requests[-1].chat_ctx.items[-1].content  # type: ignore[union-attr]  # a message

    assert [type(part) for part in content] == [str, ImageContent]
    assert scene.history()[-1] == "assistant: A cat."
    assert scene.session.latest_video_frame is None  # it is over


def test_looking_ends_with_the_camera() -> None:
    """What was seen last is not there any more; audio goes on."""
    model = seeing()
    frames: list[VideoFrame | None] = []

    async def camera_fails(scene: Scene, camera: FakeVideoInput) -> None:
        await scene.until(0.5)
        frames.append(scene.session.latest_video_frame)
        scene.session.input.set_video_enabled(False)
        await scene.until(1.0)
        frames.append(scene.session.latest_video_frame)
        scene.session.input.set_video_enabled(True)
        await scene.until(5.0)
        frames.append(scene.session.latest_video_frame)
        scene.session.input.video = None
        await scene.until(5.5)
        frames.append(scene.session.latest_video_frame)

    filmed(camera_fails, llm=model)

    assert [frame is not None for frame in frames] == [True, False, True, False]


def test_all_pictures_are_looked_at_without_a_sampler() -> None:
    """For models that are asked at their own pace."""
    model = seeing()

    async def second(scene: Scene, _: FakeVideoInput) -> None:
        await scene.until(1.05)

    filmed(second, llm=model, video_sampler=None)

    assert len(model.sessions[0].seen) == 11


def test_a_sampler_that_raises_costs_the_pictures_only(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and the conversation goes on."""
    model = seeing(hears=("hello",))
    model.replies = []

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    async def second(scene: Scene, _: FakeVideoInput) -> None:
        await scene.until(2.0)

    scene, _ = filmed(second, llm=model, video_sampler=broken)

    failed = [each for each in caplog.records if vars(each).get("action") == "video_sampler_failed"]
    assert len(failed) == 1
    assert scene.lines("close") == ["close: user_initiated"]


def test_a_picture_that_is_none_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Pixels that do not fit their size."""
    model = seeing()

    async def bad(scene: Scene, camera: FakeVideoInput) -> None:
        await scene.until(0.05)
        camera.show(VideoFrame(data=b"123", width=10, height=10))
        await scene.until(1.05)

    filmed(bad, llm=model, video_sampler=None)

    actions = [vars(each).get("action") for each in caplog.records]
    assert actions.count("picture_unusable") == 1
    assert len(model.sessions[0].seen) == 11


def test_zero_pictures_a_second_is_none() -> None:
    """And less is refused."""

    class Session:
        user_state = "speaking"

    async def ask() -> bool:
        sampler = VoiceActivityVideoSampler(speaking_fps=0)
        return sampler(VideoFrame(data=b"", width=0, height=0, at=now()), Session())  # type: ignore[arg-type]

    assert not run_virtual(ask())
    with pytest.raises(ValueError, match="silent_fps must be 0 or more, but is -1"):
        VoiceActivityVideoSampler(silent_fps=-1)


def test_video_that_is_lost_is_an_event() -> None:
    """The session goes on with audio."""
    model = seeing()

    async def lost(scene: Scene, _: FakeVideoInput) -> None:
        scene.session.video_lost("the room did not take it")
        await scene.until(1.0)

    scene, _ = filmed(lost, llm=model)

    assert scene.lines("degraded") == ["degraded: video_output"]
    assert scene.lines("close") == ["close: user_initiated"]
