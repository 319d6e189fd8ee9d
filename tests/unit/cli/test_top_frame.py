"""What `agentd top` makes of a daemon's state, on screens of any size."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from agentd.cli.top_frame import frame
from agentd.cli.top_state import Slot, TopState, slot_sum, slots_of
from agentd.management.health import Problem
from agentd.management.views import FeedEntry, StatusView
from agentd.protocol.job import JobView
from agentd.supervisor.snapshot import ChildView, CircuitView
from tests.support.controls import STATUS

HOSTILE = "\x1b[2J[red]\n"


def child(slot: int, state: str, job: str | None = None) -> ChildView:
    """A child in a seat."""
    return ChildView(id=f"c{slot}", slot=slot, state=state, pid=7, job_id=job, generation=1)


def status_of(*children: ChildView, slots: int = 4, jobs: tuple[JobView, ...] = ()) -> StatusView:
    """A daemon with these children."""
    pool = replace(STATUS.pool, slots=slots, children=list(children))
    return replace(STATUS, pool=pool, jobs=jobs)


def job(number: int, **more: object) -> JobView:
    """A call."""
    view = JobView(id=f"AJ_{number}", room="lobby", state="running", age=60.0 + number)
    return replace(view, **more)


def drawn(state: TopState, *, width: int = 120, height: int | None = 40, at: float = 0.0) -> str:
    """A frame as text."""
    console = Console(file=io.StringIO(), width=width, height=height or 1000, color_system=None)
    console.print(frame(state, width=width, height=height, at=at))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def state_of(status: StatusView = STATUS, *events: FeedEntry) -> TopState:
    """What is known after these."""
    state = TopState()
    state.take_status(status, 0.0)
    for event in events:
        state.take_event(event)
    return state


def event(number: int, **more: object) -> FeedEntry:
    """Something that happened."""
    return replace(FeedEntry(id=f"b-{number}", time=float(number), kind=f"kind_{number}"), **more)


def test_each_slot_has_one_word() -> None:
    """Of two children in one the one that stays; a resuming job's is called so."""
    resuming = job(2, state="resuming")
    status = status_of(
        child(0, "running", "AJ_1"),
        child(1, "reserved", "AJ_2"),
        child(2, "stopping"),
        child(2, "idle"),
        child(3, "stopping"),
        child(3, "gone"),
        slots=6,
        jobs=(job(1), resuming),
    )

    slots = slots_of(status)

    assert slots == [
        Slot(1, "busy", "AJ_1"),
        Slot(2, "resuming", "AJ_2"),
        Slot(3, "warm"),
        Slot(4, "ending"),
        Slot(5),
        Slot(6),
    ]
    assert slot_sum(slots) == "1 busy, 1 resuming, 1 ending, 1 warm, 2 free"


def test_a_child_that_ends_does_not_hide_the_one_in_its_place() -> None:
    """In whatever order they come."""
    (slot,) = slots_of(status_of(child(0, "idle"), child(0, "stopping"), slots=1))

    assert slot.word == "warm"


def test_all_is_said_in_words() -> None:
    """Health, link, latencies in milliseconds, what breakers do next, the level of events."""
    circuit = CircuitView(key="up/x", state="open", seconds=9.0, times=2, reason="504")
    shown = job(1, latency={"e2e": 0.8125, "llm": 0.4}, turns=3, resumes=2)
    status = replace(
        status_of(jobs=(shown,)), circuits=(circuit,), problems=(Problem(part="pool", message="!"),)
    )
    bad = event(1, fields={"level": "WARNING", "why": "it is so"})

    text = drawn(state_of(status, bad), at=4.0)

    for words in (
        "clerk  unhealthy  registered",
        "pool: !",
        "4 free",
        "AJ_1      running   1 min 5 s  lobby        812    -    -  400    -      3        2",
        "up/x: open, opened 2 times, tried again in 5.0 s: 504",
        "warning kind_1  why=it is so",
    ):
        assert words in text


def test_a_lost_daemon_s_figures_are_called_old_and_do_not_age() -> None:
    """As long as it is gone."""
    state = state_of(status_of(jobs=(job(0),)))
    state.lose("it closed the connection", 5.0)
    state.lose("nobody listens", 7.0)

    text = drawn(state, at=65.0)

    assert "no word of the daemon since 1 min 0 s; this is old. nobody listens" in text
    assert "1 min 5 s  lobby" in text
    state.take_status(STATUS, 66.0)
    assert "no word" not in drawn(state, at=66.0)


@pytest.mark.parametrize("width", [20, 60, 200])
@pytest.mark.parametrize("height", [12, 24, 50])
def test_a_frame_fits_the_screen(width: int, height: int) -> None:
    """Whatever there is of each, some events are to be seen; nothing wraps."""
    jobs = tuple(job(number) for number in range(60))
    state = state_of(status_of(slots=4, jobs=jobs), *(event(n) for n in range(60)))

    lines = drawn(state, width=width, height=height).splitlines()

    assert len(lines) <= max(height, 16)
    assert all(len(line) <= width for line in lines)


def test_jobs_that_do_not_fit_are_counted() -> None:
    """The oldest are shown; without a limit all are."""
    state = state_of(status_of(jobs=tuple(job(number) for number in range(60))))

    assert "job" in drawn(state, height=30)
    assert "jobs more" in drawn(state, height=30)
    assert "AJ_59" in drawn(state, height=30)
    assert "more" not in drawn(state, height=None)


def test_names_from_outside_do_not_steer_the_terminal() -> None:
    """A caller chooses the room's name; others choose reasons and errors."""
    shown = job(1, room=HOSTILE)
    status = replace(status_of(jobs=(shown,)), agent_name=HOSTILE)
    evil = event(1, kind=HOSTILE, text=HOSTILE, fields={HOSTILE: HOSTILE})

    text = drawn(state_of(status, evil))

    assert "\x1b" not in text
    assert r"\x1b[2J[red]\n" in text
