"""Several readers of one stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Tee(Generic[T]):
    """`n` iterators that each give all of one; unpack it, index it, or iterate over it.

    What one has read and another has not is kept for that one, without a bound: close the iterator
    that reads no more. The source is read when somebody needs it, and closed with the last reader.
    """

    def __init__(self, iterable: AsyncIterable[T], n: int = 2) -> None:
        self._source = aiter(iterable)
        self._queues: list[deque[T]] = [deque() for _ in range(n)]
        self._reading = asyncio.Lock()
        self._children = tuple(self._read(queue) for queue in self._queues)

    def __len__(self) -> int:
        return len(self._children)

    @overload
    def __getitem__(self, item: int) -> AsyncIterator[T]: ...

    @overload
    def __getitem__(self, item: slice) -> tuple[AsyncIterator[T], ...]: ...

    def __getitem__(self, item: int | slice) -> AsyncIterator[T] | tuple[AsyncIterator[T], ...]:
        return self._children[item]

    def __iter__(self) -> Iterator[AsyncIterator[T]]:
        return iter(self._children)

    async def __aenter__(self) -> Tee[T]:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all iterators and the source. May be repeated."""
        for child in self._children:
            await child.aclose()
        await self._close_source()

    async def _read(self, queue: deque[T]) -> AsyncGenerator[T, None]:
        try:
            while True:
                if not queue:
                    await self._fill(queue)
                if not queue:
                    return
                yield queue.popleft()
        finally:
            self._queues = [each for each in self._queues if each is not queue]
            if not self._queues:
                await self._close_source()

    async def _fill(self, queue: deque[T]) -> None:
        """Take one more from the source for everybody; nothing at its end."""
        async with self._reading:
            if queue:
                return  # another reader was quicker
            try:
                item = await anext(self._source)
            except StopAsyncIteration:
                return
            for each in self._queues:
                each.append(item)

    async def _close_source(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


tee = Tee
