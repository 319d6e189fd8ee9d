"""Work that blocks, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Call something that blocks; raises what it raises.

    Not `asyncio.to_thread`: a thread that hangs on a dead network disk would keep the program
    from ending. This one is left behind.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(set_: Callable[[], None]) -> None:
        def if_wanted() -> None:
            if not done.done():
                set_()

        try:
            loop.call_soon_threadsafe(if_wanted)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    def work() -> None:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - delivered to whoever waits, whatever it is
            failure = error
            deliver(lambda: done.set_exception(failure))
        else:
            deliver(lambda: done.set_result(result))

    threading.Thread(target=work, name="doctor", daemon=True).start()
    return await done
