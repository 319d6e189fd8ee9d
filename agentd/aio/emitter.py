"""Named events with listeners, as users of LiveKit's SDK know them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

logger = logging.getLogger("agentd.events")

ListenerT = TypeVar("ListenerT", bound=Callable[..., object])


class EventEmitter:
    """Calls listeners in the order they were added; one that raises costs no other its call.

    Listeners are plain functions: `async def` ones are refused with a TypeError, since nobody
    would own their task.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Callable[..., object], bool]]] = {}

    @overload
    def on(self, event: str, callback: ListenerT) -> ListenerT: ...

    @overload
    def on(self, event: str, callback: None = None) -> Callable[[ListenerT], ListenerT]: ...

    def on(self, event: str, callback: ListenerT | None = None) -> Any:
        """Call a function at each such event; without one it is a decorator."""
        return self._add(event, callback, once=False)

    @overload
    def once(self, event: str, callback: ListenerT) -> ListenerT: ...

    @overload
    def once(self, event: str, callback: None = None) -> Callable[[ListenerT], ListenerT]: ...

    def once(self, event: str, callback: ListenerT | None = None) -> Any:
        """The same for the next such event only."""
        return self._add(event, callback, once=True)

    def off(self, event: str, callback: Callable[..., object]) -> None:
        """Call it no more; does nothing for one that was not added."""
        known = self._listeners.get(event, [])
        self._listeners[event] = [entry for entry in known if entry[0] != callback]

    def emit(self, event: str, *args: Any) -> None:
        """Call the listeners. Never raises: what they raise is logged as theirs."""
        for callback, once in list(self._listeners.get(event, ())):
            if once:
                self.off(event, callback)
            try:
                callback(*args)
            except Exception:  # a listener is the user's code, and there may be others
                logger.exception(
                    "an event's listener failed",
                    extra={"action": "listener_failed", "event": event},
                )

    def _add(self, event: str, callback: ListenerT | None, *, once: bool) -> Any:
        def add(function: ListenerT) -> ListenerT:
            if _is_async(function):
                raise TypeError(
                    f"the listener of '{event}' must not be async: start a task in a plain one"
                )
            self._listeners.setdefault(event, []).append((function, once))
            return function

        return add if callback is None else add(callback)


def _is_async(function: Callable[..., object]) -> bool:
    code = getattr(function, "__code__", None)
    return bool(code is not None and code.co_flags & 0x80)  # inspect.CO_COROUTINE
