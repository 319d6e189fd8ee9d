"""Whether the HTTP server may be opened as it is set: who can reach it must be able to be asked
for a token."""

from __future__ import annotations

import ipaddress

from agentd.errors import SettingsError

from .fields import FIELDS
from .layers import Resolved
from .model import HttpSettings

MIN_TOKEN = 16
"""Characters of a token that others than this machine may try to guess."""

WILDCARDS = ("", "*", "0.0.0.0", "::")
"""Hosts that stand for every address of this machine."""


def require_http_access(resolved: Resolved) -> None:
    """Check that what is set for the HTTP server goes together.

    Raises SettingsError. To be called on the final settings, when the app has had its say.
    """
    http = resolved.settings.http
    _check_token(http.http_token)
    if not is_loopback(http.host):
        require_token(http, f"host: '{http.host}' from {resolved.origin['host']}")
    for name, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if resolved.value(name) and not resolved.value(other):
            raise SettingsError(
                f"{name}: it is of no use without {other}; set both, or neither for plain HTTP"
            )
    allowed_hosts(http)


def require_token(http: HttpSettings, where: str) -> None:
    """Refuse to be reached by others without a token that can't be guessed; `where` is told."""
    token = FIELDS["http_token"]
    way = (
        f"set {token.variable} to a long random word (`openssl rand -hex 32` makes one), or "
        f"{token.file_variable} to a file with one; or listen on 127.0.0.1 only"
    )
    if not http.http_token:
        raise SettingsError(f"{where} can be reached by others, and http_token is not set: {way}")
    if len(http.http_token) < MIN_TOKEN:
        raise SettingsError(
            f"{where} can be reached by others, and http_token has less than {MIN_TOKEN} "
            f"characters: {way}"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a host; a name but `localhost` may be anything."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def allowed_hosts(http: HttpSettings) -> frozenset[str]:
    """The names that requests may call the server by, beside its own addresses, in lower case.

    Raises SettingsError for what is no name.
    """
    given = [name.strip().lower() for name in http.http_allowed_hosts.split(",")]
    names = {name.strip("[]").rstrip(".") for name in given if name}
    for name in names:
        if not _is_name(name):
            raise SettingsError(
                f"http_allowed_hosts: '{name}' is no name of a host; it must be names such as "
                "agents.example.com, without scheme and port, with commas between them"
            )
    own = set() if http.host in WILDCARDS else {http.host.lower().strip("[]").rstrip(".")}
    return frozenset({"localhost", *names, *own})


def _is_name(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(text) and all(letter.isalnum() or letter in "-._" for letter in text)
    return True


def _check_token(token: str) -> None:
    if not all("!" <= letter <= "~" for letter in token):
        raise SettingsError(
            "http_token: it can't be sent in a header; it must be letters, digits and signs of "
            "ASCII, without spaces"
        )
