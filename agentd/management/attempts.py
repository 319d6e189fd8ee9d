"""How often a peer may send a wrong token before it is not heard for a while. Pure."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

MAX_FAILURES = 10
"""Wrong tokens of one peer within `PERIOD`."""

PERIOD = 60.0

MAX_PEERS = 1024
"""Peers that are remembered; the one that failed longest ago makes room."""


class Attempts:
    """Failures of the last minute, by peer."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, peer: str, now: float) -> float:
        """Seconds until this peer is heard again; 0 for at once."""
        failed = self._failed.get(peer)
        if failed is None:
            return 0.0
        while failed and now - failed[0] >= PERIOD:
            failed.popleft()
        if not failed:
            del self._failed[peer]
        if len(failed) < MAX_FAILURES:
            return 0.0
        return failed[0] + PERIOD - now

    def note_failure(self, peer: str, now: float) -> bool:
        """One more; says whether it was the last one that is allowed."""
        failed = self._failed.setdefault(peer, deque(maxlen=MAX_FAILURES))
        self._failed.move_to_end(peer)
        failed.append(now)
        while len(self._failed) > MAX_PEERS:
            self._failed.popitem(last=False)
        return len(failed) == MAX_FAILURES


def peer_key(address: str) -> str:
    """Who is counted as one: an address, in IPv6 all of its network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
