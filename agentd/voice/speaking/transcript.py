"""Writes the words of a stretch of speech while they are spoken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agentd.aio.timing import now, wait_event
from agentd.app.usererror import error_fields
from agentd.io.base import TextOutput

from .playback import PlaybackClock
from .spoken_text import SpokenText

logger = logging.getLogger("agentd.voice")


class TranscriptWriter:
    """Writes each word as it begins, in step with a clock. For one stretch."""

    def __init__(
        self,
        spoken: SpokenText,
        output: TextOutput | None,
        clock: PlaybackClock,
        *,
        on_sentence: Callable[[], None],
    ) -> None:
        """`on_sentence` is called when a sentence is over and the next one begins."""
        self._spoken = spoken
        self._output = output
        self._clock = clock
        self._speed = output.speed_factor if output is not None else 1.0
        self._on_sentence = on_sentence
        self._written = 0
        self._changed = asyncio.Event()
        clock.subscribe(self._changed.set)

    @property
    def written(self) -> str:
        """What was written so far."""
        return self._spoken.words(0, self._written)

    def text_changed(self) -> None:
        """There are more words, or there will be none."""
        self._changed.set()

    async def run(self) -> None:
        """Write in step with the clock, until cancelled or until all of it is written."""
        if self._output is not None and not self._output.in_step:
            await self.write_all()
        while not (self._spoken.text_complete and self._next_at() is None):
            self._changed.clear()
            if self._clock.runs:
                await self._write_until(self._spoken.begun_at(self._position()))
            await self._wait()

    async def write_all(self) -> None:
        """Write the text as it comes, to its end, whatever was heard of it."""
        while not self._spoken.text_complete:
            self._changed.clear()
            await self._write_until(self._spoken.word_count)
            # Has an end: whoever makes the text says so, also when it fails.
            await self._changed.wait()
        await self._write_until(self._spoken.word_count)

    async def finish(self) -> None:
        """It was heard, or is to be read, to its end."""
        await self.write_all()
        self._flush()

    def cut(self) -> None:
        """It ends here."""
        self._flush()

    async def _write_until(self, count: int) -> None:
        if count <= self._written:
            return
        start, self._written = self._written, count
        text = self._spoken.words(start, count)
        if self._output is not None:
            await self._write(self._output, text)
        if self._spoken.ends_sentence_between(start - 1, count - 1):
            self._on_sentence()

    async def _write(self, output: TextOutput, text: str) -> None:
        try:
            await output.capture_text(text)
        except Exception as error:  # noqa: BLE001 - an output of others; the speech goes on
            self._output = None
            logger.error(
                "a text output failed: the rest of this speech is not written",
                extra={
                    "action": "text_output_failed",
                    "output": output.label,
                    **error_fields(error),
                },
            )

    async def _wait(self) -> None:
        """Until the next word begins, or anything has changed."""
        begins_at = self._next_at()
        if begins_at is None or not self._clock.runs:
            # Ends with the stretch at the latest, which cancels this.
            await self._changed.wait()
        else:
            pause = (begins_at - self._position()) / self._speed
            await wait_event(self._changed, max(0.0, pause))

    def _position(self) -> float:
        return self._clock.position(now()) * self._speed

    def _next_at(self) -> float | None:
        return self._spoken.begins_at(self._written)

    def _flush(self) -> None:
        if self._output is not None:
            self._output.flush()
