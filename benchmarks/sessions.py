"""What a running session costs, and whether ten of them are heard without gaps."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from msgspec import Struct

from .bench import Bench
from .figures import Figure, median
from .hearing import Heard, longest_gap, longest_wait
from .loudness import voice
from .procfs import Memory, cpu_seconds, memory
from .rooms import new_room
from .talks import Talk, agent_of, talk, talkers
from .telephone import Caller, calling
from .worker import Variant, running

SETTLE = 3.0

PAUSE = 2.0
"""Seconds between an answer and what the caller says next."""

SPEECH = 0.6
REPLY = 2.0

TEN = 10
LONG_REPLY = 40.0
STAGGER = 0.13
"""Seconds between one caller's start and the next one's."""


# -- one session ---------------------------------------------------------------------------


class Cost(Struct, frozen=True, kw_only=True):
    """Of one session."""

    cpu: float
    """Percent of a core."""
    memory: Memory
    turns: int


async def measure_cost(bench: Bench) -> list[Figure]:
    """Both at once, so that both see the same machine: CPU and memory of the job's process."""
    seconds = bench.samples(30, 8)
    async with AsyncExitStack() as stack:
        talks = [
            await stack.enter_async_context(talk(bench, variant, REPLY))
            for variant in talkers(bench)
        ]
        for one in talks:
            await _turn(one.caller)
        await asyncio.sleep(SETTLE)
        ours, *theirs = await asyncio.gather(*(_cost(one, seconds) for one in talks))
    peer = theirs[0] if theirs else None
    return [
        Figure(
            name="CPU of a running session",
            unit="% of a core",
            ours=ours.cpu,
            aim=8.0,
            peer=peer.cpu if peer else None,
            note=f"the job's process over {seconds} s with {ours.turns} turns, audio both ways",
        ),
        Figure(
            name="memory of a running session",
            unit="MB",
            ours=ours.memory.private,
            aim=24.0,
            peer=peer.memory.private if peer else None,
            note=f"private, all of the job's process; PSS {ours.memory.proportional:.1f}"
            + (f"; peer PSS {peer.memory.proportional:.1f}" if peer else ""),
        ),
    ]


async def _cost(one: Talk, seconds: float) -> Cost:
    before, began_at = cpu_seconds([one.pid]), time.monotonic()
    turns = 0
    while time.monotonic() - began_at < seconds:
        await _turn(one.caller)
        await asyncio.sleep(PAUSE)
        turns += 1
    used, took = cpu_seconds([one.pid]) - before, time.monotonic() - began_at
    return Cost(cpu=100 * used / took, memory=memory(one.pid), turns=turns)


async def _turn(caller: Caller) -> None:
    await caller.say(SPEECH)
    answered_at = await caller.hears_voice(caller.spoke_until)
    await caller.hears_silence(answered_at)


# -- ten sessions --------------------------------------------------------------------------


class Gaps(Struct, frozen=True, kw_only=True):
    """Of ten calls, in milliseconds."""

    gaps: list[float]
    """The longest at each caller, in what was heard."""
    waits: list[float]
    """The longest time between two frames' coming at each."""
    concealed: list[float]
    """What WebRTC made up at each for audio that came too late, in percent of the time."""
    control: float
    """The longest wait of a call without an agent: what callers and server do by themselves."""


async def measure_ten(bench: Bench) -> list[Figure]:
    """Ten agents that speak at once, on the cores that their callers need as well."""
    ours, *theirs = [await _ten(bench, variant) for variant in talkers(bench, idle=TEN)]
    peer = theirs[0] if theirs else None
    return [
        Figure(
            name=f"longest gap of {TEN} sessions at once, worst caller",
            unit="ms",
            ours=max(ours.gaps),
            aim=60.0,
            peer=max(peer.gaps) if peer else None,
            note=_note(ours) + (f"; peer: {_note(peer)}" if peer else ""),
        )
    ]


async def _ten(bench: Bench, variant: Variant) -> Gaps:
    seconds = bench.samples(20, 5)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(running(bench, variant))
        control = await _control(bench, stack)
        talks = [
            await stack.enter_async_context(agent_of(bench, worker, LONG_REPLY, frame_ms=20))
            for _ in range(TEN)
        ]
        callers = [one.caller for one in talks]
        await _all_speak(callers)
        since = time.monotonic()
        before = [await caller.playout() for caller in callers]
        await asyncio.sleep(seconds)
        after = [await caller.playout() for caller in callers]
        took = time.monotonic() - since
        heard = [_since(caller.heard, since) for caller in callers]
        return Gaps(
            gaps=[1000 * longest_gap(frames) for frames in heard],
            waits=[1000 * longest_wait(frames) for frames in heard],
            concealed=[
                100 * late.concealed_since(early) / took
                for early, late in zip(before, after, strict=True)
            ],
            control=1000 * longest_wait(_since(control.heard, since)),
        )


async def _all_speak(callers: list[Caller]) -> None:
    """Have all agents speak at once."""
    for caller in callers:
        await caller.say(SPEECH)
        await asyncio.sleep(STAGGER)
    for caller in callers:
        await caller.hears_voice(caller.spoke_until)
    await asyncio.sleep(SETTLE)


async def _control(bench: Bench, stack: AsyncExitStack) -> Caller:
    """Somebody who hears another caller who speaks all the time."""
    room = new_room()
    listener = await stack.enter_async_context(calling(bench, room, identity="ear", frame_ms=20))
    speaker = await stack.enter_async_context(calling(bench, room, identity="mouth"))
    speaker.play_on(voice(0.0, 120.0))
    await listener.hears_voice(0.0)
    return listener


def _since(frames: list[Heard], instant: float) -> list[Heard]:
    return [frame for frame in frames if frame.at >= instant]


def _note(gaps: Gaps) -> str:
    return (
        f"median caller {median(gaps.gaps):.0f} ms, {median(gaps.concealed):.1f} % made up by "
        f"WebRTC; longest wait for a frame {max(gaps.waits):.0f} ms, in a call without an agent "
        f"{gaps.control:.0f} ms"
    )
