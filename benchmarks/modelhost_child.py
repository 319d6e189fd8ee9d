"""A child as a template forks it, with local models: `python -m benchmarks.modelhost_child CALLS`.

Prints a `Session` as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time

import msgspec
from msgspec import Struct

from agentd.audio.frame import silent_frame
from agentd.audio.resample import resample
from agentd.eot import EndOfTurnRequest
from agentd_moonshine import STT
from agentd_piper import TTS
from agentd_smartturn import EndOfTurn
from benchmarks.procfs import memory

REFS = (STT.ref(), TTS.ref(), EndOfTurn.ref())

SILENCE = silent_frame(2.0, 16000)
"""Of which the runner sees that nobody spoke, without asking the model."""

SENTENCE = "Good evening, I would like to order a large pizza."


class Session(Struct, frozen=True, kw_only=True):
    """What was measured."""

    before: float
    """Private memory in MB, before the first call of a model."""
    used: float
    """After the last."""
    first_seconds: float
    """From nothing to a sentence that was spoken, judged and recognised."""
    calls: list[float]
    """Seconds of each call that the model has nothing to do for."""


async def live(calls: int) -> Session:
    """Be a session, as far as its models go."""
    before = memory(os.getpid()).private
    ear, mouth, judge = STT(), TTS(), EndOfTurn()
    began_at = time.perf_counter()
    heard = resample(await mouth.synthesize(SENTENCE).collect(), 16000)
    await judge.predict(EndOfTurnRequest(audio=heard, language="en"))
    text = (await ear.recognize(heard)).text
    first = time.perf_counter() - began_at
    if "pizza" not in text:
        raise RuntimeError(f"it was heard as: {text}")
    seconds = [await _silence(ear) for _ in range(calls)]
    used = memory(os.getpid()).private
    for model in (ear, mouth, judge):
        await model.aclose()
    return Session(before=before, used=used, first_seconds=first, calls=seconds[calls // 10 :])


async def _silence(ear: STT) -> float:
    began_at = time.perf_counter()
    await ear.recognize(SILENCE)
    return time.perf_counter() - began_at


def main() -> int:
    # As the template does, before it forks.
    gc.collect()
    gc.freeze()
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    session = asyncio.run(live(int(sys.argv[1])))
    print(msgspec.json.encode(session).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
