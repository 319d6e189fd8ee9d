"""A turn with local models, by stage: examples/assistant.py is thanked and says good bye."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import structs

from agentd.audio.resample import resample
from agentd.plugins import piper

from .bench import Bench
from .figures import Figure, median, spread
from .loudness import VOICE_RATE
from .talks import Talk, talk
from .worker import AGENTD

APP = Path(__file__).with_name("local_talker.py")
QUESTION = "Thank you, good bye."

STAGES = {
    "transcript": "transcript final",
    "turn": "end of turn decided",
    "token": "first token",
    "audio": "first audio made",
    "heard": "first audio at the caller",
}
"""What the agent marks, and what it means. The first token may come before the end of the turn:
replies are begun when the transcript is there."""

QUIET = 1.2
"""Seconds without sound that are the end of an answer."""


async def measure(bench: Bench) -> list[Figure]:
    """Turns one after the other; all instants count from the caller's last loud sample."""
    variant = structs.replace(AGENTD, app=APP, idle=1)
    question = await _question()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(talk(bench, variant, 0.0))
        await one.caller.hears_silence(await one.caller.hears_voice(0.0), QUIET)  # the greeting
        await _turn(one, question)  # the first one loads what is loaded late
        turns = [await _turn(one, question) for _ in range(bench.samples(10, 3))]
    return [_figure(stage, name, turns) for stage, name in STAGES.items()]


def _figure(stage: str, name: str, turns: list[dict[str, float]]) -> Figure:
    samples = [turn[stage] for turn in turns]
    return Figure(
        name=f"local models: end of speech to {name}, p50",
        unit="ms",
        ours=median(samples),
        note=spread(samples, "ms"),
    )


async def _question() -> bytes:
    voice = piper.TTS()
    frame = await voice.synthesize(QUESTION).collect()
    await voice.aclose()
    return resample(frame, VOICE_RATE).data


async def _turn(one: Talk, question: bytes) -> dict[str, float]:
    """When each stage was over, in milliseconds after the end of speech."""
    caller, seen = one.caller, one.worker.marks.seen
    known = len(seen)
    await caller.play(question)
    ended_at = caller.spoke_until
    heard_at = await caller.hears_voice(ended_at)
    await caller.hears_silence(heard_at, QUIET)
    instants = {mark.what: mark.at / 1e9 for mark in seen[known:]} | {"heard": heard_at}
    return {stage: 1000 * (instants[stage] - ended_at) for stage in STAGES}
