"""Writes both sides of a session into one file while it goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wait_event
from agentd.audio.codecs import OGG_RATE, OggOpusWriter
from agentd.audio.frame import AudioFrame
from agentd.audio.timeline import Side, Timeline
from agentd.audio.wav_writer import WavWriter
from agentd.errors import AudioError
from agentd.io import AgentInput, AgentOutput

from .places import HOLD, Placed
from .taps import RecorderAudioInput, RecorderAudioOutput

logger = logging.getLogger("agentd.recording")

WAV_RATE = 24000
WRITE_INTERVAL = 1.0
"""Seconds between two writes."""
LAG = HOLD + 1.0
"""Seconds by which the file is behind, so that each side has its place in it when it is written."""

CLOSE_TIMEOUT = 10.0
"""Seconds for the last of it to be written; a disk that takes longer loses it."""

Offload = Callable[..., Awaitable[Any]]
"""Runs a blocking function elsewhere, as `asyncio.to_thread` does."""


class AudioWriter(Protocol):
    """A file that is being written. Blocking; raises AudioError."""

    @property
    def duration(self) -> float: ...
    def write(self, frame: AudioFrame) -> None: ...
    def close(self) -> None: ...


class RecorderIO:
    """Records what a session hears and what is heard of it, until it is closed.

    Inputs and outputs that are exchanged meanwhile are recorded as well. A file that can't be
    written ends the recording, and nothing else: `lost` is told the reason. What waits for the
    disk is bounded (a minute); what the disk does not take in that time is left out.
    """

    def __init__(
        self, path: Path, *, lost: Callable[[str], None], offload: Offload = asyncio.to_thread
    ) -> None:
        self.path = path
        self.duration = 0.0
        """Seconds in the file."""
        self._rate = OGG_RATE if path.suffix == ".ogg" else WAV_RATE
        self._lost = lost
        self._offload = offload
        self._input: AgentInput | None = None
        self._output: AgentOutput | None = None
        self._timeline: Timeline | None = None
        self._writer: AudioWriter | None = None
        self._ending = asyncio.Event()
        self._tasks = TaskOwner("recorder")
        self._writing: asyncio.Task[None] | None = None

    async def start(self, input: AgentInput, output: AgentOutput) -> None:
        """Open the file and begin to listen. Once; never raises for the file."""
        try:
            self._writer = await self._offload(_open, self.path, self._rate)
        except AudioError as error:
            self._give_up(error)
            return
        self._timeline = Timeline(start_at=now(), sample_rate=self._rate)
        self._input, self._output = input, output
        input.subscribe(self._tap)
        output.subscribe(self._tap)
        self._tap()
        self._writing = self._tasks.start(self._write(), name="write")
        logger.info(
            "the conversation is recorded",
            extra={"action": "recording_started", "path": str(self.path)},
        )

    async def aclose(self) -> None:
        """Write what is left, and let go of the file. May be repeated; never raises."""
        self._untap()
        self._ending.set()
        writing, self._writing = self._writing, None
        if writing is not None:
            done, _ = await asyncio.wait({writing}, timeout=CLOSE_TIMEOUT)
            if not done:
                self._give_up(AudioError(f"'{self.path}' took over {CLOSE_TIMEOUT:g} s to write"))
        await self._tasks.aclose()

    # -- between the session and its audio ---------------------------------------------------

    def _tap(self) -> None:
        """Stand before what is in the slots now."""
        if self._input is None or self._output is None:
            return
        ears, mouth = self._input.audio, self._output.audio
        if ears is not None and not isinstance(ears, RecorderAudioInput):
            self._input.audio = RecorderAudioInput(ears, self._said)
        if mouth is not None and not isinstance(mouth, RecorderAudioOutput):
            self._output.audio = RecorderAudioOutput(mouth, self._heard, self._cut)

    def _untap(self) -> None:
        """Put back what was there."""
        input, self._input = self._input, None
        output, self._output = self._output, None
        if input is None or output is None:
            return
        input.unsubscribe(self._tap)
        output.unsubscribe(self._tap)
        if isinstance(input.audio, RecorderAudioInput):
            input.audio.flush()
            input.audio = input.audio.source
        if isinstance(output.audio, RecorderAudioOutput):
            output.audio.stop()
            output.audio = output.audio.sink

    def _said(self, placed: list[Placed]) -> None:
        self._push(Side.LEFT, placed)

    def _heard(self, placed: list[Placed]) -> None:
        self._push(Side.RIGHT, placed)

    def _push(self, side: Side, placed: list[Placed]) -> None:
        if self._timeline is None:
            return
        for at, frame in placed:
            try:
                self._timeline.push(side, at, frame)
            except AudioError:
                return  # no audio: the session says so itself

    def _cut(self, at: float) -> None:
        if self._timeline is not None:
            self._timeline.cut(Side.RIGHT, at)

    # -- the file ----------------------------------------------------------------------------

    async def _write(self) -> None:
        timeline, writer = self._timeline, self._writer
        assert timeline is not None
        assert writer is not None
        try:
            while not await wait_event(self._ending, WRITE_INTERVAL):
                self._advance()
                await self._write_until(timeline, writer, now() - LAG)
            end = max(timeline.finish(), now())
            await self._write_until(timeline, writer, end)
            await self._offload(writer.close)
        except AudioError as error:
            self._give_up(error)
            with suppress(AudioError):
                await self._offload(writer.close)
        else:
            self._tell_end(timeline.dropped)

    def _advance(self) -> None:
        """Take what was said and heard until now, also where nothing moves."""
        ears = self._input.audio if self._input is not None else None
        mouth = self._output.audio if self._output is not None else None
        for tap in (ears, mouth):
            if isinstance(tap, RecorderAudioInput | RecorderAudioOutput):
                tap.advance()

    async def _write_until(self, timeline: Timeline, writer: AudioWriter, until: float) -> None:
        while (part := timeline.take(until)) is not None:
            await self._offload(writer.write, part)
            self.duration = writer.duration

    def _give_up(self, error: AudioError) -> None:
        self._untap()
        self._timeline = None
        logger.error(
            "the recording is lost from here on: the call goes on without it",
            extra={
                "action": "recording_failed",
                "path": str(self.path),
                "reason": str(error),
                "kept_seconds": round(self.duration, 2),
            },
        )
        self._lost(str(error))

    def _tell_end(self, dropped: float) -> None:
        logger.info(
            "the recording is complete",
            extra={
                "action": "recording_ended",
                "path": str(self.path),
                "seconds": round(self.duration, 2),
                "dropped_seconds": round(dropped, 2),
            },
        )


def _open(path: Path, rate: int) -> AudioWriter:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"'{path}' could not be written: {error.strerror}") from error
    return OggOpusWriter(path) if path.suffix == ".ogg" else WavWriter(path, sample_rate=rate)
