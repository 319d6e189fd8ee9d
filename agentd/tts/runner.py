"""Voices that compute in this process: a plain blocking runner, and the TTS around one.

A runner knows no loop, so a process that hosts models can use it as it is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from agentd.audio.frame import AudioFrame
from agentd.errors import AgentdError, ModelError

from .base import TTS
from .capabilities import TTSCapabilities

logger = logging.getLogger("agentd.tts")

T = TypeVar("T")

WARM_UP_TEXT = "Ready."


class SpeakRequest:
    """A text to be spoken. It may be withdrawn from another thread than the one that speaks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._cancelled = threading.Event()
        self._on_cancel: Callable[[], None] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants to hear it any more."""
        return self._cancelled.is_set()

    def on_cancel(self, stop: Callable[[], None]) -> None:
        """What stops the computing that is going on; called from another thread, once or twice."""
        self._on_cancel = stop
        if self.cancelled:
            stop()

    def cancel(self) -> None:
        """Withdraw it. May be repeated."""
        self._cancelled.set()
        if self._on_cancel is not None:
            self._on_cancel()


class VoiceRunner(Protocol):
    """What a plugin implements: blocking, called from one thread at a time."""

    @property
    def sample_rate(self) -> int:
        """Hz of its audio; known before it is loaded."""

    def load(self) -> None:
        """Get ready, which may take seconds; raises ModelError where that can't be."""

    def run(self, request: SpeakRequest) -> Iterator[AudioFrame]:
        """The audio of a text, piece by piece, the first as early as can be.

        Ends soon after the request was cancelled, or the iterator closed. Raises ModelError.
        """


class RunnerTTS(TTS):
    """Speaks whole texts by a runner, in a thread of its own; one text after the other.

    The runner is loaded by `prewarm`, or with the first text. Needs to be closed.
    """

    def __init__(self, runner: VoiceRunner) -> None:
        super().__init__(
            capabilities=TTSCapabilities(streaming=False), sample_rate=runner.sample_rate
        )
        self._runner = runner
        self._loaded = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="agentd-voice")
        self._current: set[SpeakRequest] = set()
        self._closed = False

    def prewarm(self) -> None:
        """See the base class: loads the model and lets it speak, unheard."""
        if not self._closed:
            self._thread.submit(self._warm_up)

    async def speak(self, text: str) -> AsyncIterator[AudioFrame]:
        """See the base class."""
        request = SpeakRequest(text)
        frames = self._runner.run(request)
        self._current.add(request)
        try:
            while (frame := await self._in_thread(lambda: self._next(frames))) is not None:
                yield frame
        finally:
            self._current.discard(request)
            request.cancel()
            if not self._closed:
                # Behind the step that may still run: an iterator has one caller at a time.
                self._thread.submit(_close, frames)

    async def aclose(self) -> None:
        """Stop what is spoken and end the thread. May be repeated."""
        self._closed = True
        for request in self._current:
            request.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, step: Callable[[], T]) -> T:
        if self._closed:
            raise ModelError(f"{self.label} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _next(self, frames: Iterator[AudioFrame]) -> AudioFrame | None:
        self._load()
        return next(frames, None)

    def _load(self) -> None:
        if not self._loaded:
            self._runner.load()
            self._loaded = True

    def _warm_up(self) -> None:
        try:
            self._load()
            for _ in self._runner.run(SpeakRequest(WARM_UP_TEXT)):
                pass
        except AgentdError as error:
            # Told again, as a failure, where something is to be spoken.
            logger.warning(
                "a voice could not be made ready",
                extra={"action": "tts_not_ready", "tts": self.label, "error": str(error)},
            )


def _close(frames: Iterator[AudioFrame]) -> None:
    close = getattr(frames, "close", None)
    if close is not None:
        close()
