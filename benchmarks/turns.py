"""How long a caller waits for an answer, and for silence when cutting in.

Each in turns with livekit-agents: a call to each at once, of which one speaks at a time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from msgspec import Struct

from .bench import Bench
from .figures import Figure, median, percentile, spread
from .talks import OPTIONS, talk, talkers
from .telephone import Caller, NotHeard

ROUND = 10
"""Turns with one before it is the other's."""

SPEECH = 0.6
"""Seconds that the caller speaks."""

Measured = Callable[[Caller], Awaitable[float]]


class Waits(Struct, frozen=True, kw_only=True):
    """Of one worker, in milliseconds."""

    samples: list[float]
    buffer: float
    """Of it in the caller's jitter buffer, in the mean: it grows where audio comes unevenly."""


async def measure_turn(bench: Bench) -> list[Figure]:
    """From the caller's last loud sample to the first of the agent's at the caller."""
    waits = await _measure(bench, _turn, bench.samples(40, 5), reply=1.0)
    return _figures("end of speech to first audio at the caller", 400.0, waits)


async def measure_bargein(bench: Bench) -> list[Figure]:
    """From the caller's first loud sample to the agent's silence at the caller."""
    waits = await _measure(bench, _bargein, bench.samples(40, 5), reply=10.0)
    return _figures("start of a barge-in to silence at the caller", 150.0, waits)


async def _turn(caller: Caller) -> float:
    await caller.say(SPEECH)
    answered_at = await caller.hears_voice(caller.spoke_until)
    await caller.hears_silence(answered_at, lasting=0.4)
    # Frames of 50 ms and a speech that begins in step with them would favour somebody.
    await asyncio.sleep(random.uniform(0.2, 0.4))
    return 1000 * (answered_at - caller.spoke_until)


async def _bargein(caller: Caller) -> float:
    if not _speaks(caller):
        await caller.say(SPEECH)
        await caller.hears_voice(caller.spoke_until)
    await asyncio.sleep(random.uniform(1.0, 1.2))
    if not _speaks(caller):
        raise NotHeard("the agent fell silent before it was interrupted")
    await caller.say(SPEECH)
    quiet_at = await caller.hears_silence(caller.spoke_from)
    await caller.hears_voice(caller.spoke_until)  # the next answer, to be cut off next
    return 1000 * (quiet_at - caller.spoke_from)


def _speaks(caller: Caller) -> bool:
    """Whether the agent was heard within the last half second."""
    return any(frame.loud for frame in caller.heard[-50:])


async def _measure(bench: Bench, one: Measured, count: int, *, reply: float) -> list[Waits]:
    """Samples of each worker, the first of each left out, in rounds that alternate."""
    async with AsyncExitStack() as stack:
        callers = [
            (await stack.enter_async_context(talk(bench, variant, reply))).caller
            for variant in talkers(bench)
        ]
        samples: list[list[float]] = [[] for _ in callers]
        for caller in callers:
            await one(caller)
        before = [await caller.playout() for caller in callers]
        while len(samples[-1]) < count:
            for caller, taken in zip(callers, samples, strict=True):
                taken += [await one(caller) for _ in range(min(ROUND, count))]
        delays = [
            (await caller.playout()).delay_since(earlier)
            for caller, earlier in zip(callers, before, strict=True)
        ]
    return [
        Waits(samples=taken, buffer=1000 * delay)
        for taken, delay in zip(samples, delays, strict=True)
    ]


def _figures(name: str, aim: float, waits: list[Waits]) -> list[Figure]:
    ours = waits[0]
    peer = waits[1] if len(waits) > 1 else None
    buffers = f"{ours.buffer:.0f} ms" + (f" (peer {peer.buffer:.0f})" if peer else "")
    return [
        Figure(
            name=f"{name}, p50",
            unit="ms",
            ours=median(ours.samples),
            aim=aim,
            peer=median(peer.samples) if peer else None,
            note=f"{spread(ours.samples, 'ms')}; of it in the caller's jitter buffer {buffers}; "
            f"{OPTIONS}",
        ),
        Figure(
            name=f"{name}, p95",
            unit="ms",
            ours=percentile(ours.samples, 95),
            peer=percentile(peer.samples, 95) if peer else None,
        ),
    ]
