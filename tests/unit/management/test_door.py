"""The rules of the door: names of the host, and how often a token may be wrong."""

from __future__ import annotations

import pytest

from agentd.management.attempts import MAX_FAILURES, MAX_PEERS, PERIOD, Attempts, peer_key
from agentd.management.hosts import host_of, is_ours

NAMES = frozenset({"localhost", "proxy.lan"})


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost.:8081", "localhost"),
        (" a.b:80 ", "a.b"),
        ("a:", "a"),
        ("127.0.0.1:8081", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:8081", "::1"),
        ("::1", ""),
        ("[::1", ""),
        ("[::1]x", ""),
        ("a:b", ""),
        ("a:8\xb2", ""),
        ("user@a:80", "user@a"),
        ("", ""),
        ("x" * 300, ""),
    ],
)
def test_the_host_is_read_from_its_header(header: str, host: str) -> None:
    """What can't be read is no host."""
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("host", "local", "ours"),
    [
        ("localhost", "10.0.0.7", True),
        ("proxy.lan", "10.0.0.7", True),
        ("127.0.0.2", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "::ffff:10.0.0.7", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("fd00:0::7", "fd00::7", True),
        ("10.0.0.8", "10.0.0.7", False),
        ("10.0.0.7.evil", "10.0.0.7", False),
        ("evil", "10.0.0.7", False),
        ("0.0.0.0", "10.0.0.7", False),
        ("167772167", "10.0.0.7", False),
    ],
)
def test_a_host_is_ours_by_its_name_or_by_the_way_it_came(
    host: str, local: str, ours: bool
) -> None:
    """Nothing is resolved: that would be asking whoever points his name at us."""
    assert is_ours(host, NAMES, local) is ours


def test_a_peer_is_not_heard_until_its_first_failure_is_a_minute_old() -> None:
    """Then it has one attempt more for each that grows old."""
    attempts = Attempts()

    last = [attempts.note_failure("a", float(at)) for at in range(MAX_FAILURES)]

    assert last == [False] * (MAX_FAILURES - 1) + [True]
    assert attempts.wait("a", 10.0) == PERIOD - 10.0
    assert attempts.wait("b", 10.0) == 0.0
    assert attempts.wait("a", PERIOD) == 0.0
    attempts.note_failure("a", PERIOD)
    assert attempts.wait("a", PERIOD) == 1.0


def test_failures_that_are_old_are_forgotten() -> None:
    """All of them, and the peer with them."""
    attempts = Attempts()
    for _ in range(MAX_FAILURES):
        attempts.note_failure("a", 0.0)

    assert attempts.wait("a", PERIOD) == 0.0
    assert attempts.note_failure("a", PERIOD) is False


def test_only_so_many_peers_are_remembered() -> None:
    """However many addresses somebody has."""
    attempts = Attempts()
    for peer in ["first", *map(str, range(MAX_PEERS))]:
        for _ in range(MAX_FAILURES):
            attempts.note_failure(peer, 0.0)

    assert attempts.wait("first", 1.0) == 0.0
    assert attempts.wait("0", 1.0) > 0.0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3::7", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_that_somebody_has_whole_is_one_peer(address: str, key: str) -> None:
    """In IPv6 that is what one is given."""
    assert peer_key(address) == key
