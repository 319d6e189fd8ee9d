"""Records to table rows and back. What JSON or UTF-8 can't carry is written as text about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from agentd.errors import JournalCorrupt
from agentd.logs.record import safe_text
from agentd.masking import masked

from .records import ClaimRecord, EventRecord, Fields, JobRecord, PostMortem, SnapshotRecord

Row = tuple[Any, ...]

RecordT = TypeVar("RecordT", bound=Struct)

JOB_COLUMNS = JobRecord.__struct_fields__
SNAPSHOT_COLUMNS = SnapshotRecord.__struct_fields__
CLAIM_COLUMNS = ClaimRecord.__struct_fields__
EVENT_COLUMNS = tuple(name for name in EventRecord.__struct_fields__ if name != "seq")
POST_MORTEM_COLUMNS = tuple(name for name in PostMortem.__struct_fields__ if name != "seq")

MASKED_COLUMNS = frozenset({"reason", "text", "fields"})
"""Prose. A name (of a job, a room) is found again by what is written, and stays as it is."""

_encoder = msgspec.json.Encoder(enc_hook=safe_text)


def to_row(record: Struct, columns: Iterable[str]) -> Row:
    """The record's values, in the order of the columns."""
    return tuple(_column(name, getattr(record, name)) for name in columns)


def to_record(kind: type[RecordT], columns: Sequence[str], row: Row) -> RecordT:
    """A record from its row; raises JournalCorrupt for values that no record has."""
    values = dict(zip(columns, row, strict=True))
    try:
        if "fields" in values:
            values["fields"] = msgspec.json.decode(values["fields"])
        return msgspec.convert(values, kind)
    except (msgspec.MsgspecError, TypeError) as error:
        raise JournalCorrupt(f"a {kind.__name__} in it can't be read: {error}") from error


def _column(name: str, value: Any) -> Any:
    written = _to_column(value)
    return masked(written) if name in MASKED_COLUMNS else written


def _to_column(value: Any) -> Any:
    if isinstance(value, str):
        # A lone surrogate (a file name, a broken log line) must not cost the whole batch.
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bytes | int | float):
        return value
    return fields_to_json(value)


def fields_to_json(fields: Fields) -> str:
    """Details as JSON; a value of a foreign type becomes a text."""
    try:
        return _encoder.encode(fields).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        unwritable = {"unwritable": safe_text(str(error)), "fields": safe_text(fields)[:1000]}
        return _encoder.encode(unwritable).decode()
