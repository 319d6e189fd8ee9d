"""Helpers of asyncio under livekit-agents' names, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.testing.virtual_time import run_virtual
from agentd.utils import aio


def virtual(test: Coroutine[Any, Any, None]) -> None:
    run_virtual(test)


async def numbers(count: int, closed: list[bool] | None = None) -> AsyncIterator[int]:
    try:
        for number in range(count):
            yield number
    finally:
        if closed is not None:
            closed.append(True)


def test_a_closed_channel_gives_what_it_has_and_then_ends() -> None:
    """And takes nothing any more."""

    async def scene() -> None:
        chan: aio.Chan[int] = aio.Chan()
        chan.send_nowait(1)
        await chan.send(2)
        assert (chan.qsize(), chan.empty(), chan.full()) == (2, False, False)
        chan.close()
        assert [item async for item in chan] == [1, 2]
        with pytest.raises(aio.ChanClosed):
            chan.send_nowait(3)
        with pytest.raises(aio.ChanClosed):
            await chan.recv()

    virtual(scene())


def test_a_full_channel_makes_the_sender_wait() -> None:
    """Or refuses at once, if it is not to wait."""

    async def scene() -> None:
        chan: aio.Chan[int] = aio.Chan(1)
        chan.send_nowait(1)
        with pytest.raises(aio.ChanFull):
            chan.send_nowait(2)
        sending = asyncio.create_task(chan.send(2))
        await asyncio.sleep(0)
        assert chan.full()
        assert not sending.done()
        assert chan.recv_nowait() == 1
        await sending
        assert await chan.recv() == 2
        with pytest.raises(aio.ChanEmpty):
            chan.recv_nowait()

    virtual(scene())


def test_ticks_keep_to_their_plan_when_one_is_late() -> None:
    """The late one comes at once."""

    async def scene() -> None:
        ticks = aio.interval(1.0)
        seen: list[tuple[int, float]] = []
        async for number in ticks:
            seen.append((number, now()))
            if number == 1:
                await asyncio.sleep(1.5)
            if number == 3:
                break
        assert seen == [(1, 1.0), (2, 2.5), (3, 3.0)]

    virtual(scene())


def test_a_tick_is_put_off() -> None:
    """By a whole interval from then."""

    async def scene() -> None:
        ticks = aio.Interval(1.0)
        asyncio.get_running_loop().call_later(0.5, ticks.reset)
        assert await ticks.tick() == 1
        assert now() == 1.5

    virtual(scene())


def test_a_sleep_is_moved_and_ended_by_others() -> None:
    """Later, sooner, and at once; not when it is over."""

    async def scene() -> None:
        sleep = aio.sleep(1.0)
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, sleep.reset, 2.0)
        await sleep
        assert now() == 2.5
        with pytest.raises(aio.SleepFinished):
            sleep.reset()

        sleep = aio.Sleep(60.0)
        loop.call_later(0.5, sleep.cancel)
        await sleep
        assert now() == 3.0

    virtual(scene())


def test_of_calls_in_quick_succession_the_last_is_made() -> None:
    """When it has been quiet for the delay."""

    async def scene() -> None:
        calls: list[float] = []

        @aio.debounced(1.0)
        async def save() -> float:
            calls.append(now())
            return now()

        first = save.schedule()
        await asyncio.sleep(0.5)
        second = save.schedule()
        assert save.is_running()
        assert await second == 1.5
        assert first.cancelled()
        assert calls == [1.5]
        assert not save.is_running()
        assert await save() == 1.5
        save.schedule()
        save.cancel()
        await asyncio.sleep(5.0)
        assert calls == [1.5, 1.5]

    virtual(scene())


def test_a_group_is_waited_for_until_all_is_done() -> None:
    """More can't be done than was begun."""

    async def scene() -> None:
        group = aio.WaitGroup()
        group.add(2)
        waiting = asyncio.create_task(group.wait())
        group.done()
        await asyncio.sleep(1.0)
        assert not waiting.done()
        group.done()
        await waiting
        with pytest.raises(ValueError, match="more is done"):
            group.done()

    virtual(scene())


def test_a_task_set_holds_its_tasks_while_they_run() -> None:
    """And no longer."""

    async def scene() -> None:
        tasks = aio.TaskSet()
        task = tasks.create_task(asyncio.sleep(1.0, "done"), name="a task")
        assert tasks.tasks == {task}
        assert await task == "done"
        await asyncio.sleep(0)
        assert tasks.tasks == set()

    virtual(scene())


def test_several_readers_have_all_of_a_stream() -> None:
    """Each at its own pace; the source is closed with the last."""

    async def scene() -> None:
        closed: list[bool] = []
        async with aio.itertools.tee(numbers(4, closed), 3) as readers:
            first, second, third = readers
            assert await anext(first) == 0
            assert [item async for item in second] == [0, 1, 2, 3]
            await anext(third)
            await third.aclose()  # type: ignore[attr-defined]
            assert [item async for item in first] == [1, 2, 3]
        assert closed == [True]
        assert len(readers) == 3

    virtual(scene())


def test_readers_at_the_same_time_ask_the_source_once_for_each_item() -> None:
    """Whoever comes first asks."""

    async def slow() -> AsyncIterator[float]:
        for _ in range(3):
            await asyncio.sleep(1.0)
            yield now()

    async def scene() -> None:
        first, second = aio.itertools.tee(slow())

        async def read(reader: AsyncIterator[float]) -> list[float]:
            return [item async for item in reader]

        both = list(await asyncio.gather(read(first), read(second)))
        assert both == [[1.0, 2.0, 3.0]] * 2

    virtual(scene())
