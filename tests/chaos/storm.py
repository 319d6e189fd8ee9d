"""A storm: faults from a seed, the oracle after each, and a report."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct

from .faults import do
from .oracle import (
    FD_SLACK,
    MEMORY_SLACK_MB,
    Seen,
    find_faults,
    longest_silence,
    percentile,
)
from .plan import SHARED, FaultKind, Step, plan_steps
from .world import LOOK_ERRORS, World, world

CALLS = 4
SETTLE_TIMEOUT = 40.0
"""Seconds for all to be well again: 12 of the reconciler for a forgotten dispatch, a restart of
the daemon on a busy machine, and the wait for a warm child."""

LOOK_EVERY = 0.25


class Report(Struct, kw_only=True):
    """What a storm has done and what came of it."""

    seed: int
    seconds: float = 0.0
    faults: dict[str, int] = {}
    jobs: int = 0
    """Calls that were made."""
    lost: list[str] = []
    """What was not well again in time; empty is what is wanted."""
    doubles: int = 0
    """Calls, over ones too, that had two agents for longer than `DOUBLE_LIMIT`."""
    resumed: int = 0
    adopted: int = 0
    recreated: int = 0
    hit_ms: dict[str, float] = {}
    """Longest silence of each call whose own child was hit, for each fault."""
    shared_ms: dict[str, float] = {}
    """The same of calls whose daemon, or its connection or disk, was hit."""
    other_ms: dict[str, float] = {}
    """The same of all other calls."""
    by_fault_ms: dict[str, dict[str, float]] = {}
    """The first two by kind of fault; a restart of livekit-server is only here."""
    settled_s: dict[str, float] = {}
    """Longest time until all was well again, by kind of fault."""
    descriptors: tuple[int, int] = (0, 0)
    memory_mb: tuple[float, float] = (0.0, 0.0)
    """Of the daemon before and after, with the same calls and warm children."""


class Broken(AssertionError):
    """The oracle has found something."""


class Storm:
    """One run over one world."""

    def __init__(self, here: World, seed: int, kinds: tuple[FaultKind, ...] | None) -> None:
        self.report = Report(seed=seed)
        self._world = here
        self._steps = plan_steps(seed) if kinds is None else plan_steps(seed, kinds)
        self._counts: Counter[str] = Counter()
        self._silences: list[tuple[str, str, float]] = []
        """Whether it was `hit`, `shared`, `all` or `other`; the fault; the silence."""
        self._rooms: set[str] = set()

    async def run(self, seconds: float, steps: int) -> None:
        """At least that long and that many faults; raises Broken with what is wrong."""
        here, began_at = self._world, time.monotonic()
        await here.start_daemon()
        await self._complete()
        before = here.usage()
        while time.monotonic() - began_at < seconds or sum(self._counts.values()) < steps:
            await self._step()
        await self._fresh_daemon_is_like_the_old(before)
        self._finish(time.monotonic() - began_at)
        await self._end()

    async def _step(self) -> None:
        step = next(self._steps)
        await asyncio.sleep(step.pause)
        say(f"{step.number}: {step.kind}")
        began_at = time.monotonic()
        here = self._world
        ears = {call.room: call.ear for call in here.calls if call.wanted}
        rooms = await do(here, step)
        self._counts[step.kind] += 1
        here.disturbed_at = time.monotonic()
        await self._settle(step.kind)
        self._note_settled(step.kind, time.monotonic() - here.disturbed_at)
        wanted = {call.room for call in here.calls if call.wanted}
        for room in wanted & ears.keys():
            silence = longest_silence(ears[room].heard_at, began_at)
            if silence is not None:
                self._silences.append((_share(step, room, rooms), step.kind, silence))
        await self._complete()

    def _note_settled(self, kind: str, seconds: float) -> None:
        known = self.report.settled_s
        known[kind] = max(round(seconds, 1), known.get(kind, 0.0))

    async def _complete(self) -> None:
        """Have as many calls as there should be, each with its agent."""
        here = self._world
        here.calls = [call for call in here.calls if call.wanted]
        if len(here.calls) < CALLS:
            here.disturbed_at = time.monotonic()
        while len(here.calls) < CALLS:
            await here.add_call()
        self._rooms.update(call.room for call in here.calls)
        await self._settle("new calls")

    async def _settle(self, after: str) -> None:
        deadline_at = time.monotonic() + SETTLE_TIMEOUT
        faults = ["nothing could be seen"]
        while faults:
            if time.monotonic() > deadline_at:
                raise Broken(f"after '{after}', seed {self.report.seed}: {faults}")
            await asyncio.sleep(LOOK_EVERY)
            faults = await self._faults()

    async def _faults(self) -> list[str]:
        try:
            seen: Seen = await self._world.look()
        except LOOK_ERRORS as error:
            return [f"the daemon can't be asked: {error}"]
        return find_faults(seen)

    async def _fresh_daemon_is_like_the_old(self, before: tuple[int, float]) -> None:
        """Descriptors and memory are back."""
        after = self._world.usage()
        self.report.descriptors = (before[0], after[0])
        self.report.memory_mb = (round(before[1], 1), round(after[1], 1))
        if after[0] > before[0] + FD_SLACK:
            raise Broken(f"descriptors: {before[0]} before, {after[0]} after")
        if after[1] > before[1] + MEMORY_SLACK_MB:
            raise Broken(f"memory: {before[1]:.1f} MB before, {after[1]:.1f} MB after")

    def _finish(self, seconds: float) -> None:
        here, report = self._world, self.report
        report.seconds = round(seconds, 1)
        report.faults = dict(sorted(self._counts.items()))
        report.jobs = len(self._rooms)
        report.doubles = len(here.doubles.too_long)
        report.resumed = len(here.lines(action="job_resumed"))
        report.adopted = len(here.lines(action="job_adopted"))
        report.recreated = len(here.lines(action="dispatch_recreated"))
        report.hit_ms, report.shared_ms, report.other_ms = (
            _percentiles([silence for one, _, silence in self._silences if one == share])
            for share in ("hit", "shared", "other")
        )
        told = [(kind, silence) for share, kind, silence in self._silences if share != "other"]
        report.by_fault_ms = {
            kind: _percentiles([silence for one, silence in told if one == kind])
            for kind in sorted({kind for kind, _ in told})
        }
        if report.doubles:
            raise Broken(f"rooms with two agents for so many seconds: {here.doubles.too_long}")

    async def _end(self) -> None:
        """A drain leaves nothing behind."""
        here = self._world
        for call in here.calls:
            call.wanted = False
            await here.callers.say(call.room, "end")
        here.daemon.signal(signal.SIGTERM)
        code = await here.daemon.wait_exit()
        left = [left for daemon in here.daemons for left in await daemon.left()]
        faults = [fault for daemon in here.daemons for fault in daemon.faults()]
        limbo = here.unended_jobs()
        if code or left or faults or limbo:
            raise Broken(
                f"the end: exit code {code}, left {left}, faults {faults}, no end of jobs {limbo}"
            )


def _share(step: Step, room: str, hit: list[str]) -> str:
    if step.kind == "restart livekit-server":
        return "all"
    if room in hit:
        return "hit"
    return "shared" if step.kind in SHARED else "other"


def _percentiles(silences: list[float]) -> dict[str, float]:
    values = {f"p{percent}": percentile(silences, percent) for percent in (50, 95, 99)}
    values["max"] = max(silences, default=0.0)
    in_ms: dict[str, float] = {name: round(1000 * value) for name, value in values.items()}
    return in_ms | {"n": len(silences)}


def say(text: str) -> None:
    """Progress, to standard error."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)  # noqa: T201


async def run_storm(
    root: Path,
    *,
    seed: int,
    seconds: float,
    steps: int,
    kinds: tuple[FaultKind, ...] | None = None,
    state: Path | None = None,
) -> Report:
    """A storm in a folder; `state` is the daemon's state directory, a small disk of its own for
    the fault that fills it. Raises Broken; what the daemons said is in `daemons.log` then.
    """
    async with world(root, state or root / "state") as here:
        storm = Storm(here, seed, kinds)
        try:
            await storm.run(seconds, steps)
        except Exception as error:
            storm.report.lost.append(str(error))
            log = root / "daemons.log"
            log.write_text("\n".join(daemon.output() for daemon in here.daemons))
            say(f"broken, seed {seed}; what the daemons said is in {log}")
            raise
        return storm.report


def show(report: Report) -> str:
    """The report as JSON for people."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
