"""The LiveKit server from outside: its address, its certificate, its clock."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime

import aiohttp
from msgspec import Struct, structs
from yarl import URL

from agentd.aio.timing import monotonic, wall_time
from agentd.dispatch.connection import agent_url, shown_url
from agentd.dispatch.serverclock import ServerClock
from agentd.doctor.finding import Finding, failure, ok, skipped, warning
from agentd.doctor.patient import ACCESS, Patient
from agentd.errors import SettingsError
from agentd.settings.access import require_access

from .settings import is_loopback

HTTP_OK = 200
HTTP_FAULT = 500

CERTIFICATE_DAYS = 14.0
"""Left of a certificate: what renews itself does so earlier."""

DAY = 86400.0

SKEW_WARNING = 5.0
SKEW_FAILURE = 60.0
"""Seconds. Tokens that agentd makes for resumed jobs are valid 10 s back; LiveKit's libraries and
server allow a minute."""

SLOW_SECONDS = 1.0

CLOCK_LOOKS = 3
"""A Date header has whole seconds: several answers bound the difference more narrowly."""

CLOCK_PAUSE = 0.35


# -- the address -----------------------------------------------------------------------


def judge_url(error: str, url: str, origin: str) -> Finding:
    """URL, key and secret are there, and the URL can be one."""
    if error:
        return failure(
            error, "export LIVEKIT_URL=wss://... LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=..."
        )
    return ok(f"{shown_url(url)} ({origin})")


async def url(patient: Patient) -> Finding:
    given = patient.given()
    complete = all(given.value(name) for name in ACCESS)
    resolved = given if complete else await patient.resolved()
    error = ""
    try:
        require_access(resolved)
        agent_url(resolved.settings.livekit.url)
    except SettingsError as wrong:
        error = str(wrong)
    return judge_url(error, resolved.settings.livekit.url, str(resolved.origin["url"]))


# -- reaching it -------------------------------------------------------------------------


class ReachFacts(Struct, frozen=True, kw_only=True):
    """One request without a key."""

    url: str
    status: int = 0
    seconds: float = 0.0
    addresses: tuple[str, ...] = ()
    error: str = ""


def judge_reach(facts: ReachFacts) -> Finding:
    """It answers as a LiveKit server does."""
    where = shown_url(facts.url)
    if facts.error:
        return failure(
            f"'{where}' can't be reached: {facts.error}",
            f"is the server up, and does a firewall let this host through? curl -v {where}",
        )
    ms = facts.seconds * 1000
    text = f"{', '.join(facts.addresses)} answered HTTP {facts.status} in {ms:.0f} ms"
    if facts.status >= HTTP_FAULT:
        return failure(f"{text}: it is not well", "look at its log, and at a proxy before it")
    if facts.status != HTTP_OK:
        return warning(
            f"{text}: a livekit-server answers 200 there, unless a proxy stands before it",
            "check LIVEKIT_URL; where 'worker-registers' and 'api-key' are well, so is this",
        )
    if facts.seconds > SLOW_SECONDS:
        return warning(f"{text}: slow", "is this host near the server? Offers expire after 3 s")
    return ok(text)


async def reach(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    target = http_url(livekit.url)
    began_at = monotonic()
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.get(target, proxy=livekit.http_proxy or None, allow_redirects=False) as answer,
        ):
            addresses = _peer(answer) or await _addresses(target)
            facts = ReachFacts(
                url=livekit.url,
                status=answer.status,
                seconds=monotonic() - began_at,
                addresses=addresses,
            )
    except aiohttp.ClientConnectorCertificateError:
        return skipped("the certificate is not trusted: see the check 'tls'")
    except (aiohttp.ClientError, OSError) as error:
        facts = ReachFacts(url=livekit.url, error=reason_of(error))
    return judge_reach(facts)


def http_url(text: str) -> URL:
    """Where the server answers plain requests."""
    worker = agent_url(text)
    scheme = "https" if worker.scheme == "wss" else "http"
    return worker.with_scheme(scheme).with_path(worker.path.removesuffix("agent") or "/")


def reason_of(error: BaseException) -> str:
    """A network error in few words."""
    match error:
        case aiohttp.ClientConnectorDNSError(host=host):
            return f"no address for '{host}'"
        case aiohttp.ClientConnectorError(os_error=os_error):
            return os.strerror(os_error.errno) if os_error.errno else str(os_error)
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection at once"
        case TimeoutError():
            return "no answer in time"
        case _:
            return str(error) or type(error).__name__


def _peer(answer: aiohttp.ClientResponse) -> tuple[str, ...]:
    connection = answer.connection
    transport = None if connection is None else connection.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    return () if peer is None else (f"{peer[0]}:{peer[1]}",)


async def _addresses(target: URL) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


# -- TLS ---------------------------------------------------------------------------------


class CertificateFacts(Struct, frozen=True, kw_only=True):
    """A server's certificate as this machine sees it."""

    host: str
    error: str = ""
    """Why it is not trusted."""
    days_left: float = 0.0
    issuer: str = ""
    protocol: str = ""


