"""Records of the journal made fit to be shown."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from agentd.journal.memory import InMemoryStore
from agentd.journal.onlooker import Onlooker
from agentd.journal.records import Batch, EventRecord, JobRecord, PostMortem
from agentd.management import history, views
from agentd.management.history import event_entry, job_entry, read_job
from agentd.management.views import JobDetails, JobEntry
from agentd.protocol.ids import JobId
from tests.support.controls import TOKEN, full_record

SECRETS = ("assignment", "token", "api_key", "api_secret", "snapshot")

SHOWN = [
    kind
    for kind in vars(views).values()
    if isinstance(kind, type) and issubclass(kind, Struct) and kind is not Struct
]


def shown_fields(kind: type) -> str:
    """The schema of a type, with all that it is made of, however deep."""
    _, parts = msgspec.json.schema_components([kind])
    assert kind.__name__ in parts
    return json.dumps(parts)


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
def test_nothing_that_is_shown_has_a_place_for_a_secret(kind: type) -> None:
    """No bytes, and no name of one, in it or in what it is made of."""
    schema = shown_fields(kind)

    assert "contentEncoding" not in schema  # what bytes are in JSON
    assert not [name for name in SECRETS if f'"{name}": ' in schema]


def test_the_look_for_secrets_can_see() -> None:
    """It finds both in the record that has them."""
    schema = shown_fields(JobRecord)

    assert "contentEncoding" in schema
    assert [name for name in SECRETS if f'"{name}": ' in schema] == ["assignment"]


@given(token=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12))
def test_a_token_of_any_kind_stays_in_the_record(token: str) -> None:
    """Whatever it looks like."""
    record = msgspec.structs.replace(full_record(), assignment=f"x{token}x".encode())

    shown = msgspec.json.encode(job_entry(record)).decode()

    assert f"x{token}x" not in shown


def test_all_else_of_a_job_is_shown() -> None:
    """A field that is added to the record is shown, or named here."""
    hidden = set(JobRecord.__struct_fields__) - set(JobEntry.__struct_fields__)

    assert hidden == {"assignment", "url", "process_started", "boot"}
    assert TOKEN not in repr(job_entry(full_record()))


@pytest.mark.parametrize(
    "fields",
    [{"error": ValueError("x")}, {"path": "\udcff"}, {"n": 1 << 80}, {("a", 1): 2}, {"n": 1e400}],
    ids=["an object", "a lone surrogate", "too large", "a key that is no text", "infinity"],
)
def test_whatever_was_recorded_can_be_sent(fields: dict[str, object]) -> None:
    """A journal in memory has it as it came."""
    entry = event_entry(EventRecord(time=1.0, kind="odd", text="\udcff", fields=fields))

    sent = json.loads(msgspec.json.encode(entry))

    assert sent["text"] == "\\udcff"
    assert sent["fields"]


def read(store: InMemoryStore, name: str) -> JobDetails | None:
    """One job's details."""
    return asyncio.run(read_job(Onlooker(store), JobId(name)))


def test_of_many_events_the_latest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said that there were more."""
    monkeypatch.setattr(history, "MAX_EVENTS", 2)
    store = InMemoryStore()
    events = tuple(EventRecord(time=float(n), kind=f"e{n}", job="AJ_1") for n in range(3))
    store.write(Batch(jobs=(full_record(),), events=events))

    details = read(store, "AJ_1")

    assert details is not None
    assert [event.kind for event in details.events] == ["e1", "e2"]
    assert details.truncated


def test_what_happened_to_others_is_not_shown() -> None:
    """Each job has its own history."""
    store = InMemoryStore()
    event = EventRecord(time=1.0, kind="e", job="AJ_2")
    death = PostMortem(time=1.0, child="c", text="t", job="AJ_2")
    store.write(Batch(jobs=(full_record(),), events=(event,), post_mortems=(death,)))

    assert read(store, "AJ_1") == JobDetails(job=job_entry(full_record()))
    assert read(store, "AJ_2") is None
