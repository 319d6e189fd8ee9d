"""Guards of admission, on trees that look like /proc and /sys/fs/cgroup."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import pytest

from agentd.settings.model import AdmissionSettings
from agentd.supervisor.guards import (
    Guards,
    Readings,
    RefusalCounter,
    RefusalKey,
    judge,
    parse_available,
    parse_pressure,
    read_readings,
)

MEMINFO = "MemTotal:       16000000 kB\nMemFree:          100 kB\nMemAvailable:    2097152 kB\n"
PRESSURE = (
    "some avg10=12.50 avg60=3.00 avg300=1.00 total=7\n"
    "full avg10=99.00 avg60=0.00 avg300=0.00 total=0\n"
)
MB = 2**20


def write(root: Path, files: dict[str, str]) -> None:
    """Make a tree of files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def group_v2(limit: str, current: int, cache: int) -> dict[str, str]:
    """The files of a group of version 2, by name."""
    return {
        "memory.max": f"{limit}\n",
        "memory.current": f"{current}\n",
        "memory.stat": f"anon 5\ninactive_file {cache}\n",
    }


def under(directory: str, files: dict[str, str]) -> dict[str, str]:
    """The same files in a directory."""
    return {f"{directory}/{name}": text for name, text in files.items()}


def test_available_memory_is_read_in_mb() -> None:
    """What can be had without swapping, not what lies unused."""
    found = parse_available(MEMINFO)

    assert found == 2048.0


@pytest.mark.parametrize("text", ["", "MemTotal: 1 kB\n", "MemAvailable: much\n"])
def test_a_machine_that_does_not_say_has_no_figure(text: str) -> None:
    """It guards nothing then."""
    found = parse_available(text)

    assert found is None


def test_pressure_is_that_of_some_task_in_the_last_ten_seconds() -> None:
    """Not the average of longer, and not that of all tasks at once."""
    found = parse_pressure(PRESSURE)

    assert found == 12.5


@pytest.mark.parametrize("text", ["", "\n\n", "full avg10=1.0", "some", "some avg10=x total=1"])
def test_pressure_that_can_not_be_read_is_none(text: str) -> None:
    """A kernel may be built without it."""
    found = parse_pressure(text)

    assert found is None


def test_nothing_is_read_on_a_machine_without_all_that(tmp_path: Path) -> None:
    """And nothing raises."""
    readings = read_readings(tmp_path)

    assert readings == Readings()


def test_the_tightest_group_of_version_2_counts(tmp_path: Path) -> None:
    """A parent's limit binds too, and file cache that can be dropped is free."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/box/agentd\n",
            "sys/fs/cgroup/cgroup.controllers": "memory",
            **under("sys/fs/cgroup/box/agentd", group_v2(str(900 * MB), 200 * MB, 0)),
            **under("sys/fs/cgroup/box", group_v2(str(1000 * MB), 900 * MB, 50 * MB)),
        },
    )

    readings = read_readings(tmp_path)

    assert readings.group_free_mb == 150.0


def test_a_group_without_a_limit_binds_nothing(tmp_path: Path) -> None:
    """`max` is no number."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "memory",
            **under("sys/fs/cgroup", group_v2("max", 200 * MB, 0)),
        },
    )

    readings = read_readings(tmp_path)

    assert readings.group_free_mb is None


@pytest.mark.parametrize(("limit", "free"), [(500 * MB, 330.0), (9223372036854771712, None)])
def test_a_group_of_version_1_counts(tmp_path: Path, limit: int, free: float | None) -> None:
    """Its way to say "no limit" is a number near 2**63."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{limit}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{200 * MB}\n",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {30 * MB}\n",
        },
    )

    readings = read_readings(tmp_path)

    assert readings.group_free_mb == free


def test_the_pressure_of_our_own_group_comes_first(tmp_path: Path) -> None:
    """Others on the machine may be waiting, that is not our matter."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/agentd\n",
            "sys/fs/cgroup/cgroup.controllers": "memory",
            "sys/fs/cgroup/agentd/cpu.pressure": "some avg10=1.00 total=1\n",
            "proc/pressure/cpu": PRESSURE,
            "proc/pressure/memory": PRESSURE,
        },
    )

    readings = read_readings(tmp_path)

    assert readings.cpu_pressure == 1.0
    assert readings.memory_pressure == 12.5


@pytest.mark.parametrize(
    ("settings", "readings", "key"),
    [
        ({}, Readings(), None),
        ({}, Readings(free_mb=300, group_free_mb=300, memory_pressure=40), None),
        ({}, Readings(free_mb=255), "memory"),
        ({}, Readings(free_mb=9000, group_free_mb=255), "memory"),
        ({"min_free_memory_mb": 0}, Readings(free_mb=1, group_free_mb=1), None),
        ({}, Readings(memory_pressure=40.5), "memory_pressure"),
        ({"max_memory_pressure": 0}, Readings(memory_pressure=99), None),
        ({}, Readings(cpu_pressure=99), None),
        ({"max_cpu_pressure": 50}, Readings(cpu_pressure=50.1), "cpu_pressure"),
    ],
)
def test_a_guard_refuses_over_its_limit(
    settings: dict[str, int], readings: Readings, key: str | None
) -> None:
    """With the default settings unless said; what is not known refuses nothing."""
    refusal = judge(AdmissionSettings(**settings), readings)

    assert (refusal.key if refusal else None) == key


def test_a_refusal_says_the_figures() -> None:
    """Whoever reads the log knows what to do."""
    refusal = judge(AdmissionSettings(), Readings(free_mb=100.4))

    assert refusal is not None
    assert refusal.text == "only 100 MB of memory free on the machine, 256 wanted"


def test_guards_look_at_the_machine_each_time(tmp_path: Path) -> None:
    """What was true at the last offer may be so no more."""
    guards = Guards(AdmissionSettings(), tmp_path)
    write(tmp_path, {"proc/meminfo": "MemAvailable: 1024 kB\n"})
    before = guards.refusal()

    write(tmp_path, {"proc/meminfo": MEMINFO})

    assert before is not None
    assert guards.refusal() is None


def test_what_can_not_be_guarded_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In a debug line; only what is set and has nothing to go by."""
    caplog.set_level(logging.DEBUG, "agentd")
    write(tmp_path, {"proc/meminfo": MEMINFO})

    Guards(AdmissionSettings(), tmp_path).start()

    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.__dict__["guards"] == "max_memory_pressure"


def test_refusals_are_counted_by_reason() -> None:
    """Reasons that have not come are shown as 0."""
    counter = RefusalCounter()

    counter.note("slots")
    counter.note("slots")
    counter.note("memory")

    view = counter.view()
    assert (view["slots"], view["memory"], view["declined"]) == (2, 1, 0)
    assert list(view) == list(get_args(RefusalKey))
