"""Signals as requests."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys

import pytest

from agentd.aio.timing import wait_event
from agentd.daemon.signals import StopRequests


def ignore() -> None:
    """What is not asked for in a test."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_for_a_stop(number: signal.Signals) -> None:
    """It says which it was, and forces nothing."""
    forced: list[bool] = []
    stop = StopRequests(lambda: forced.append(True), ignore)
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
    stop = StopRequests(lambda: forced.append(True), ignore)

    stop.handle(signal.SIGTERM)
    stop.handle(signal.SIGINT)

    assert (stop.reason, forced) == ("SIGTERM", [True])


async def test_the_first_signal_after_a_drain_by_request_forces_nothing() -> None:
    """`agentd drain`, then systemd's SIGTERM: the calls still end in order."""
    forced: list[bool] = []
    stop = StopRequests(lambda: forced.append(True), ignore)

    stop.request("asked by the management API")
    stop.handle(signal.SIGTERM)

    assert (stop.reason, forced) == ("asked by the management API", [])
    stop.handle(signal.SIGTERM)
    assert forced == [True]


async def test_a_request_can_be_taken_back_and_made_again() -> None:
    """`agentd undrain`: the next request has a reason of its own, the next signal is the first."""
    forced: list[bool] = []
    stop = StopRequests(lambda: forced.append(True), ignore)
    assert not stop.take_back()
    stop.request("release")

    assert stop.take_back()

    assert (stop.requested.is_set(), stop.taken_back.is_set(), stop.reason) == (False, True, "")
    stop.handle(signal.SIGTERM)
    assert (stop.reason, stop.final, forced) == ("SIGTERM", True, [])


@pytest.mark.parametrize("requested_before", [False, True])
async def test_what_a_signal_has_asked_can_not_be_taken_back(requested_before: bool) -> None:
    """systemd waits for the end, also where somebody else had asked before."""
    stop = StopRequests(ignore, ignore)
    if requested_before:
        stop.request("release")
    stop.handle(signal.SIGTERM)

    assert not stop.take_back()

    assert (stop.requested.is_set(), stop.final) == (True, True)


async def test_a_hangup_by_an_operator_asks_for_a_reload() -> None:
    """The real signal; nothing is stopped."""
    reloads = asyncio.Event()
    stop = StopRequests(ignore, reloads.set)
    stop.install()
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        assert await wait_event(reloads, 5.0)
    finally:
        stop.uninstall()

    assert not stop.requested.is_set()


IN_A_TERMINAL = """\
import asyncio, os, sys
from agentd.daemon.signals import StopRequests

async def main():
    stop = StopRequests(lambda: None, lambda: None)
    stop.install()
    os.write(int(sys.argv[1]), b"installed\\n")
    await asyncio.wait_for(stop.requested.wait(), 5)
    os.write(int(sys.argv[1]), stop.reason.encode())

asyncio.run(main())
"""


def test_a_closed_terminal_is_a_reason_to_stop() -> None:
    """A real terminal whose other side goes away: nobody is left to read what a reload says."""
    told, tell = os.pipe()
    controller, terminal = pty.openpty()
    # `setsid -c` makes the terminal the one that controls the process.
    command = ["setsid", "-c", sys.executable, "-c", IN_A_TERMINAL, str(tell)]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, pass_fds=(tell,)
    )
    os.close(tell)
    os.close(terminal)
    with os.fdopen(told) as reader:
        installed = reader.readline()
        os.close(controller)
        reason = reader.read()
    _, errors = process.communicate(timeout=30)

    assert installed == "installed\n", errors
    assert reason == "the terminal was closed", errors
