"""Ports of test servers: no two servers are given the same, whoever starts them."""

from __future__ import annotations

import random
import socket
import subprocess
import sys

import pytest

from agentd.testing import ports
from agentd.testing.ports import HeldPorts, Ports, ServerNotReady, free_ports, is_free

HOLDER = """\
import sys
from agentd.testing import ports
ports.PORT_RANGE = range(int(sys.argv[1]), int(sys.argv[1]) + 3)
held = ports.HeldPorts()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> range:
    """All that there are: six ports that are free, and not those of another run of this test."""
    start = next(
        start
        for start in random.sample(range(10000, 19990, 6), 100)
        if all(
            is_free(port, kind)
            for port in range(start, start + 6)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
    )
    wanted = range(start, start + 6)
    monkeypatch.setattr(ports, "PORT_RANGE", wanted)
    return wanted


def numbers(found: Ports) -> set[int]:
    """Its ports."""
    return {found.http, found.rtc_tcp, found.rtc_udp}


def test_two_who_ask_before_either_has_bound_them_are_given_different_ones(few: range) -> None:
    """Though all six are free, as both can see."""
    first, second = HeldPorts(), HeldPorts()

    assert numbers(first.ports) | numbers(second.ports) == set(few)


def test_ports_are_free_again_when_they_are_let_go(few: range) -> None:
    """By whoever had them, or by his being collected."""
    first, second = HeldPorts(), HeldPorts()
    first.close()
    del second

    assert len(numbers(HeldPorts().ports) | numbers(HeldPorts().ports)) >= 3
    assert numbers(free_ports()) <= set(few)


def test_where_all_are_held_that_is_said(few: range) -> None:
    """With the range."""
    held = HeldPorts(), HeldPorts()

    with pytest.raises(ServerNotReady, match=f"between {few[0]} and {few[-1]}"):
        HeldPorts()
    assert len(held) == 2


def test_ports_that_another_process_holds_are_given_to_nobody_until_it_ends(few: range) -> None:
    """As another worker, or another run on this machine, is one."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(few[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        mine = HeldPorts()
        given = numbers(mine.ports)
        mine.close()
        other.kill()

    assert given == set(few[3:])
    everything = HeldPorts(), HeldPorts()
    assert set().union(*(numbers(each.ports) for each in everything)) == set(few)


def test_a_port_in_use_is_not_given(few: range) -> None:
    """By somebody who knows nothing of locks."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for taken in (tcp, udp):
            taken.bind(("127.0.0.1", few[0]))

        assert few[0] not in numbers(HeldPorts().ports)
