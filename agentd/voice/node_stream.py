"""What a node gave, whatever it is, as a stream of pieces."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from agentd.errors import SessionError


async def stream_of(result: Any, node: str) -> AsyncGenerator[Any, None]:
    """The pieces of an async iterable, of a coroutine's result, or the one that it is itself.

    Closing this closes the node. Raises SessionError for what can't be a node's result.
    """
    if inspect.isawaitable(result):
        result = await result
    if result is None:
        return
    if isinstance(result, str) or not hasattr(result, "__aiter__"):
        if inspect.isgenerator(result) or isinstance(result, list | tuple | dict | bool | int):
            raise SessionError(
                f"{node} must give an async iterable, but gave {type(result).__name__}: "
                "use 'async def' with 'yield'"
            )
        yield result
        return
    if not hasattr(result, "aclose"):
        async for piece in result:
            yield piece
        return
    async with aclosing(result):
        async for piece in result:
            yield piece
