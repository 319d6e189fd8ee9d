"""Plays one stretch of audio after the other, and knows how far it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable

from agentd.aio.timing import now
from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame
from agentd.io.base import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent

from .playback import PlaybackClock

logger = logging.getLogger("agentd.voice")

STOP_TIMEOUT = 1.0
"""Seconds that an output has to say how far it was when it is cut off."""


class Stage:
    """What is being heard of the session. One stretch at a time."""

    def __init__(self, on_audible: Callable[[], None]) -> None:
        """`on_audible` is called when the first sound of a stretch is on its way."""
        self._on_audible = on_audible
        self._output: AudioOutput | None = None
        self._clock: PlaybackClock | None = None
        self._paused = False
        self._begun = False
        """Whether a stretch was given to the output and its end has not been told."""
        self.last_audible_at: float | None = None
        """When something was last heard."""
        self._given = 0.0
        """Seconds of the stretch that the output has taken."""
        self._sounds_until = 0.0
        """When all of it will have been heard."""

    @property
    def heard_until(self) -> float | None:
        """The last instant so far at which something was heard; None where nothing ever was.

        That is now while a stretch is played, but not of an output that takes nothing more.
        """
        if self._clock is not None and self._clock.runs:
            return min(now(), self._sounds_until)
        return self.last_audible_at

    async def play(
        self, output: AudioOutput, frames: AsyncIterable[AudioFrame], clock: PlaybackClock
    ) -> PlaybackFinishedEvent | None:
        """Play a stretch to its end; None where it had no sound in it.

        When this is cancelled the stretch goes on: `stop` ends it.
        """
        self._output, self._clock, self._begun = output, clock, False
        self._given = 0.0
        if self._paused:
            self._hold_new(output, clock)
        output.on("playback_started", self._started)
        try:
            await self._capture(output, frames, clock)
            if not self._begun:
                return None
            output.flush()
            event = await output.wait_for_playout()
            self._over()
            return event
        finally:
            output.off("playback_started", self._started)

    async def stop(self) -> PlaybackFinishedEvent | None:
        """Cut the stretch off at once; None where nothing of it was given to the output."""
        output, clock = self._output, self._clock
        if output is None or clock is None or not self._begun:
            return None
        output.clear_buffer()
        reached = clock.position(now())
        clock.pause(now())
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                event = await output.wait_for_playout()
        except TimeoutError:
            logger.warning(
                "an audio output did not say how far it was when it was cut off",
                extra={"action": "playout_unknown", "output": output.label, "position": reached},
            )
            event = PlaybackFinishedEvent(playback_position=reached, interrupted=True)
        self._over()
        return event

    def pause(self) -> None:
        """Hold it where it is, if the output can; also what comes next. May be repeated."""
        if self._output is not None and not self._output.can_pause:
            return
        self._paused = True
        self.last_audible_at = self.heard_until
        if self._output is not None:
            self._output.pause()
        if self._clock is not None:
            self._clock.pause(now())

    def resume(self) -> None:
        """Go on where it was held. May be repeated."""
        if not self._paused:
            return
        self._paused = False
        if self._output is not None:
            self._output.resume()
        if self._clock is not None:
            self._clock.resume(now())
            self._sounds_until = now() + max(0.0, self._given - self._clock.position(now()))

    def _hold_new(self, output: AudioOutput, clock: PlaybackClock) -> None:
        """It was to be held before it began."""
        self._paused = output.can_pause
        if self._paused:
            output.pause()
            clock.pause(now())

    async def _capture(
        self, output: AudioOutput, frames: AsyncIterable[AudioFrame], clock: PlaybackClock
    ) -> None:
        fit = Conformer(output.sample_rate) if output.sample_rate is not None else None
        async for frame in frames:
            for fitting in [frame] if fit is None else fit.push(frame):
                if not self._begun:
                    self._begun, clock.fed_at = True, now()
                await output.capture_frame(fitting)
                self._note_given(fitting)
        for rest in [] if fit is None else fit.flush():
            await output.capture_frame(rest)
            self._note_given(rest)

    def _note_given(self, frame: AudioFrame) -> None:
        self._given += frame.duration
        # A voice that is slower than speech is heard all the same, with gaps.
        self._sounds_until = max(now(), self._sounds_until) + frame.duration

    def _started(self, event: PlaybackStartedEvent) -> None:
        if self._clock is not None:
            self._clock.start(now())
            self.last_audible_at = now()
            self._sounds_until = now() + self._given
            self._on_audible()

    def _over(self) -> None:
        self.last_audible_at = now()
        self._begun = False
        self._clock = None
