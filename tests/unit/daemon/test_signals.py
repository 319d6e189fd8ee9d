"""Signals as requests."""

from __future__ import annotations

import os
import signal

import pytest

from agentd.aio.timing import wait_event
from agentd.daemon.signals import StopRequests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_for_a_stop(number: signal.Signals) -> None:
    """It says which it was, and forces nothing."""
    forced: list[bool] = []
    stop = StopRequests(lambda: forced.append(True))
    stop.install()
    try:
        os.kill(os.getpid(), number)
        assert await wait_event(stop.requested, 5.0)
    finally:
        stop.uninstall()

    assert (stop.reason, forced) == (number.name, [])


async def test_the_second_signal_forces_also_when_it_is_another() -> None:
    """Ctrl-C after systemd's SIGTERM means now."""
    forced: list[bool] = []
    stop = StopRequests(lambda: forced.append(True))

    stop.handle(signal.SIGTERM)
    stop.handle(signal.SIGINT)

    assert (stop.reason, forced) == ("SIGTERM", [True])
