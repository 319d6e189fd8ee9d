"""One frame of `agentd top`: what is known of a daemon, in the lines that there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agentd.management.views import FeedEntry, StatusView
from agentd.protocol.job import JobView

from .shown_text import duration, fine_clock, plural, safe_line, short_fields
from .status_table import circuit_text, drain_text, trouble_text
from .top_state import Slot, TopState, slot_sum, slots_of

STAGES = ("e2e", "eot", "stt", "llm", "tts")

SLOT_STYLES = {
    "busy": "cyan",
    "resuming": "bold yellow",
    "starting": "",
    "ending": "dim",
    "warm": "green",
    "free": "dim",
}
JOB_STYLES = {"running": "green", "resuming": "bold yellow"}
LEVEL_STYLES = {"warning": "yellow", "error": "bold red", "critical": "bold red"}

CELL = 12
"""Letters of a slot: its number, a blank and the longest word, and two blanks."""

FEWEST_EVENTS = 4
"""Lines that events have however many jobs there are."""

UNLIMITED = 100_000


def frame(state: TopState, *, width: int, height: int | None, at: float) -> RenderableType:
    """All of it in so many lines; `height` None: as many as it takes."""
    status = state.status
    if status is None:
        return Text(f"waiting for the daemon: {safe_line(state.lost)}", style="yellow")
    elapsed = state.elapsed(at)
    top = [*_lost_lines(state, at), *_header(status, elapsed), *_wrong_lines(status)]
    slots = _slot_lines(slots_of(status), width)
    circuits = [
        Text(safe_line(circuit_text(circuit, elapsed)), style="yellow")
        for circuit in status.circuits
    ]
    room = UNLIMITED if height is None else height - len(top) - len(slots) - len(circuits)
    # Headings and blank lines: slots, jobs with their own heading, breakers, events.
    room -= 2 + 3 + (2 if circuits else 0) + 2
    job_room = max(1, room - FEWEST_EVENTS)
    jobs = sorted(status.jobs, key=lambda job: -job.age)
    shown = jobs if len(jobs) <= job_room else jobs[: job_room - 1]
    left = room - max(1, min(len(jobs), job_room))
    parts: list[RenderableType] = [*top, *_section("slots", slot_sum(slots_of(status))), *slots]
    parts += _section("jobs", _job_sum(jobs))
    parts.append(_job_table(shown, elapsed) if jobs else Text("no call runs", style="dim"))
    if len(shown) < len(jobs):
        parts.append(Text(f"and {plural(len(jobs) - len(shown), 'job')} more", style="dim"))
    if circuits:
        parts += [*_section("breakers", f"{len(circuits)} not closed"), *circuits]
    parts += [*_section("events", ""), *_event_lines(state.events, max(0, left))]
    return Group(*(_cut(part) for part in parts))


def _cut(part: RenderableType) -> RenderableType:
    """A line is a line: what does not fit is left out."""
    if isinstance(part, Text):
        part.no_wrap, part.overflow = True, "ellipsis"
    return part


def _section(name: str, told: str) -> tuple[Text, Text]:
    return Text(""), Text.assemble((name, "bold"), ("  " + told, "dim"))


def _lost_lines(state: TopState, at: float) -> Iterable[Text]:
    if state.lost:
        since = duration(state.lost_for(at))
        why = safe_line(state.lost)
        yield Text(f"no word of the daemon since {since}; this is old. {why}", style="bold red")


def _header(status: StatusView, elapsed: float) -> Iterable[Text]:
    name = safe_line(status.agent_name or "agentd")
    well = ("healthy", "green") if status.healthy else ("unhealthy", "bold red")
    linked = status.link.phase == "registered"
    link = (safe_line(status.link.phase), "green" if linked else "yellow")
    ready = status.readiness
    readied: tuple[str, str] | str = ""
    if ready is not None:
        readied = ("  ready", "green") if ready.ready else ("  not ready", "yellow")
    drain = ("  draining: " + drain_text(status.drain), "yellow") if status.drain.draining else ""
    yield Text.assemble((name, "bold"), "  ", well, readied, "  ", link, drain)
    worker = f"  {status.link.worker_id}" if status.link.worker_id else ""
    yield Text(
        f"up {duration(status.uptime + elapsed)}  agentd {safe_line(status.version)}  "
        f"pid {status.pid}  children by {status.pool.start_method}, generation "
        f"{status.template.generation}{safe_line(worker)}",
        style="dim",
    )


def _wrong_lines(status: StatusView) -> Iterable[Text]:
    for problem in status.problems:
        yield Text(safe_line(f"{problem.part}: {problem.message}"), style="bold red")
    if status.readiness is not None:
        for reason in status.readiness.reasons:
            yield Text(safe_line(f"not ready: {reason.message}"), style="yellow")
    for trouble in status.troubles:
        yield Text(safe_line(trouble_text(trouble)), style="yellow")


def _slot_lines(slots: Sequence[Slot], width: int) -> list[Text]:
    in_line = max(1, width // (CELL + 1))
    digits = len(str(len(slots)))
    lines = []
    for first in range(0, len(slots), in_line):
        line = Text()
        for slot in slots[first : first + in_line]:
            line.append(f"{slot.number:>{digits}} ", style="dim")
            line.append(f"{slot.word:<{CELL - digits}}", style=SLOT_STYLES[slot.word])
        lines.append(line)
    return lines


def _job_sum(jobs: Sequence[JobView]) -> str:
    resuming = sum(job.state == "resuming" for job in jobs)
    return f"{len(jobs)} running" + (f", {resuming} resuming" if resuming else "")


def _job_table(jobs: Sequence[JobView], elapsed: float) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=False)
    table.add_column("job", no_wrap=True, min_width=8)
    table.add_column("state", no_wrap=True, min_width=8)
    table.add_column("age", no_wrap=True, justify="right")
    table.add_column("room", no_wrap=True, overflow="ellipsis", max_width=32)
    for stage in STAGES:
        name = "in all ms" if stage == "e2e" else stage
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("turns", no_wrap=True, justify="right")
    table.add_column("resumes", no_wrap=True, justify="right")
    for job in jobs:
        table.add_row(
            Text(safe_line(job.id)),
            Text(job.state, style=JOB_STYLES.get(job.state, "")),
            duration(job.age + elapsed),
            Text(safe_line(job.room)),
            *(_millis(job, stage) for stage in STAGES),
            str(job.turns),
            Text(str(job.resumes), style="bold yellow" if job.resumes else ""),
        )
    return table


def _millis(job: JobView, stage: str) -> str:
    seconds = job.latency.get(stage)
    return "-" if seconds is None else f"{seconds * 1000:.0f}"


def _event_lines(events: Iterable[FeedEntry], count: int) -> list[Text]:
    lines = [_event_line(event) for event, _ in zip(events, range(count), strict=False)]
    return lines or [Text("nothing has happened since", style="dim")][:count]


def _event_line(event: FeedEntry) -> Text:
    fields = dict(event.fields)
    level = str(fields.pop("level", "")).lower()
    told = f"{level} " if level in LEVEL_STYLES else ""
    parts = [event.text, event.child and f"[{event.child}]", short_fields(fields)]
    return Text.assemble(
        (fine_clock(event.time), "dim"),
        "  ",
        (safe_line(f"{told}{event.kind}"), LEVEL_STYLES.get(level, "bold")),
        "  ",
        safe_line(" ".join(part for part in parts if part)),
    )
