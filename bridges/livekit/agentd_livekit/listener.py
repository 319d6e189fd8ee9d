"""One stream of a livekit VAD: fed from any thread, run on the loop of `vadloop`."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Any

from livekit.agents.vad import VADEventType
from msgspec import Struct

from agentd.errors import ModelError

from .vadloop import vad_loop

TURNS = 5
"""Of the loop. A plugin tells of a window, and then of what begins or ends with it, through two
channels of livekit's; nothing says which event of a window is the last."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What the plugin has told; instants and durations in seconds of the stream's audio."""

    kind: str
    """As VADEventType has it."""
    timestamp: float
    speech_duration: float
    silence_duration: float
    probability: float = 0.0
    raw_speech: float = 0.0
    raw_silence: float = 0.0


class Listener:
    """Takes windows of audio, holds what was judged until it is taken."""

    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin
        self._loop = vad_loop()
        self._stream: Any = None
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._changed = threading.Condition()
        self._judgements: deque[Judgement] = deque()
        self._judged = 0
        self._failure: BaseException | None = None
        self._loop.call_soon_threadsafe(self._begin)

    @property
    def judged(self) -> int:
        """How many windows were judged."""
        return self._judged

    def push(self, frame: Any) -> None:
        """Give it the next window."""
        self._loop.call_soon_threadsafe(self._push, frame)

    def take(self, windows: int, patience: float) -> list[Judgement]:
        """What was judged since the last call.

        Waits for so many windows in all, for at most `patience` seconds. Raises ModelError where
        the plugin has failed.
        """
        with self._changed:
            if patience:
                self._changed.wait_for(lambda: self._judged >= windows or self._failure, patience)
            taken = list(self._judgements)
            self._judgements.clear()
            if self._failure is not None:
                raise ModelError(f"the VAD has failed: {self._failure!r}") from self._failure
        return taken

    def close(self) -> None:
        """End the stream. May be repeated, and comes from a garbage collector, too."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)

    # -- on the loop of the thread ---------------------------------------------------------

    def _begin(self) -> None:
        try:
            self._stream = self._plugin.stream()
        except Exception as error:  # noqa: BLE001 - foreign code; told by `take`
            self._fail(error)
            return
        self._task = self._loop.create_task(self._read(), name="livekit-vad")

    def _push(self, frame: Any) -> None:
        try:
            if self._stream is not None:
                self._stream.push_frame(frame)
        except RuntimeError as error:  # it has ended
            self._fail(error)

    def _end(self) -> None:
        if self._task is not None and self._ending is None:
            self._task.cancel()
            # Not in the task itself: one that is cancelled before its first step runs nothing.
            self._ending = self._loop.create_task(self._stream.aclose(), name="livekit-vad-end")

    async def _read(self) -> None:
        try:
            async for event in self._stream:
                self._add(event)
        except Exception as error:  # noqa: BLE001 - foreign code; told by `take`
            self._fail(error)

    def _add(self, event: Any) -> None:
        judgement = Judgement(
            kind=event.type,
            timestamp=event.timestamp,
            speech_duration=event.speech_duration,
            silence_duration=event.silence_duration,
            probability=event.probability,
            raw_speech=event.raw_accumulated_speech,
            raw_silence=event.raw_accumulated_silence,
        )
        with self._changed:
            self._judgements.append(judgement)
        if event.type == VADEventType.INFERENCE_DONE:
            self._count(turns=TURNS)

    def _count(self, turns: int) -> None:
        """A window is judged, and what else was told with it has come, too."""
        if turns:
            self._loop.call_soon(self._count, turns - 1)
            return
        with self._changed:
            self._judged += 1
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
