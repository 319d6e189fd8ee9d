"""A daemon's status as lines of name and text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agentd.management.views import DrainView, StatusView
from agentd.supervision.view import Trouble
from agentd.supervisor.snapshot import CircuitView

from .shown_text import duration, plural, safe_line

WRONG = "wrong"
TROUBLE = "trouble"
CIRCUIT = "circuit"


def status_lines(status: StatusView) -> Iterator[tuple[str, str]]:
    """What the daemon does, most important first; a name may come several times."""
    yield "daemon", _daemon(status)
    for problem in status.problems:
        yield WRONG, safe_line(f"{problem.part}: {problem.message}")
    for trouble in status.troubles:
        yield TROUBLE, safe_line(trouble_text(trouble))
    for circuit in status.circuits:
        yield CIRCUIT, safe_line(circuit_text(circuit))
    if status.drain.draining:
        yield "draining", drain_text(status.drain)
    yield "link", _link(status)
    yield "slots", _slots(status)
    yield "template", _template(status)
    yield "journal", _journal(status)
    for job in status.jobs:
        resumes = f", {plural(job.resumes, 'resume')}" if job.resumes else ""
        yield (
            "job",
            safe_line(f"{job.id}  {job.state}, {duration(job.age)} old{resumes}, room {job.room}"),
        )
    for reason, count in sorted(status.refusals.items(), key=lambda item: -item[1]):
        if count:
            yield "refused", safe_line(f"{plural(count, 'offer')}: {reason}")


def status_style(name: str) -> str:
    """What stands out."""
    warns = (TROUBLE, CIRCUIT, "draining")
    return "bold red" if name == WRONG else "yellow" if name in warns else ""


def drain_text(drain: DrainView) -> str:
    """How far a drain has come, in one line."""
    text = f"{plural(drain.jobs_left, 'job')} left"
    if drain.ending:
        text += ", being ended: the drain timeout is over"
    elif drain.jobs_left and drain.seconds_left is not None:
        text += f", ended in {duration(drain.seconds_left)} at the latest"
    return safe_line(f"{text} ({drain.reason})") if drain.reason else text


def _daemon(status: StatusView) -> str:
    state = "draining" if status.drain.draining else "serving"
    if status.problems:
        state = "unhealthy"
    name = f", agent '{safe_line(status.agent_name)}'" if status.agent_name else ""
    return (
        f"{state}, agentd {safe_line(status.version)}, pid {status.pid}, "
        f"up {duration(status.uptime)}{name}"
    )


def trouble_text(trouble: Trouble) -> str:
    """What is not well, and what is done about it."""
    next_start = (
        ""
        if trouble.next_start_in is None
        else f", next start in {duration(trouble.next_start_in)}"
    )
    times = plural(trouble.failures, "failure")
    return f"{trouble.path}: {trouble.state}, {times}{next_start}: {trouble.last_error}"


def circuit_text(circuit: CircuitView, elapsed: float = 0.0) -> str:
    """A service that fails and what comes next; `elapsed`: seconds since it was told so."""
    if circuit.state == "open":
        next_step = f"tried again in {duration(max(0.0, circuit.seconds - elapsed))}"
    elif circuit.prober:
        next_step = f"being tried by {circuit.prober}"
    else:
        next_step = "tried by the next call"
    state = circuit.state.replace("_", " ")
    times = plural(circuit.times, "time")
    return f"{circuit.key}: {state}, opened {times}, {next_step}: {circuit.reason}"


def _link(status: StatusView) -> str:
    link = status.link
    worker = f" as {link.worker_id}" if link.worker_id else ""
    error = f": {link.error}" if link.error else ""
    return safe_line(f"{link.phase}{worker}{error}")


def _slots(status: StatusView) -> str:
    pool = status.pool
    return (
        f"{pool.busy} of {pool.slots} busy, {pool.idle} warm, {pool.starting} starting, "
        f"children by {pool.start_method}"
    )


def _template(status: StatusView) -> str:
    template = status.template
    state = f"pid {template.pid}" if template.alive else "not running"
    error = f", last error: {template.last_error}" if template.last_error else ""
    return safe_line(f"{state}, generation {template.generation}{error}")


def _journal(status: StatusView) -> str:
    journal = status.journal
    problem = f", not on disk: {journal.problem}" if journal.problem else ""
    waiting = f", {plural(journal.waiting, 'record')} to be written" if journal.waiting else ""
    return safe_line(f"on {journal.kept}{problem}{waiting}".replace("on memory", "in memory"))
