"""Jobs as a table, and one job with its history as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from agentd.management.views import (
    EventEntry,
    JobDetails,
    JobEntry,
    JobPage,
    PostMortemEntry,
)

from .shown_text import clock, duration, fine_clock, long_fields, plural, safe_line, short_fields

INDENT = "    "

_STYLES = {"running": "green", "resuming": "yellow", "failed": "red", "lost": "red"}

_MOMENTS = ("offered", "accepted", "assigned", "running", "resuming", "ended")


def jobs_table(page: JobPage) -> Table:
    """A line a job."""
    table = Table("job", "state", "room", "child", "offered", "took", "resumes", "reason")
    for job in page.jobs:
        state = job.ending or job.state
        table.add_row(
            Text(safe_line(job.id), overflow="fold"),
            Text(state, style=_STYLES.get(state, "")),
            Text(safe_line(job.room)),
            Text(safe_line(job.child)),
            Text(clock(job.offered_at)),
            Text(_took(job)),
            Text(str(job.resumes) if job.resumes else ""),
            Text(safe_line(job.reason)),
        )
    return table


def _took(job: JobEntry) -> str:
    if job.ended_at is None or job.offered_at is None:
        return ""
    return duration(max(0.0, job.ended_at - job.offered_at))


def job_lines(details: JobDetails) -> Iterator[str]:
    """All that is known of a job, for reading from top to bottom."""
    job = details.job
    yield f"job {safe_line(job.id)}: {_outcome(job)}"
    for name, text in _facts(job):
        yield f"{INDENT}{name:<11}{safe_line(text)}"
    for name, text in _live_facts(details):
        yield f"{INDENT}{name:<11}{safe_line(text)}"
    yield from _moments(job)
    if details.truncated:
        yield "older events or post-mortems are left out"
    yield ""
    yield plural(len(details.events), "event")
    for event in details.events:
        yield from event_lines(event, INDENT + fine_clock(event.time))
    for death in details.post_mortems:
        yield ""
        yield from _death_lines(death)


def _outcome(job: JobEntry) -> str:
    state = job.ending or job.state
    return safe_line(f"{state}: {job.reason}" if job.reason else state)


def _facts(job: JobEntry) -> Iterator[tuple[str, str]]:
    child = f"{job.child}, pid {job.pid}" if job.pid is not None else job.child
    facts = {
        "room": job.room,
        "identity": job.identity,
        "agent": job.agent_name,
        "child": child,
        "worker": job.worker_id,
        "resumes": str(job.resumes) if job.resumes else "",
    }
    yield from ((name, text) for name, text in facts.items() if text)


def _live_facts(details: JobDetails) -> Iterator[tuple[str, str]]:
    """What only the running daemon knows."""
    live, on = details.live, details.on
    if on is not None:
        memory = "" if on.memory_mb is None else f", {on.memory_mb:.0f} MB"
        code = "old code" if on.outdated else "current code"
        yield "process", f"{on.state}, {duration(on.age)} old{memory}, slot {on.slot}, {code}"
    if live is not None and live.fake:
        yield "kind", "a simulation, of which LiveKit knows nothing"
    if live is not None and live.turns:
        stages = "".join(f", {name} {took:.2f} s" for name, took in live.latency.items())
        yield "turns", f"{live.turns} answered, the last one: {stages.removeprefix(', ')}"


def _moments(job: JobEntry) -> Iterator[str]:
    """When it came to each state; `running` and `resuming` are the latest of their kind."""
    known = [(name, getattr(job, f"{name}_at")) for name in _MOMENTS]
    reached = sorted((time, name) for name, time in known if time is not None)
    for time, name in reached:
        after = f"  + {duration(time - reached[0][0])}" if time > reached[0][0] else ""
        yield f"{INDENT}{name:<11}{clock(time)}{after}"


def event_lines(event: EventEntry, head: str, *, whose: str = "") -> Iterator[str]:
    """Something that happened; `head` begins the line, `whose` is said beside its child."""
    parts = [
        event.text,
        f"[{event.child}]" if event.child else "",
        f"[{whose}]" if whose else "",
        short_fields(event.fields),
    ]
    facts = " ".join(safe_line(part) for part in parts if part)
    yield f"{head}  {safe_line(event.kind):<20} {facts}".rstrip()
    yield from _blocks(event.fields, INDENT * 2)


def _death_lines(death: PostMortemEntry) -> Iterator[str]:
    pid = "" if death.pid is None else f", pid {death.pid}"
    yield f"post-mortem of {safe_line(death.child)}{pid}, {clock(death.time)}"
    yield f"{INDENT}{safe_line(death.text)}"
    facts = short_fields(death.fields)
    if facts:
        yield f"{INDENT}{facts}"
    yield from _blocks(death.fields, INDENT)


def _blocks(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, lines in long_fields(fields):
        yield f"{indent}{safe_line(name)}:"
        yield from (f"{indent}{INDENT}{line}" for line in lines)
