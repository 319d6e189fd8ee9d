"""Named events and their listeners."""

from __future__ import annotations

import logging

import pytest

from agentd.aio.emitter import EventEmitter


def test_listeners_are_called_in_the_order_they_were_added() -> None:
    """With what was emitted."""
    emitter, heard = EventEmitter(), []
    emitter.on("rain", lambda much: heard.append(("first", much)))
    emitter.on("rain", lambda much: heard.append(("second", much)))

    emitter.emit("rain", 3)

    assert heard == [("first", 3), ("second", 3)]


def test_on_is_a_decorator_too() -> None:
    """And leaves the function as it was."""
    emitter, heard = EventEmitter(), []

    @emitter.on("rain")
    def hear(much: int) -> None:
        heard.append(much)

    emitter.emit("rain", 1)
    hear(2)

    assert heard == [1, 2]


def test_once_is_called_once() -> None:
    """Also when the event comes again from within the listener."""
    emitter, heard = EventEmitter(), []

    @emitter.once("rain")
    def hear() -> None:
        heard.append("drop")
        emitter.emit("rain")

    emitter.emit("rain")

    assert heard == ["drop"]


def test_a_listener_that_was_taken_off_is_not_called() -> None:
    """The others are."""
    emitter = EventEmitter()
    heard: list[str] = []
    stays, goes = heard.append, lambda _: heard.append("goes")
    emitter.on("rain", stays)
    emitter.on("rain", goes)

    emitter.off("rain", goes)
    emitter.off("rain", print)
    emitter.off("snow", print)
    emitter.emit("rain", "stays")

    assert heard == ["stays"]


def test_a_listener_may_take_itself_off_while_it_is_called() -> None:
    """No other loses its turn by that."""
    emitter, heard = EventEmitter(), []

    def hear_once() -> None:
        heard.append("once")
        emitter.off("rain", hear_once)

    emitter.on("rain", hear_once)
    emitter.on("rain", lambda: heard.append("always"))

    emitter.emit("rain")
    emitter.emit("rain")

    assert heard == ["once", "always", "always"]


def test_a_listener_that_raises_costs_no_other_its_call(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is in the log, with the event's name."""
    emitter, heard = EventEmitter(), []

    def fail() -> None:
        raise ValueError("an umbrella")

    emitter.on("rain", fail)
    emitter.on("rain", lambda: heard.append("wet"))

    with caplog.at_level(logging.ERROR):
        emitter.emit("rain")

    assert heard == ["wet"]
    assert [(r.action, r.event) for r in caplog.records] == [("listener_failed", "rain")]  # type: ignore[attr-defined]


def test_an_async_listener_is_refused_when_it_is_added() -> None:
    """Nobody would own its task."""
    emitter = EventEmitter()

    async def hear() -> None: ...

    with pytest.raises(TypeError, match="'rain' must not be async"):
        emitter.on("rain", hear)


def test_an_event_without_listeners_is_nothing() -> None:
    """Emitting never raises."""
    EventEmitter().emit("rain", 1, 2, 3)
