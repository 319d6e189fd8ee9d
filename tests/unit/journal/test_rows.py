"""Records to rows and back."""

from __future__ import annotations

import json

import pytest

from agentd.errors import JournalCorrupt
from agentd.journal.records import EventRecord
from agentd.journal.rows import EVENT_COLUMNS, fields_to_json, to_record, to_row


class Hostile:
    """Can't even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "fields",
    [
        {"at": 1.5, "names": ["a", "b"], "none": None},
        {"value": object()},
        {"value": Hostile()},
        {("a", "b"): 1},
        {"value": "\udc80"},
        {"value": 2**80},
        {"value": float("nan")},
    ],
    ids=["plain", "object", "hostile", "tuple key", "surrogate", "huge", "nan"],
)
def test_any_fields_become_json(fields: dict[str, object]) -> None:
    """An odd value in one event must not cost the batch that it is in."""
    assert isinstance(json.loads(fields_to_json(fields)), dict)


def test_fields_that_refer_to_themselves_become_json() -> None:
    """Endless ones are told about, not followed."""
    fields: dict[str, object] = {}
    fields["self"] = fields

    assert "unwritable" in json.loads(fields_to_json(fields))


def test_a_text_that_utf8_cannot_carry_is_written_escaped() -> None:
    """A line that a program printed may be broken."""
    row = to_row(EventRecord(time=1.0, kind="k", text="a\udc80b"), EVENT_COLUMNS)

    assert "a\\udc80b" in row


def test_a_row_that_is_no_record_is_damage() -> None:
    """The file is ours, so a wrong type in it is not somebody's data."""
    row = ("yesterday", "k", "", "", "", "{}")

    with pytest.raises(JournalCorrupt, match="EventRecord"):
        to_record(EventRecord, EVENT_COLUMNS, row)
