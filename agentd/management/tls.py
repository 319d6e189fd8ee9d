"""The certificate of the HTTP server."""

from __future__ import annotations

import ssl
from pathlib import Path

from agentd.errors import SettingsError
from agentd.settings.model import HttpSettings


def make_tls(settings: HttpSettings) -> ssl.SSLContext | None:
    """What HTTPS is served with; None for plain HTTP. Raises SettingsError."""
    if not settings.tls_cert:
        return None
    for name, path in (("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)):
        _check_readable(name, Path(path).expanduser())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(
            Path(settings.tls_cert).expanduser(),
            Path(settings.tls_key).expanduser(),
            # Else a key that is encrypted would be asked for at the terminal.
            password=lambda: b"",
        )
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise SettingsError(
            f"tls_cert: '{settings.tls_cert}' and tls_key: '{settings.tls_key}' can't be used "
            f"together: {reason}; they must be a certificate and its own key as PEM, the key "
            "not encrypted"
        ) from None
    return context


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SettingsError(f"{name}: '{path}' can't be read: {error.strerror}") from None