def judge_plain(host: str) -> Finding:
    """Without TLS, tokens and signalling can be read on the way."""
    if is_loopback(host):
        return skipped("ws:// to this machine: nothing is on the way")
    return warning(
        f"ws:// to {host}: tokens and signalling can be read on the way", "use wss:// (TLS)"
    )


def judge_certificate(facts: CertificateFacts) -> Finding:
    """Trusted, and for a while yet."""
    if facts.error:
        return failure(
            f"the certificate of {facts.host} is not trusted here: {facts.error}",
            "renew it on the server; for an authority of your own, set SSL_CERT_FILE to its "
            "certificate",
        )
    text = f"{facts.protocol}, by {facts.issuer}, {facts.days_left:.0f} days left"
    if facts.days_left < CERTIFICATE_DAYS:
        return warning(text, f"renew the certificate of {facts.host} before it ends all calls")
    return ok(text)


async def tls(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    target = http_url(livekit.url)
    host = target.host or ""
    if target.scheme != "https":
        return judge_plain(host)
    if livekit.http_proxy:
        return skipped("the server is behind a proxy: only 'livekit-reachable' goes through it")
    return judge_certificate(await look_at_certificate(host, target.port or 443))


async def look_at_certificate(host: str, port: int) -> CertificateFacts:
    """Shake hands, and read it; raises OSError where nobody answers."""
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return CertificateFacts(host=host, error=error.verify_message or str(error))
    except ssl.SSLError as error:
        return CertificateFacts(host=host, error=f"{error.reason or error}")
    try:
        tls_: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return read_certificate(CertificateFacts(host=host), tls_, wall_time())
    finally:
        with suppress(OSError), closing(writer):
            pass


def read_certificate(
    facts: CertificateFacts, tls_: ssl.SSLObject, wall_time: float
) -> CertificateFacts:
    """What the other side of a handshake has shown."""
    certificate = tls_.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    groups: tuple[tuple[tuple[str, str], ...], ...] = certificate.get("issuer", ())  # type: ignore[assignment]
    issuer = dict(pair for group in groups for pair in group)
    return structs.replace(
        facts,
        days_left=(ends - wall_time) / DAY,
        issuer=issuer.get("organizationName") or issuer.get("commonName") or "?",
        protocol=tls_.version() or "TLS",
    )


# -- clocks ------------------------------------------------------------------------------


def judge_clock(skew: float | None) -> Finding:
    """Tokens are valid from one clock's moment to another's."""
    if skew is None:
        return skipped("the server's answers have no Date header")
    text = f"the server's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
    remedy = "timedatectl set-ntp true, on whichever of the two is wrong"
    if abs(skew) > SKEW_FAILURE:
        return failure(f"{text}: tokens are refused", remedy)
    if abs(skew) > SKEW_WARNING:
        return warning(text, remedy)
    return ok(text)


async def clock(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    target = http_url(livekit.url)
    known = ServerClock()
    seen = 0
    async with aiohttp.ClientSession() as http:
        for look in range(CLOCK_LOOKS):
            if look:
                await asyncio.sleep(CLOCK_PAUSE)
            sent = wall_time()
            try:
                async with http.get(
                    target, proxy=livekit.http_proxy or None, allow_redirects=False
                ) as answer:
                    date = answer.headers.get("Date", "")
            except (aiohttp.ClientError, OSError):
                return skipped("the server can't be reached: see the check 'livekit-reachable'")
            with suppress(ValueError):
                known.learn(
                    parsedate_to_datetime(date).timestamp(), sent=sent, received=wall_time()
                )
                seen += 1
    ours = wall_time()
    return judge_clock(known.at(ours) - ours if seen else None)
