"""Tests of agentd.room.sound_deck, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import numpy as np

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import Samples
from agentd.audio.sounds import AudioConfig
from agentd.room.sound_deck import AHEAD, DECK_RATE, PIECE, SoundDeck
from agentd.testing.virtual_time import run_virtual

QUEUE = 0.2


class Loudspeaker:
    """Plays in step with the clock, and keeps what it has played."""

    def __init__(self) -> None:
        self.played: list[AudioFrame] = []
        self.failing: Exception | None = None
        self._ends_at = 0.0

    @property
    def queued_duration(self) -> float:
        return max(0.0, self._ends_at - now())

    @property
    def samples(self) -> Samples:
        return np.concatenate([frame.samples for frame in self.played])

    async def capture(self, frame: AudioFrame) -> None:
        if self.failing is not None:
            raise self.failing
        self.played.append(frame)
        self._ends_at = max(self._ends_at, now()) + frame.duration
        await asyncio.sleep(max(0.0, self.queued_duration - QUEUE))


class Scene:
    """A deck at work."""

    def __init__(self) -> None:
        self.loudspeaker = Loudspeaker()
        self.failed: list[BaseException] = []
        self.deck = SoundDeck(self.loudspeaker, failed=lambda _, error: self.failed.append(error))
        self.given = 0.0
        """Seconds of a level sound that were asked for."""

    async def level(self, seconds: float = 1e9, value: int = 1000) -> AsyncIterator[AudioFrame]:
        """A steady level, in pieces."""
        while self.given < seconds - 1e-9:
            self.given += PIECE
            samples = np.full(round(PIECE * DECK_RATE), value, dtype=np.int16)
            yield from_samples(samples, DECK_RATE)


def run(scenario: Coroutine[Any, Any, Any], scene: Scene) -> Any:
    """Run a scenario beside the deck."""

    async def both() -> Any:
        async with TaskOwner("test") as owner:
            owner.start(scene.deck.run(), name="deck")
            try:
                return await asyncio.wait_for(scenario, 60)
            finally:
                await scene.deck.aclose()

    return run_virtual(both())


def test_a_sound_is_over_when_it_was_heard() -> None:
    """Its handle is done at its end, not when it was handed over."""
    scene = Scene()

    async def scenario() -> float:
        await scene.deck.play(AudioConfig(scene.level(2.0)), loop=False)
        return now()

    ended_at = run(scenario(), scene)

    assert 2.0 <= ended_at <= 2.0 + QUEUE + 2 * PIECE
    assert scene.loudspeaker.samples[: 2 * DECK_RATE].tolist() == [1000] * (2 * DECK_RATE)


def test_two_sounds_are_heard_at_once() -> None:
    """Their sum, each at its own volume."""
    scene, other = Scene(), Scene()

    async def scenario() -> None:
        first = scene.deck.play(AudioConfig(scene.level(1.0)), loop=False)
        second = scene.deck.play(AudioConfig(other.level(1.0), volume=0.5), loop=False)
        await first
        await second

    run(scenario(), scene)

    assert scene.loudspeaker.samples.max() == 1500


def test_a_sound_that_is_stopped_is_not_heard_any_more() -> None:
    """But for what the track holds already."""
    scene = Scene()

    async def scenario() -> bool:
        handle = scene.deck.play(AudioConfig(scene.level()), loop=False)
        await asyncio.sleep(1.0)
        handle.stop()
        handle.stop()
        await handle.wait_for_playout()
        stopped_at = now()
        await asyncio.sleep(5.0)
        return stopped_at == 1.0 and handle.done()

    assert run(scenario(), scene)
    heard = np.count_nonzero(scene.loudspeaker.samples) / DECK_RATE
    assert heard <= 1.0 + QUEUE + 2 * PIECE


def test_a_sound_fades_in_and_out() -> None:
    """Evenly, within the seconds asked for."""
    scene = Scene()
    sound = AudioConfig(scene.level(), fade_in=1.0, fade_out=1.0)

    async def scenario() -> float:
        handle = scene.deck.play(sound, loop=False)
        await asyncio.sleep(2.0)
        handle.stop()
        await handle
        return now()

    ended_at = run(scenario(), scene)
    samples = scene.loudspeaker.samples
    steps = np.abs(np.diff(samples.astype(int)))

    assert ended_at == 3.0
    assert 480 <= samples[DECK_RATE // 2] <= 520
    assert samples.max() == 1000
    assert steps.max() <= 1000 * PIECE + 1  # of the fade-out's last piece, which the end may cut


def test_an_endless_sound_is_read_only_ahead() -> None:
    """It waits for the loudspeaker, and the memory it takes is bounded."""
    scene = Scene()

    async def scenario() -> None:
        handle = scene.deck.play(AudioConfig(scene.level()), loop=False)
        await asyncio.sleep(3.0)
        handle.stop()

    run(scenario(), scene)

    assert scene.given <= 3.0 + AHEAD + QUEUE + 3 * PIECE


def test_one_that_fails_costs_the_other_nothing() -> None:
    """The handle knows why, and is done."""
    scene = Scene()

    async def broken() -> AsyncIterator[AudioFrame]:
        yield from_samples(np.zeros(4800, dtype=np.int16), DECK_RATE)
        raise OSError("the disk is gone")

    async def scenario() -> BaseException | None:
        good = scene.deck.play(AudioConfig(scene.level(1.0)), loop=False)
        bad = scene.deck.play(AudioConfig(broken()), loop=False)
        missing = scene.deck.play(AudioConfig("/no/such/file.wav"), loop=True)
        for handle in (bad, missing, good):
            await handle
        assert missing.error is not None
        assert good.error is None
        return bad.error

    assert isinstance(run(scenario(), scene), OSError)
    assert len(scene.failed) == 2
    assert np.count_nonzero(scene.loudspeaker.samples) == DECK_RATE


def test_no_sound_costs_nothing() -> None:
    """The loudspeaker is not even given silence."""
    scene = Scene()

    async def scenario() -> None:
        await scene.deck.play(AudioConfig(scene.level(0.5)), loop=False)
        await asyncio.sleep(100.0)

    async def patient() -> None:
        async with TaskOwner("test") as owner:
            owner.start(scene.deck.run(), name="deck")
            await scenario()

    run_virtual(patient())
    assert sum(frame.duration for frame in scene.loudspeaker.played) < 1.0


def test_closing_ends_what_is_played() -> None:
    """All handles are done, and nobody waits for them for ever."""
    scene = Scene()

    async def scenario() -> list[bool]:
        handles = [scene.deck.play(AudioConfig(scene.level()), loop=False) for _ in range(2)]
        await asyncio.sleep(1.0)
        handles[0].stop()
        await scene.deck.aclose()
        return [handle.done() for handle in handles]

    assert run(scenario(), scene) == [True, True]
