"""Tests of agentd.stt.audioqueue: what is kept, dropped and given again."""

from __future__ import annotations

import asyncio

import pytest

from agentd.audio.frame import AudioFrame, silent_frame
from agentd.stt.audioqueue import FLUSH, AudioQueue, AudioReader, Flush, Item
from agentd.testing.virtual_time import run_virtual
from tests.unit.stt.listening import RATE, numbered


def queue_of(*numbers: int, waiting: float = 10.0, replay: float = 10.0) -> AudioQueue:
    """A queue of frames of a second; 0 is a flush."""
    queue = AudioQueue(lambda: None, waiting_seconds=waiting, replay_seconds=replay)
    for number in numbers:
        queue.put(FLUSH if number == 0 else numbered(number, seconds=1.0))
    return queue


def numbers_of(items: list[Item]) -> list[int]:
    """The same, backwards."""
    return [0 if isinstance(item, Flush) else int(item.samples[0]) for item in items]


async def rest_of(queue: AudioQueue, reader: AudioReader | None = None) -> list[int]:
    """What a reader gets until the end."""
    queue.end()
    return numbers_of([item async for item in reader or queue.read()])


def test_audio_is_read_in_its_order() -> None:
    """Flushes between it, at their places."""
    assert run_virtual(rest_of(queue_of(1, 0, 2))) == [1, 0, 2]


def test_the_oldest_audio_is_dropped_when_too_much_waits() -> None:
    """A flush before it stays: it is about audio that was taken already."""
    queue = queue_of(0, 1, 2, 3, waiting=2.0)

    assert (queue.dropped, queue.waiting) == (1.0, 2.0)
    assert run_virtual(rest_of(queue)) == [0, 2, 3]


def test_what_was_taken_can_be_had_again() -> None:
    """Until it is understood."""

    async def scenario() -> list[int]:
        queue = queue_of(1, 2, 0, 3, 4)
        reader = queue.read()
        await anext(reader)
        queue.forget()
        await anext(reader)
        await anext(reader)
        queue.rewind()
        assert queue.position == 1.0
        return await rest_of(queue)

    assert run_virtual(scenario()) == [2, 0, 3, 4]


def test_what_can_be_had_again_is_bounded() -> None:
    """The last seconds only."""

    async def scenario() -> list[int]:
        queue = queue_of(1, 2, 3, 4, replay=2.0)
        reader = queue.read()
        for _ in range(4):
            await anext(reader)
        queue.rewind()
        return await rest_of(queue)

    assert run_virtual(scenario()) == [3, 4]


def test_positions_are_seconds_since_the_first_audio() -> None:
    """Taken, dropped and put back audio all count once."""

    async def scenario() -> list[float]:
        queue = queue_of(1, 2, 3, waiting=2.0)
        positions = [queue.position]
        await anext(queue.read())
        positions.append(queue.position)
        queue.rewind()
        positions.append(queue.position)
        return positions

    assert run_virtual(scenario()) == [1.0, 2.0, 1.0]


def test_a_new_reader_ends_the_one_before() -> None:
    """Also one that waits."""

    async def scenario() -> tuple[list[int], list[int]]:
        queue = queue_of()
        first = queue.read()
        former = asyncio.ensure_future(rest_without_end(first))
        await asyncio.sleep(0)
        second = queue.read()
        queue.put(numbered(7, seconds=1.0))
        return await former, await rest_of(queue, second)

    async def rest_without_end(reader: AudioReader) -> list[int]:
        return numbers_of([item async for item in reader])

    assert run_virtual(scenario()) == ([], [7])


def test_only_who_has_seen_the_end_has_reached_it() -> None:
    """A reader that was stopped has not."""

    async def scenario() -> tuple[bool, bool]:
        queue = queue_of(1)
        stopped = queue.read()
        ended = queue.read()
        await rest_of(queue, ended)
        return stopped.reached_end, ended.reached_end

    assert run_virtual(scenario()) == (False, True)


def test_a_reader_owes_progress_while_something_waits_for_it() -> None:
    """Not while it waits itself, nor while there is nothing."""

    async def scenario() -> list[bool]:
        queue = queue_of()
        reader = queue.read()
        owing = [queue.owing]
        reading = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        queue.put(silent_frame(0.1, RATE))
        owing.append(queue.owing)
        await reading
        owing.append(queue.owing)
        queue.put(silent_frame(0.1, RATE))
        owing.append(queue.owing)
        return owing

    assert run_virtual(scenario()) == [False, False, False, True]


def test_no_audio_at_all_is_nothing() -> None:
    """An empty frame wakes nobody."""
    queue = queue_of()

    assert queue.put(AudioFrame(data=b"", sample_rate=RATE)) == 0.0
    assert not queue.owing


@pytest.mark.parametrize("times", [2, 100])
def test_flushes_in_a_row_are_one(times: int) -> None:
    """Whether they wait, or were taken one by one."""

    async def scenario() -> list[int]:
        queue = queue_of(1)
        reader = queue.read()
        await anext(reader)
        for _ in range(times):
            queue.put(FLUSH)
            await anext(reader)
        queue.rewind()
        return await rest_of(queue)

    assert run_virtual(scenario()) == [1, 0]
