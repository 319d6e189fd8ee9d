"""What is read off a view for /metrics, as data: a name, its labels, and how it is read. Pure."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from agentd.protocol.job import JobState
from agentd.supervision.view import TreeView
from agentd.supervisor.child import ChildState

from .metrics_view import MetricsView

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""Values of the labels, and the figure."""

CIRCUIT_STATES = ("closed", "half_open", "open")

MB = 1024 * 1024


class Shown(Struct, frozen=True, kw_only=True):
    """One gauge, or a counter that somebody keeps for himself."""

    name: str
    text: str
    read: Callable[[MetricsView], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


def _one(value: float | None) -> Iterator[Sample]:
    """A figure without labels; nothing where nobody knows it."""
    if value is not None:
        yield (), float(value)


def _build(view: MetricsView) -> Iterator[Sample]:
    if view.version:
        yield (view.version, platform.python_version()), 1.0


def _jobs(view: MetricsView) -> Iterator[Sample]:
    if view.jobs is not None:
        for state in get_args(JobState)[:-1]:  # those that are over are counted
            yield (state,), view.jobs.get(state, 0)


def _children(view: MetricsView) -> Iterator[Sample]:
    if view.pool is None:
        return
    states = dict.fromkeys(get_args(ChildState)[:-1], 0)
    for child in view.pool.children:
        states[child.state] = states.get(child.state, 0) + 1
    for state, number in states.items():
        if state != "gone":
            yield (state,), number


def _memory(view: MetricsView) -> Iterator[Sample]:
    for slot, used in view.memory.items():
        yield (str(slot),), used * MB


def _declined(view: MetricsView) -> Iterator[Sample]:
    for reason, times in view.refusals.items():
        yield (reason,), times


def _parts(tree: TreeView | None) -> Iterator[tuple[str, bool, int]]:
    if tree is None:
        return
    for child in tree.children:
        yield child.id, child.state == "running", child.restarts
        yield from _parts(child.below)


def _parts_up(view: MetricsView) -> Iterator[Sample]:
    for name, up, _ in _parts(view.tree):
        yield (name,), float(up)


def _part_restarts(view: MetricsView) -> Iterator[Sample]:
    for name, _, restarts in _parts(view.tree):
        yield (name,), restarts


def _circuit_states(view: MetricsView) -> Iterator[Sample]:
    states = dict.fromkeys(view.circuits_opened, "closed")
    states |= {circuit.key: circuit.state for circuit in view.circuits}
    for key, state in states.items():
        for each in CIRCUIT_STATES:
            yield (key, each), float(each == state)


def _circuits_opened(view: MetricsView) -> Iterator[Sample]:
    for key, times in view.circuits_opened.items():
        yield (key,), times


SHOWN: tuple[Shown, ...] = (
    Shown(
        name="build_info",
        text="1; the labels say what runs.",
        labels=("version", "python"),
        read=_build,
    ),
    Shown(
        name="healthy",
        text="1 while /healthz says ok.",
        read=lambda view: _one(view.healthy),
    ),
    Shown(
        name="ready",
        text="1 while /readyz says that jobs can come.",
        read=lambda view: _one(view.ready),
    ),
    Shown(
        name="draining",
        text="1 while nothing new is taken, and what runs may end.",
        read=lambda view: _one(view.draining),
    ),
    Shown(
        name="jobs",
        text="Jobs that are not over, by state.",
        labels=("state",),
        read=_jobs,
    ),
    Shown(
        name="slots",
        text="Jobs that may run at the same time.",
        read=lambda view: _one(view.pool.slots if view.pool else None),
    ),
    Shown(
        name="slots_used",
        text="Slots that a job has, was promised, or waits for.",
        read=lambda view: _one(view.slots_used if view.pool else None),
    ),
    Shown(
        name="slots_free",
        text="Slots for which jobs are taken.",
        read=lambda view: _one(max(0, view.pool.slots - view.slots_used) if view.pool else None),
    ),
    Shown(
        name="children",
        text="Children by state. idle ones are warm, reserved ones promised to a job, running "
        "ones have it, adopting ones are waited for with the job of an earlier daemon.",
        labels=("state",),
        read=_children,
    ),
    Shown(
        name="children_wanted",
        text="Warm children that are to be kept (num_idle_processes).",
        read=lambda view: _one(view.pool.idle_target if view.pool else None),
    ),
    Shown(
        name="jobs_waiting",
        text="Jobs that wait for a warm child: new ones, and those that are to go on.",
        read=lambda view: _one(view.pool.waiting if view.pool else None),
    ),
    Shown(
        name="crash_loop",
        text="1 while no child can be expected to become warm: starts fail, or there is no app.",
        read=lambda view: _one(bool(view.pool.failing) if view.pool else None),
    ),
    Shown(
        name="child_memory_bytes",
        text="Private memory of the child in a slot, sampled while it has a job.",
        labels=("slot",),
        read=_memory,
    ),
    Shown(
        name="offers_declined",
        text="Offers of LiveKit's that were declined, by reason.",
        labels=("reason",),
        kind="counter",
        read=_declined,
    ),
    Shown(
        name="link_up",
        text="1 while LiveKit has this worker registered.",
        read=lambda view: _one(view.link.up if view.link else None),
    ),
    Shown(
        name="link_messages_dropped",
        text="Messages to LiveKit that were lost because too many waited to be sent.",
        kind="counter",
        read=lambda view: _one(view.link.dropped if view.link else None),
    ),
    Shown(
        name="journal_waiting",
        text="Records that wait to be written to the journal.",
        read=lambda view: _one(view.journal.waiting if view.journal else None),
    ),
    Shown(
        name="journal_on_disk",
        text="1 while the journal is on disk, 0 while it is in memory since the disk failed.",
        read=lambda view: _one(view.journal.kept == "disk" if view.journal else None),
    ),
    Shown(
        name="event_readers",
        text="Who reads /events.",
        read=lambda view: _one(view.feed.readers if view.feed else None),
    ),
    Shown(
        name="event_readers_dropped",
        text="Readers of /events that were too slow, and were dropped.",
        kind="counter",
        read=lambda view: _one(view.feed.dropped if view.feed else None),
    ),
    Shown(
        name="part_up",
        text="1 while a part of the supervision tree runs: template, pool, link, models, ...",
        labels=("part",),
        read=_parts_up,
    ),
    Shown(
        name="part_restarts",
        text="Times that a part of the supervision tree was restarted for a failure of its own.",
        labels=("part",),
        kind="counter",
        read=_part_restarts,
    ),
    Shown(
        name="circuit_state",
        text="State of the circuit breaker of a service: 1 for the one that it is in.",
        labels=("circuit", "state"),
        read=_circuit_states,
    ),
    Shown(
        name="circuit_opened",
        text="Times that a service was found to fail, and was left alone.",
        labels=("circuit",),
        kind="counter",
        read=_circuits_opened,
    ),
)
