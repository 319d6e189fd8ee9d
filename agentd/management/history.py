"""Jobs and what happened to them, read from the journal and fit to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from agentd.journal.records import EventRecord, Fields, JobRecord, PostMortem, Query
from agentd.journal.rows import fields_to_json
from agentd.logs.record import safe_text
from agentd.protocol.ids import JobId

from .views import (
    EventEntry,
    EventPage,
    JobDetails,
    JobEntry,
    JobPage,
    PostMortemEntry,
    PostMortemPage,
)

MAX_EVENTS = 500
"""Events of one job that are shown, the latest."""

MAX_POST_MORTEMS = 50


class Records(Protocol):
    """The journal, as far as it is read here."""

    async def job(self, job_id: JobId) -> JobRecord | None: ...

    async def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]: ...

    async def events(self, query: Query) -> list[EventRecord]: ...

    async def post_mortems(self, query: Query) -> list[PostMortem]: ...


async def read_jobs(records: Records, limit: int, before: JobId | None = None) -> JobPage:
    """A page of jobs, newest first; `before` is the last one of the page before."""
    # One more than wanted tells whether there is another page.
    found = await records.jobs(limit + 1, before)
    page = tuple(job_entry(record) for record in found[:limit])
    return JobPage(jobs=page, before=page[-1].id if len(found) > limit else "")


async def read_events(records: Records, query: Query) -> EventPage:
    """A page of events, newest first; `query.before` is what the page before has said."""
    found = await records.events(replace(query, limit=query.limit + 1))
    page = tuple(event_entry(record) for record in found[: query.limit])
    return EventPage(events=page, before=page[-1].seq if len(found) > query.limit else 0)


async def read_post_mortems(records: Records, query: Query) -> PostMortemPage:
    """A page of post-mortems, newest first; see `read_events`."""
    found = await records.post_mortems(replace(query, limit=query.limit + 1))
    page = tuple(post_mortem_entry(record) for record in found[: query.limit])
    return PostMortemPage(post_mortems=page, before=page[-1].seq if len(found) > query.limit else 0)


async def read_job(records: Records, job_id: JobId) -> JobDetails | None:
    """One job and its history; None when the journal does not know it."""
    record = await records.job(job_id)
    if record is None:
        return None
    events = await records.events(Query(job=job_id, limit=MAX_EVENTS + 1))
    deaths = await records.post_mortems(Query(job=job_id, limit=MAX_POST_MORTEMS + 1))
    return JobDetails(
        job=job_entry(record),
        events=tuple(event_entry(event) for event in reversed(events[:MAX_EVENTS])),
        post_mortems=tuple(post_mortem_entry(one) for one in reversed(deaths[:MAX_POST_MORTEMS])),
        truncated=len(events) > MAX_EVENTS or len(deaths) > MAX_POST_MORTEMS,
    )


def job_entry(record: JobRecord) -> JobEntry:
    """A job without its secret."""
    return JobEntry(**{name: _plain(getattr(record, name)) for name in JobEntry.__struct_fields__})


def event_entry(record: EventRecord) -> EventEntry:
    """An event that JSON can carry, whoever recorded it."""
    return EventEntry(
        time=record.time,
        kind=safe_text(record.kind),
        text=safe_text(record.text),
        child=safe_text(record.child),
        fields=_plain_fields(record.fields),
        job=safe_text(record.job),
        seq=record.seq,
    )


def post_mortem_entry(record: PostMortem) -> PostMortemEntry:
    """A post-mortem that JSON can carry."""
    return PostMortemEntry(
        time=record.time,
        child=safe_text(record.child),
        text=safe_text(record.text),
        pid=record.pid,
        fields=_plain_fields(record.fields),
        job=safe_text(record.job),
        seq=record.seq,
    )


def _plain(value: Any) -> Any:
    return safe_text(value) if isinstance(value, str) else value


def _plain_fields(fields: Fields) -> Mapping[str, Any]:
    # While the journal is in memory its details are whatever was recorded.
    found: dict[str, Any] = msgspec.json.decode(fields_to_json(fields))
    return found
