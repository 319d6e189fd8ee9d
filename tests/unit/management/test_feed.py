"""The rules of the feed: what is missed, and what a message looks like."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from agentd.logs.record import Entry, entry_of
from agentd.management.feed import MAX_MESSAGE, encode, is_id, place_of


def entry(**fields: object) -> Entry:
    """A line of the log."""
    return entry_of(logging.makeLogRecord({"msg": "it happened", "levelname": "INFO", **fields}))


def data_of(encoded: bytes) -> dict[str, Any]:
    """What a message holds."""
    line = next(line for line in encoded.splitlines() if line.startswith(b"data: "))
    found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return found


@pytest.mark.parametrize(
    ("after", "place"),
    [
        ("", (50, False)),
        ("b0-50", (50, False)),
        ("b0-49", (49, False)),
        ("b0-10", (10, False)),
        ("b0-9", (9, False)),
        ("b0-8", (9, True)),
        ("b0-0", (9, True)),
        ("b0-51", (9, True)),
        ("zz-50", (9, True)),
    ],
)
def test_a_reader_goes_on_where_it_was(after: str, place: tuple[int, bool]) -> None:
    """Or with the oldest that is kept, and is told that there were others."""
    assert place_of(after, boot="b0", oldest=10, last=50) == place


def test_in_an_empty_ring_nothing_is_missed() -> None:
    """At the very start."""
    assert place_of("b0-0", boot="b0", oldest=1, last=0) == (0, False)


@pytest.mark.parametrize(
    ("text", "usable"),
    [("a1-7", True), ("7", False), ("-7", False), ("a-", False), ("a-x", False), ("a-\xb2", False),
     ("a-" + "9" * 16, False), ("a b-1", False), ("x" * 40 + "-1", False)],
)  # fmt: skip
def test_only_what_looks_like_an_id_is_one(text: str, usable: bool) -> None:
    """The rest is a mistake that is told."""
    assert is_id(text) is usable


def test_a_message_has_what_the_journal_has() -> None:
    """And its id, and its job."""
    encoded = encode("b0-7", entry(action="job_assigned", job="AJ_1", child="c1", room="lobby"))

    assert encoded.startswith(b"id: b0-7\nevent: event\ndata: {")
    assert encoded.endswith(b"}\n\n")
    assert data_of(encoded) | {"time": 0} == {
        "id": "b0-7",
        "time": 0,
        "kind": "job_assigned",
        "text": "it happened",
        "job": "AJ_1",
        "child": "c1",
        "fields": {"room": "lobby", "level": "INFO"},
    }


@pytest.mark.parametrize(
    "fields",
    [{"reason": "a\nb\r\n\ndata: x"}, {"e": ValueError("\udcff")}, {"n": 1 << 80}, {"job": 7}],
    ids=["line breaks", "an object", "too large", "no text"],
)
def test_whatever_was_logged_is_one_message(fields: dict[str, object]) -> None:
    """A line break in it would be one in the stream."""
    encoded = encode("b0-1", entry(action="odd", **fields))

    assert encoded.count(b"\n") == 4
    assert data_of(encoded)["kind"] == "odd"


def test_a_message_has_a_bound() -> None:
    """What is left out is named; the journal has it."""
    encoded = encode("b0-1", entry(action="child_died", job="AJ_1", stacks="x" * MAX_MESSAGE))

    assert len(encoded) < MAX_MESSAGE
    assert data_of(encoded)["job"] == "AJ_1"
    assert data_of(encoded)["fields"] == {"level": "INFO", "left_out": ["level", "stacks"]}
