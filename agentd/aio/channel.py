"""A bounded queue between two tasks that either side can close."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from agentd.errors import ChannelClosed, WouldBlock

T = TypeVar("T")


class Channel(Generic[T]):
    """First in, first out. Iterating ends when it is closed and empty.

    One loop, any number of tasks on each side. What was sent before `close` is still received.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a channel's size must be 1 or more, but is {size}")
        self._size = size
        self._items: deque[T] = deque()
        self._receivers: deque[asyncio.Future[None]] = deque()
        self._senders: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closed

    def send_nowait(self, item: T) -> None:
        """Put an item in; raises WouldBlock when it is full and ChannelClosed after `close`."""
        if self._closed:
            raise ChannelClosed
        if len(self._items) >= self._size:
            raise WouldBlock
        self._items.append(item)
        _wake(self._receivers)

    async def send(self, item: T) -> None:
        """Put an item in, when there is room; raises ChannelClosed after `close`."""
        while not self._closed and len(self._items) >= self._size:
            await _wait(self._senders)
        self.send_nowait(item)

    def receive_nowait(self) -> T:
        """Take the oldest item; raises WouldBlock when there is none, ChannelClosed at the end."""
        if self._items:
            item = self._items.popleft()
            _wake(self._senders)
            return item
        raise ChannelClosed if self._closed else WouldBlock

    async def receive(self) -> T:
        """Take the oldest item, when there is one; raises ChannelClosed at the end."""
        while not self._items and not self._closed:
            await _wait(self._receivers)
        return self.receive_nowait()

    def clear(self) -> int:
        """Drop what waits; returns how many items that were."""
        dropped = len(self._items)
        self._items.clear()
        for _ in range(dropped):
            _wake(self._senders)
        return dropped

    def close(self) -> None:
        """Let nothing more in. May be repeated."""
        self._closed = True
        for waiters in (self._receivers, self._senders):
            while waiters:
                _wake(waiters)

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except ChannelClosed:
            raise StopAsyncIteration from None


def _wake(waiters: deque[asyncio.Future[None]]) -> None:
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return


async def _wait(waiters: deque[asyncio.Future[None]]) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    try:
        await waiter
    except asyncio.CancelledError:
        if waiter.done() and not waiter.cancelled():
            _wake(waiters)  # it was our turn, and we do not take it
        raise
    finally:
        if waiter in waiters:
            waiters.remove(waiter)
