"""Where keys come from: an argument, the environment, a file, or systemd's credentials.

Whoever has got a key here has also had it masked (agentd/masking.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct

from agentd.errors import MissingCredential
from agentd.given import NOT_GIVEN, NotGivenOr

from .masking import remember

FILE_SUFFIX = "_FILE"
"""`OPENAI_API_KEY_FILE` names the file that holds what `OPENAI_API_KEY` would."""

DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"
"""Set by systemd for a unit with `LoadCredential=`."""

MAX_BYTES = 64 * 1024
"""A larger file is no key but a mistake."""

_SECRET_NAME = re.compile(
    r"(^|_)(API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|SECRET|TOKEN|PASSWD|CREDENTIALS?)$|PASSWORD"
)

_HEADERS_NAME = re.compile(r"^OTEL_EXPORTER_OTLP_(\w+_)?HEADERS$")
"""Headers for a collector of OpenTelemetry's: `name=value,name=value`, with keys in the values."""

_NO_SECRETS = frozenset({"LIVEKIT_API_KEY"})
"""Sounds like one and only says who somebody is: it is half of a pair."""


class Credential(Struct, frozen=True, kw_only=True):
    """A key, and where it was found."""

    value: str
    origin: str
    """For people, such as `environment OPENAI_API_KEY`."""

    def __repr__(self) -> str:
        return f"Credential({self.origin})"


def credential(name: str, given: NotGivenOr[str | None] = NOT_GIVEN) -> str:
    """The key called `name`, such as OPENAI_API_KEY, without white space around it.

    The first of these that has one counts: `given`, the environment variable, the file that
    the variable NAME_FILE names, the file `name` (or that in lower case) in systemd's
    $CREDENTIALS_DIRECTORY. Whatever is empty counts as not given. What is found is masked in
    logs from then on. Raises MissingCredential where there is none, or its file can't be used.

    Modes of files are not checked: Docker and Kubernetes show secrets to all users of a
    container, which has one.
    """
    found = optional_credential(name, given)
    if not found:
        raise MissingCredential(_ways(name))
    return found


def optional_credential(name: str, given: NotGivenOr[str | None] = NOT_GIVEN) -> str:
    """The same, and empty where nothing names one. Raises MissingCredential where a file is named
    that can't be used."""
    if isinstance(given, str) and given.strip():
        remember(given)
        return given.strip()
    found = find_credential(name, os.environ)
    return "" if found is None else found.value


def find_credential(name: str, environ: Mapping[str, str]) -> Credential | None:
    """The key called `name` in this environment; None where nothing names one.

    Raises MissingCredential where a file is named that can't be used.
    """
    value = environ.get(name, "").strip()
    origin = f"environment {name}"
    if not value:
        path, origin = _file(name, environ)
        if path is None:
            return None
        value = _read(name, path, origin)
    remember(value)
    return Credential(value=value, origin=origin)


def remember_environment() -> None:
    """Have masked what this process's environment holds by its names, files included.

    Those are variables called like a secret (`*_API_KEY`, `*_SECRET`, `*_TOKEN`, `*PASSWORD*`
    and the like), the headers of OpenTelemetry's exporters, the files that such a variable with
    _FILE at its end names, and systemd's credentials. A file that can't be read is left to who
    needs it. May be repeated, after a program has loaded a `.env` for instance.
    """
    for value in _secrets_of(dict(os.environ)):
        remember(value)


def _secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if secret_variable(name):
            yield value
        elif _HEADERS_NAME.match(name):
            yield from _values_of_headers(value)
        elif name.endswith(FILE_SUFFIX) and secret_variable(name.removesuffix(FILE_SUFFIX)):
            yield _text_or_nothing(Path(value))
    for path in _credential_files(environ):
        if path.name.upper() not in _NO_SECRETS:
            yield _text_or_nothing(path)


def secret_variable(name: str) -> bool:
    """Whether an environment variable is called like a secret. Pure."""
    return _SECRET_NAME.search(name) is not None and name not in _NO_SECRETS


def _values_of_headers(headers: str) -> Iterator[str]:
    for header in headers.split(","):
        value = header.partition("=")[2].strip()
        for spelling in (value, unquote(value)):
            yield spelling
            yield spelling.partition(" ")[2]  # behind `Bearer` or `Basic`


def _credential_files(environ: Mapping[str, str]) -> list[Path]:
    directory = environ.get(DIRECTORY_VARIABLE, "")
    try:
        return sorted(Path(directory).iterdir()) if directory else []
    except OSError:
        return []


def _file(name: str, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file that is to hold the key, if one is named, and the words for it."""
    variable = f"{name}{FILE_SUFFIX}"
    named = environ.get(variable, "").strip()
    if named:
        return Path(named).expanduser(), f"file '{named}' ({variable})"
    directory = environ.get(DIRECTORY_VARIABLE, "")
    for spelling in (name, name.lower()):
        path = Path(directory) / spelling
        if directory and path.exists():
            return path, f"systemd credential {spelling}"
    return None, ""


def _read(name: str, path: Path, origin: str) -> str:
    try:
        value = _text(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MissingCredential(f"{name} can't be read from {origin}: {reason}") from None
    if not value:
        raise MissingCredential(f"{name} can't be read from {origin}: it is empty")
    return value


def _text(path: Path) -> str:
    """What a file holds; raises OSError, or ValueError with the reason."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


def _text_or_nothing(path: Path) -> str:
    try:
        return _text(path) if path.is_file() else ""
    except (OSError, ValueError):
        return ""


def _ways(name: str) -> str:
    return (
        f"there is no {name}: give it as an argument, set {name} in the environment, name a file "
        f"that holds it with {name}{FILE_SUFFIX}, or pass it by systemd "
        f"(LoadCredential={name}:/path/to/file)"
    )
