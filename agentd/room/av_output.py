"""A voice with a face: for each stretch of audio a picture is drawn, and both go out in step."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wait_event
from agentd.app.usererror import error_fields
from agentd.audio.frame import AudioFrame, split_frame
from agentd.errors import VideoError
from agentd.io import (
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
    VideoFrame,
    VideoOutput,
)

logger = logging.getLogger("agentd.room")

IDLE_INTERVAL = 1.0
"""Seconds between two pictures of a silent agent: who joins later has to be sent one."""

CLOSING_PICTURES = 3
"""Of an agent that falls silent: whoever decodes them may hold each back until the next comes."""

ROUNDING = 1e-6
"""What floating-point numbers may be off by."""

Draw: TypeAlias = Callable[[AudioFrame | None], VideoFrame | Awaitable[VideoFrame | None] | None]
"""Makes the picture for a stretch of audio, or for silence (None); None leaves the last one."""


def at_pictures(frame: AudioFrame, begun: int, fps: float) -> Iterator[tuple[AudioFrame, bool]]:
    """A frame of audio, cut where pictures are due; whether one is, at the start of each piece.

    `begun` is how many samples of the segment came before it.
    """
    rate = frame.sample_rate
    while frame.data:
        number = math.ceil(begun * fps / rate - ROUNDING)
        due_at = _place(number, rate, fps)
        is_due = due_at == begun
        until = _place(number + 1, rate, fps) if is_due else due_at
        piece, frame = split_frame(frame, (until - begun) / rate)
        if not piece.data:
            piece, frame = frame, AudioFrame(data=b"", sample_rate=rate)
        begun += piece.samples_per_channel
        yield piece, is_due


def _place(number: int, rate: int, fps: float) -> int:
    """The last sample that is not behind a picture's instant."""
    return math.floor(number * rate / fps + ROUNDING)


class AVOutput(AudioOutput):
    """Hands audio on to one output and pictures of it to another.

    It can't pause, since LiveKit's synchroniser can't. Where a picture can't be drawn or shown,
    `lost` is told why, once, and the audio goes on alone.
    """

    def __init__(
        self,
        audio: AudioOutput,
        video: VideoOutput,
        draw: Draw,
        *,
        fps: float,
        lost: Callable[[str], None],
    ) -> None:
        super().__init__(
            label=audio.label,
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=audio.sample_rate,
            next_in_chain=audio,
        )
        self._audio = audio
        self._video: VideoOutput | None = video
        self._draw = draw
        self._fps = fps
        self._lost = lost
        self._begun = 0
        """Samples of the segment so far."""
        self._cleared = 0
        self._silent = asyncio.Event()
        self._silent.set()
        self._fell_silent = asyncio.Event()
        self._fell_silent.set()
        self._tasks = TaskOwner("video output")
        audio.on("playback_started", self._on_started)
        audio.on("playback_finished", self._on_finished)

    def start(self) -> None:
        """Show the silent agent from now on. Once."""
        self._tasks.start(self._idle(), name="idle")

    async def capture_frame(self, frame: AudioFrame) -> None:
        """See AudioOutput."""
        self._silent.clear()
        cleared = self._cleared
        for piece, is_due in at_pictures(frame, self._begun, self._fps):
            if is_due:
                await self._show(piece)
            if self._cleared != cleared:
                return  # it was cut off while its picture waited
            self._begun += piece.samples_per_channel
            await self._audio.capture_frame(piece)

    def flush(self) -> None:
        """See AudioOutput."""
        self._begun = 0
        self._audio.flush()

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """See AudioOutput."""
        return await self._audio.wait_for_playout()

    def clear_buffer(self) -> None:
        """See AudioOutput."""
        self._cleared += 1
        self._begun = 0
        if self._video is not None:
            self._video.clear_buffer()
        self._audio.clear_buffer()

    async def aclose(self) -> None:
        """Show nothing more. What is behind is its maker's to close. May be repeated."""
        await self._tasks.aclose()
        self._audio.off("playback_started", self._on_started)
        self._audio.off("playback_finished", self._on_finished)

    async def _idle(self) -> None:
        while self._video is not None:
            await self._silent.wait()
            pictures = CLOSING_PICTURES if self._fell_silent.is_set() else 1
            self._fell_silent.clear()
            for _ in range(pictures):
                await self._show(None)
            await wait_event(self._fell_silent, IDLE_INTERVAL)

    async def _show(self, audio: AudioFrame | None) -> None:
        if self._video is None:
            return
        try:
            drawn = self._draw(audio)
            picture = await drawn if inspect.isawaitable(drawn) else drawn
            if picture is not None:
                await self._video.capture_frame(picture)
        except VideoError as error:
            self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 - the user's drawing; the voice goes on
            logger.error(
                "the agent's picture could not be drawn",
                extra={"action": "drawing_failed", **error_fields(error)},
            )
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, reason: str) -> None:
        if self._video is not None:  # the silent and the speaking agent may fail at once
            self._video = None
            self._lost(reason)

    def _on_started(self, event: PlaybackStartedEvent) -> None:
        self.emit("playback_started", event)

    def _on_finished(self, event: PlaybackFinishedEvent) -> None:
        if not self._begun:  # else the next segment is on its way
            self._silent.set()
            self._fell_silent.set()
        self.emit("playback_finished", event)
