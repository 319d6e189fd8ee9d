"""A microphone: what is spoken to the agent, pushed by whatever hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentd.aio.channel import Channel
from agentd.audio.frame import AudioFrame
from agentd.errors import WouldBlock
from agentd.io import AudioInput

CAPACITY = 1500
"""Frames of 10 or 20 ms that wait for the session at most; then the oldest are lost. Many: models
are loaded while the first of them come."""


class Microphone(AudioInput):
    """Mono. `push` may be called from any thread."""

    label = "console"

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._loop = asyncio.get_running_loop()
        self._frames: Channel[AudioFrame] = Channel(CAPACITY)
        self._attached = True

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self._frames

    def push(self, pcm: bytes) -> None:
        """What was heard."""
        try:
            self._loop.call_soon_threadsafe(self._put, pcm)
        except RuntimeError:
            return  # the loop has ended, and the sound card has not noticed yet

    def on_attached(self) -> None:
        """See AudioInput."""
        self._attached = True

    def on_detached(self) -> None:
        """See AudioInput."""
        self._attached = False
        self._frames.clear()

    async def aclose(self) -> None:
        """See AudioInput."""
        self._frames.close()

    def _put(self, pcm: bytes) -> None:
        if not self._attached or self._frames.closed:
            return
        frame = AudioFrame(data=pcm, sample_rate=self.sample_rate)
        try:
            self._frames.send_nowait(frame)
        except WouldBlock:
            self._frames.receive_nowait()
            self._frames.send_nowait(frame)
