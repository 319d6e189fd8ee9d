"""A bounded queue that either side can close."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.errors import ChannelClosed, WouldBlock
from agentd.testing.virtual_time import run_virtual


def filled(*items: int, size: int = 8) -> Channel[int]:
    """A channel with these in it."""
    channel: Channel[int] = Channel(size)
    for item in items:
        channel.send_nowait(item)
    return channel


async def settle() -> None:
    """Let every task go on that can."""
    await asyncio.sleep(0.001)


def test_items_come_out_in_the_order_they_went_in() -> None:
    """First in, first out."""
    channel = filled(1, 2, 3)

    assert [channel.receive_nowait() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("size", [0, -1])
def test_a_channel_without_room_is_refused(size: int) -> None:
    """It could never take anything."""
    with pytest.raises(ValueError, match=f"is {size}"):
        Channel(size)


def test_a_full_channel_takes_no_more_at_once() -> None:
    """The sender that does not wait is told so, and the channel stays as it was."""
    channel = filled(1, 2, size=2)

    with pytest.raises(WouldBlock):
        channel.send_nowait(3)
    assert len(channel) == 2


def test_an_empty_channel_gives_nothing_at_once() -> None:
    """The receiver that does not wait is told so."""
    with pytest.raises(WouldBlock):
        filled().receive_nowait()


def test_what_was_sent_before_the_close_is_still_received() -> None:
    """Closing ends the channel behind its last item."""
    channel = filled(1)
    channel.close()

    assert channel.receive_nowait() == 1
    with pytest.raises(ChannelClosed):
        channel.receive_nowait()


def test_a_closed_channel_takes_nothing() -> None:
    """Closing may be repeated and changes nothing more."""
    channel = filled()
    channel.close()
    channel.close()

    assert channel.closed
    with pytest.raises(ChannelClosed):
        channel.send_nowait(1)


def test_iterating_ends_with_the_channel() -> None:
    """And gives all that was in it."""

    async def collect() -> list[int]:
        channel = filled(1, 2)
        channel.close()
        return [item async for item in channel]

    assert run_virtual(collect()) == [1, 2]


def test_a_receiver_waits_until_something_is_sent() -> None:
    """It goes on at that instant."""

    async def scenario() -> tuple[int, float]:
        channel = filled()
        asyncio.get_running_loop().call_later(2.0, channel.send_nowait, 7)
        item = await channel.receive()
        return item, asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == (7, 2.0)


def test_a_sender_waits_until_there_is_room() -> None:
    """It goes on at that instant."""

    async def scenario() -> tuple[list[int], float]:
        channel = filled(1, size=1)
        asyncio.get_running_loop().call_later(2.0, channel.receive_nowait)
        await channel.send(2)
        return [channel.receive_nowait()], asyncio.get_running_loop().time()

    assert run_virtual(scenario()) == ([2], 2.0)


def test_closing_wakes_everybody_who_waits() -> None:
    """Receivers and senders learn that nothing will come of it."""

    async def scenario() -> list[str]:
        empty, full = filled(), filled(1, size=1)
        async with TaskOwner("test") as owner:
            waiting = [
                owner.start(empty.receive(), name="receiver 1", report=False),
                owner.start(empty.receive(), name="receiver 2", report=False),
                owner.start(full.send(2), name="sender 1", report=False),
                owner.start(full.send(3), name="sender 2", report=False),
            ]
            await settle()
            empty.close()
            full.close()
            results = await asyncio.gather(*waiting, return_exceptions=True)
        return [type(result).__name__ for result in results]

    assert run_virtual(scenario()) == ["ChannelClosed"] * 4


def test_each_of_several_receivers_gets_an_item_of_its_own() -> None:
    """In the order they came."""

    async def scenario() -> list[int]:
        channel = filled()
        async with TaskOwner("test") as owner:
            waiting = [owner.start(channel.receive(), name=f"{n}") for n in range(3)]
            await settle()
            for item in (10, 11, 12):
                channel.send_nowait(item)
            return await asyncio.gather(*waiting)

    assert run_virtual(scenario()) == [10, 11, 12]


def test_a_receiver_that_gives_up_passes_its_turn_on() -> None:
    """Cancelled in the very moment its item came: the next receiver gets it."""

    async def scenario() -> int:
        channel = filled()
        async with TaskOwner("test") as owner:
            first = owner.start(channel.receive(), name="first")
            second = owner.start(channel.receive(), name="second")
            await settle()
            channel.send_nowait(5)
            first.cancel()
            return await asyncio.wait_for(second, 1.0)

    assert run_virtual(scenario()) == 5


def test_an_item_taken_by_another_leaves_the_woken_receiver_waiting() -> None:
    """Being woken is no promise: it waits for the next one."""

    async def scenario() -> tuple[int, int]:
        channel = filled()
        async with TaskOwner("test") as owner:
            waiting = owner.start(channel.receive(), name="waiting")
            await settle()
            channel.send_nowait(1)
            taken = channel.receive_nowait()
            await settle()
            channel.send_nowait(2)
            return taken, await waiting

    assert run_virtual(scenario()) == (1, 2)


def test_clearing_drops_what_waits_and_lets_senders_in() -> None:
    """It says how much was lost."""

    async def scenario() -> tuple[int, list[int]]:
        channel = filled(1, 2, size=2)
        async with TaskOwner("test") as owner:
            senders = [owner.start(channel.send(item), name=f"{item}") for item in (3, 4)]
            await settle()
            dropped = channel.clear()
            await asyncio.gather(*senders)
        return dropped, [channel.receive_nowait() for _ in range(2)]

    assert run_virtual(scenario()) == (2, [3, 4])
