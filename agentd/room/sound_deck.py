"""Plays sounds into one stream of audio, several at a time, as they are asked for and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.audio.mixer import Mixer, Track
from agentd.audio.sounds import AudioConfig, sound_frames

DECK_RATE = 48000
PIECE = 0.1
"""Seconds that are mixed at once."""
AHEAD = 0.5
"""Seconds that each sound is read ahead."""


class SoundSink(Protocol):
    """Where the mixed audio goes to, at the pace of a clock."""

    @property
    def queued_duration(self) -> float:
        """Seconds that it has taken and not played."""

    async def capture(self, frame: AudioFrame) -> None:
        """Take the next audio; waits while it is full."""


class PlayHandle:
    """One sound that was asked for. Await it, or `wait_for_playout`, to hear it out."""

    def __init__(self, on_stop: Callable[[PlayHandle], None] | None = None) -> None:
        self.error: BaseException | None = None
        """What it failed of."""
        self._on_stop = on_stop
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        """Whether it is over: played, stopped or failed."""
        return self._done.done()

    def stop(self) -> None:
        """Play no more of it; it fades out if it was to. May be repeated."""
        stop, self._on_stop = self._on_stop, None
        if stop is not None and not self.done():
            stop(self)

    async def wait_for_playout(self) -> None:
        """Wait until it is over. Never raises what it failed of: see `error`."""
        await asyncio.shield(self._done)

    def finish(self) -> None:
        """It is over; for who plays it. May be repeated."""
        if not self._done.done():
            self._done.set_result(None)

    def __await__(self) -> Generator[Any, None, PlayHandle]:
        yield from self.wait_for_playout().__await__()
        return self


class SoundDeck:
    """Mixes what is played. `run` is its work; without a sound it does nothing."""

    def __init__(
        self, sink: SoundSink, *, failed: Callable[[AudioConfig, BaseException], None]
    ) -> None:
        """`failed` is told of each sound that can't be played, and why."""
        self._sink = sink
        self._failed = failed
        self._mixer = Mixer(DECK_RATE)
        self._bell = Bell()
        self._playing: dict[PlayHandle, _Playing] = {}
        self._feeds = TaskOwner("sounds")
        self._fades = TaskOwner("fades")

    def play(self, sound: AudioConfig, *, loop: bool) -> PlayHandle:
        """Begin to play a sound."""
        handle = PlayHandle(self._stop)
        task = self._feeds.start(self._play(sound, handle, loop=loop), name="play")
        self._playing[handle] = _Playing(sound, task)
        # Also where it is cancelled before it has begun.
        task.add_done_callback(lambda _: self._end(handle))
        return handle

    async def run(self) -> None:
        """Give the sink what there is to hear, until cancelled. Raises what the sink raises."""
        while True:
            await self._bell.until(lambda: not self._mixer.is_idle)
            mixed = self._mixer.read(PIECE)
            self._bell.ring()
            await self._sink.capture(mixed)

    async def aclose(self) -> None:
        """Stop everything, at once. May be repeated."""
        await self._fades.aclose()
        await self._feeds.aclose()

    async def _play(self, sound: AudioConfig, handle: PlayHandle, *, loop: bool) -> None:
        track: Track | None = None
        try:
            async with aclosing(sound_frames(sound.source, loop=loop)) as frames:
                async for frame in frames:
                    if track is None:
                        track = self._begin(sound, handle)
                    await self._bell.until(partial(_has_room, track))
                    track.push(frame)
            if track is not None:
                track.end()
                await self._bell.until(partial(_is_over, track))
                await asyncio.sleep(self._sink.queued_duration + PIECE)  # what is on its way
        except Exception as error:  # noqa: BLE001 - a broken file, or the user's generator
            handle.error = error
            self._failed(sound, error)

    def _begin(self, sound: AudioConfig, handle: PlayHandle) -> Track:
        """Its first audio is there: have it mixed."""
        track = self._mixer.add(volume=0.0, max_waiting=AHEAD)
        track.fade(sound.volume, sound.fade_in)
        self._playing[handle].track = track
        self._bell.ring()
        return track

    def _stop(self, handle: PlayHandle) -> None:
        playing = self._playing[handle]
        if playing.track is None or playing.sound.fade_out <= 0:
            playing.task.cancel()
        else:
            self._fades.start(self._fade(playing, playing.track), name="fade")

    async def _fade(self, playing: _Playing, track: Track) -> None:
        track.fade(0.0, playing.sound.fade_out)
        await asyncio.sleep(playing.sound.fade_out)
        playing.task.cancel()

    def _end(self, handle: PlayHandle) -> None:
        playing = self._playing.pop(handle)
        if playing.track is not None:
            self._mixer.remove(playing.track)
        handle.finish()


@dataclass
class _Playing:
    """A sound that is being played."""

    sound: AudioConfig
    task: asyncio.Task[None]
    track: Track | None = None
    """Once it has audio."""


def _has_room(track: Track) -> bool:
    return not track.is_full


def _is_over(track: Track) -> bool:
    return track.is_over
