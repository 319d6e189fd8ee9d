"""One JSON object a line, for machines: what `agentd start` writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from agentd.masking import masked

from .record import Entry, entry_of, safe_text

_encoder = msgspec.json.Encoder(enc_hook=safe_text)


class JsonLinesFormatter(logging.Formatter):
    """Formats a record as `{"time": ..., "level": ..., "name": ..., "message": ..., ...}`.

    Fields given as `extra` stand at the top level; one whose name is taken gets an
    underscore at its end. `ascii_only` is for an output that can't carry UTF-8.
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._ascii_only = ascii_only

    def format(self, record: logging.LogRecord) -> str:
        line = masked(_encode(_document(entry_of(record))).decode())
        return json.dumps(json.loads(line)) if self._ascii_only else line


def _document(entry: Entry) -> dict[str, object]:
    document: dict[str, object] = {
        "time": rfc3339(entry.time),
        "level": entry.level,
        "name": entry.logger,
        "message": entry.message,
        "pid": entry.pid,
    }
    if entry.where:
        document["where"] = entry.where
    if entry.exception:
        document["exc_info"] = entry.exception
    for name, value in entry.fields.items():
        document[f"{name}_" if name in document else name] = value
    return document


def _encode(document: Mapping[str, object]) -> bytes:
    try:
        return _encoder.encode(document)
    except Exception:  # noqa: BLE001 - values of users: cycles, surrogates, a raising __iter__
        return _encoder.encode({safe_text(name): _plain(value) for name, value in document.items()})


def _plain(value: object) -> object:
    """The value if JSON can carry it, else its text."""
    try:
        _encoder.encode(value)
    except Exception:  # noqa: BLE001 - see _encode
        return safe_text(value)
    return value


def rfc3339(seconds: float) -> str:
    """An instant in UTC with milliseconds, such as 2026-01-31T12:00:00.123Z."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
