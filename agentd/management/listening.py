"""The sockets that the HTTP server listens on: opened here, or inherited."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from agentd.errors import PortBusy, SettingsError
from agentd.settings.http_access import WILDCARDS, is_loopback, require_token
from agentd.settings.model import HttpSettings

BACKLOG = 128

EVERY_FAMILY = ("", "*", "::")
"""Hosts that stand for IPv4 and IPv6 both."""


async def open_sockets(settings: HttpSettings) -> list[socket.socket]:
    """Listen on every address that the host has, with one port. Raises PortBusy."""
    try:
        if settings.host in EVERY_FAMILY:
            return [_open_wildcard(settings.port)]
        return _open_all(await _addresses(settings.host), settings.port)
    except OSError as error:
        raise PortBusy(_why(settings, error)) from error


def take_inherited(settings: HttpSettings, given: Sequence[socket.socket]) -> list[socket.socket]:
    """Copies of sockets that somebody else has opened, who may close his own or keep it.

    Raises SettingsError for one that can't serve here: another kind of socket, or one that
    others can reach while no token is set.
    """
    with ExitStack() as stack:
        taken = []
        for one in given:
            _check_inherited(settings, one)
            copy = stack.enter_context(one.dup())
            copy.setblocking(False)
            taken.append(copy)
        stack.pop_all()
    return taken


def shown_url(settings: HttpSettings, port: int, path: str) -> str:
    """The address of a path, for people and scripts."""
    host = "127.0.0.1" if settings.host in WILDCARDS else settings.host.strip("[]")
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{host}:{port}{path}"


def _check_inherited(settings: HttpSettings, one: socket.socket) -> None:
    inet = one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM
    if not inet or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise SettingsError(
            "the socket that was passed for HTTP does not listen for TCP: set ListenStream= in "
            "its socket unit to a port, or to an address and a port"
        )
    host, port = one.getsockname()[:2]
    if not is_loopback(host):
        shown = f"[{host}]" if ":" in host else host
        require_token(settings, f"the socket that was passed for HTTP ({shown}:{port})")


async def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    addresses = [(family, str(address[0])) for family, _, _, _, address in found]
    return list(dict.fromkeys(addresses))


def _open_wildcard(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
        )
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)


def _open_all(
    addresses: Iterable[tuple[socket.AddressFamily, str]], port: int
) -> list[socket.socket]:
    """One socket for each address; a port that was left open is the first one's for all."""
    last: OSError | None = None
    with ExitStack() as stack:
        opened: list[socket.socket] = []
        for family, address in addresses:
            try:
                one = socket.create_server((address, port), family=family, backlog=BACKLOG)
            except OSError as error:
                # `localhost` may have an IPv6 address where there is no IPv6.
                last = error
                if isinstance(error, PermissionError) or _is_taken(error):
                    raise
                continue
            opened.append(stack.enter_context(one))
            port = port or one.getsockname()[1]
        if not opened:
            raise last or OSError("it has no address")
        stack.pop_all()
    return opened


def _is_taken(error: OSError) -> bool:
    return error.errno == errno.EADDRINUSE


def _why(settings: HttpSettings, error: OSError) -> str:
    where = f"{settings.host}:{settings.port}"
    return (
        f"can't listen on {where}: {error.strerror or error}; "
        "set another port with --port or AGENTD_PORT, 0 takes a free one"
    )
