"""By what name a request called this server: the check against DNS rebinding. Pure.

A foreign web page can have its own name point at us, and would then be asked by a browser as if
it were ours. It can't have the browser name an address that it does not load from, so an address
is let in where it is one that this connection came in by.
"""

from __future__ import annotations

import ipaddress

from agentd.settings.http_access import is_loopback

MAX_HOST = 255
"""Characters of a name of a host."""


def host_of(header: str) -> str:
    """The host in a Host header, without port and brackets, in lower case; empty for none."""
    text = header.strip().lower()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        usable = bool(bracket) and (not rest or _is_port(rest))
    else:
        host, colon, port = text.partition(":")
        usable = not colon or _is_port(f":{port}")
    host = host.rstrip(".")
    return host if usable and len(host) <= MAX_HOST else ""


def is_ours(host: str, allowed: frozenset[str], local_address: str) -> bool:
    """Whether a request may call us so, which came in by `local_address`."""
    return host in allowed or is_loopback(host) or _same_address(host, local_address)


def _is_port(text: str) -> bool:
    return text[0] == ":" and text[1:].isascii() and (text[1:].isdigit() or text == ":")


def _same_address(host: str, local_address: str) -> bool:
    mine, named = _address(local_address), _address(host)
    return named is not None and named == mine


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # A zone (fe80::1%eth0) is of this machine; whoever asks has one of its own.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
