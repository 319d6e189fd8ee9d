"""What the daemon needs to speak to LiveKit: a usable address, a key and its secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from agentd.errors import SettingsError
from agentd.masking import remember

from .fields import FIELDS
from .layers import Resolved

SCHEMES = ("ws", "wss", "http", "https")


def require_access(resolved: Resolved) -> None:
    """Check that url, api_key and api_secret are there and the url can be one.

    Raises SettingsError. To be called on the final settings, when the app has had its say.
    """
    missing = [name for name in ("url", "api_key", "api_secret") if not resolved.value(name)]
    if missing:
        raise SettingsError(_missing(missing))
    url = resolved.settings.livekit.url
    if not _usable(url):
        raise SettingsError(
            f"url: '{url}' from {resolved.origin['url']} is no address of a LiveKit server; "
            f"it must look like wss://example.livekit.cloud or ws://localhost:7880"
        )


def keep_secret(resolved: Resolved) -> None:
    """Have the secrets among these settings masked in all that this process writes."""
    for field in FIELDS.values():
        if field.secret:
            remember(str(resolved.value(field.name)))


def _missing(names: list[str]) -> str:
    variables = ", ".join(FIELDS[name].livekit_variable for name in names)
    flags = ", ".join(FIELDS[name].flag for name in names)
    return (
        f"{' and '.join(names)} must be set to reach LiveKit: set {variables} in the environment, "
        f"give {flags}, or write them under [livekit] in agentd.toml{_files(names)}"
    )


def _files(names: list[str]) -> str:
    variables = [FIELDS[name].file_variable for name in names if FIELDS[name].credential]
    return f"; {' and '.join(variables)} may name a file that holds it" if variables else ""


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket left open
        return False
