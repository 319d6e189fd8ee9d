"""Who may ask over TCP: by the name of the host, the token, and what is asked.

Three kinds of paths: probes, which answer anybody (a kubelet asks by the address of a pod, and
knows no token); the page, which holds no data; and all else.
"""

from __future__ import annotations

import hmac
import logging
import math
from collections.abc import Callable

from aiohttp import hdrs, web

from agentd.aio.timing import now
from agentd.errors import ControlRefused
from agentd.figures import count
from agentd.figures.families import HTTP_REFUSED
from agentd.settings.http_access import allowed_hosts
from agentd.settings.model import HttpSettings

from .answers import Handler
from .attempts import Attempts, peer_key
from .hosts import host_of, is_ours

logger = logging.getLogger("agentd.management")

PROBES = ("/healthz", "/readyz")

PAGE = "/page/"
"""Below it, and at `/`, are the files of the status page."""

LOOKING = ("GET", "HEAD")

SCHEME = "bearer "


class Door:
    """Lets requests in, or says why not."""

    def __init__(self, settings: HttpSettings, *, clock: Callable[[], float] = now) -> None:
        self._token = settings.http_token.encode()
        self._hosts = allowed_hosts(settings)
        self._clock = clock
        self._attempts = Attempts()
        self.failures = 0
        """Requests with a wrong token since the start."""

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware that goes before every handler."""
        if request.path not in PROBES:
            self._check_host(request)
            if not _is_page(request.path):
                self._check_origin(request)
                self._check_token(request)
        return await handler(request)

    def _check_host(self, request: web.Request) -> None:
        """Not by `request.host`, which makes up a name where there is none."""
        headers = request.headers.getall(hdrs.HOST, [])
        host = host_of(headers[0]) if len(headers) == 1 else ""
        if not host or not is_ours(host, self._hosts, _address(request, "sockname")):
            raise ControlRefused(
                f"this server is not called '{host[:100]}': name it by its address, or set "
                "http_allowed_hosts",
                code="wrong_host",
            )

    def _check_origin(self, request: web.Request) -> None:
        """Foreign pages can't read our answers (there is no CORS), and need not take our time."""
        if request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site"):
            raise ControlRefused("it was asked for by the page of another site", code="forbidden")

    def _check_token(self, request: web.Request) -> None:
        steers = request.method not in LOOKING
        if not self._token:
            if steers:
                raise ControlRefused(
                    "over HTTP only a token allows that, and none is set: set http_token "
                    "(AGENTD_HTTP_TOKEN) and restart the daemon, or use the `agentd` command, "
                    "which asks over the control socket",
                    code="forbidden",
                )
            return
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if not given:
            raise ControlRefused(
                "a token is needed: send `Authorization: Bearer ` and http_token",
                code="unauthorized",
            )
        peer = peer_key(_address(request, "peername"))
        wait = self._attempts.wait(peer, self._clock())
        if wait:
            # Not compared at all: who is guessing learns nothing.
            raise ControlRefused(
                "there were too many wrong tokens from this address",
                code="too_many_failures",
                retry_after=math.ceil(wait),
            )
        if not self._is_token(given):
            self._note_failure(peer, request.path)
            raise ControlRefused("that is not the token", code="unauthorized")

    def _is_token(self, given: str) -> bool:
        if given[: len(SCHEME)].lower() != SCHEME:
            return False
        sent = given[len(SCHEME) :].strip().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(sent, self._token)

    def _note_failure(self, peer: str, path: str) -> None:
        self.failures += 1
        count(HTTP_REFUSED, why="token")
        is_last = self._attempts.note_failure(peer, self._clock())
        logger.warning(
            "a request with a wrong token was refused",
            extra={
                "action": "http_token_refused",
                "peer": peer,
                "path": path[:200],
                "next": "it is not heard for a minute" if is_last else "it may try again",
            },
        )


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith(PAGE)


def _address(request: web.Request, end: str) -> str:
    """The address of one end of the connection; empty when it has gone."""
    found = None if request.transport is None else request.transport.get_extra_info(end)
    return str(found[0]) if isinstance(found, tuple) and found else ""
