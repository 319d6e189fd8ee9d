"""Guards: what closes the door to new jobs before the slots are taken.

Looked at when an offer comes, never in between. What this machine does not tell (no PSI in
the kernel, no limit on the group) guards nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from agentd.settings.model import AdmissionSettings

from .cgroup import ROOT, group_memory, keyed, memory_groups, read
from .procfs import MB

logger = logging.getLogger("agentd.supervisor")

RefusalKey = Literal[
    "slots",
    "draining",
    "memory",
    "memory_pressure",
    "cpu_pressure",
    "crash_loop",
    "no_child",
    "declined",
]
"""Why an offer was refused, in one word."""


class Refusal(Struct, frozen=True):
    """Why no job is taken at present."""

    key: RefusalKey
    text: str
    """For the log and LiveKit."""


class Readings(Struct, frozen=True, kw_only=True):
    """What the machine says; None where it says nothing."""

    free_mb: float | None = None
    """Memory available on the machine."""
    group_free_mb: float | None = None
    """The same below the tightest limit of the control groups that we are in."""
    memory_pressure: float | None = None
    """Percent of the last 10 s in which some task waited for memory."""
    cpu_pressure: float | None = None


class RefusalCounter:
    """Counts refusals by reason."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, key: RefusalKey) -> None:
        """An offer was refused."""
        self._counts[key] += 1

    def view(self) -> dict[str, int]:
        """How many so far, for each reason, those without any too."""
        return {key: self._counts[key] for key in get_args(RefusalKey)}


class Guards:
    """Judges the machine at the moment of an offer."""

    def __init__(self, settings: AdmissionSettings, root: Path = ROOT) -> None:
        self._settings = settings
        self._root = root

    def start(self) -> None:
        """Say once what can't be guarded here."""
        blind = unguarded(self._settings, read_readings(self._root))
        if blind:
            logger.debug(
                "some guards of admission have nothing to go by on this machine",
                extra={"action": "guards_blind", "guards": ", ".join(blind)},
            )

    def refusal(self) -> Refusal | None:
        """Why no job should be taken now; None when one may. Costs about 1 ms."""
        return judge(self._settings, read_readings(self._root))


# -- rules -----------------------------------------------------------------------


def judge(settings: AdmissionSettings, readings: Readings) -> Refusal | None:
    """The first reason to refuse, memory before pressure."""
    wanted = settings.min_free_memory_mb
    for free, where in (
        (readings.free_mb, "on the machine"),
        (readings.group_free_mb, "below the memory limit of the control group"),
    ):
        if wanted and free is not None and free < wanted:
            text = f"only {free:.0f} MB of memory free {where}, {wanted} wanted"
            return Refusal("memory", text)
    return _pressure(
        "memory_pressure", "memory", readings.memory_pressure, settings.max_memory_pressure
    ) or _pressure("cpu_pressure", "a CPU", readings.cpu_pressure, settings.max_cpu_pressure)


def _pressure(key: RefusalKey, what: str, value: float | None, most: int) -> Refusal | None:
    if not most or value is None or value <= most:
        return None
    text = f"tasks waited for {what} in {value:.0f} % of the last 10 s, {most} is the most"
    return Refusal(key, text)


def unguarded(settings: AdmissionSettings, readings: Readings) -> list[str]:
    """Guards that are set, and have nothing to go by."""
    asked = {
        "min_free_memory_mb": (settings.min_free_memory_mb, readings.free_mb),
        "max_memory_pressure": (settings.max_memory_pressure, readings.memory_pressure),
        "max_cpu_pressure": (settings.max_cpu_pressure, readings.cpu_pressure),
    }
    return [name for name, (limit, value) in asked.items() if limit and value is None]


# -- reading ---------------------------------------------------------------------


def read_readings(root: Path = ROOT) -> Readings:
    """Ask the machine. Pressure is that of our own control group where the kernel tells it."""
    groups = memory_groups(root)
    memories = [memory for memory in map(group_memory, groups) if memory is not None]
    own = next((group.directory for group in groups if group.version == 2), None)
    return Readings(
        free_mb=parse_available(read(root / "proc/meminfo")),
        group_free_mb=min((memory.free_mb for memory in memories), default=None),
        memory_pressure=_read_pressure(root, own, "memory"),
        cpu_pressure=_read_pressure(root, own, "cpu"),
    )


def parse_available(meminfo: str) -> float | None:
    """MB that can be had without swapping, from /proc/meminfo."""
    kilobytes = keyed(meminfo.replace(" kB", ""), "MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024 / MB


def parse_pressure(text: str) -> float | None:
    """`some avg10` of a PSI file."""
    for line in text.splitlines():
        if not line.startswith("some "):
            continue
        values = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
        try:
            return float(values["avg10"])
        except (KeyError, ValueError):
            return None
    return None


def _read_pressure(root: Path, own: Path | None, what: str) -> float | None:
    if own is not None:
        value = parse_pressure(read(own / f"{what}.pressure"))
        if value is not None:
            return value
    return parse_pressure(read(root / "proc/pressure" / what))
