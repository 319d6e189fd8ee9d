"""The voice agent that is measured: one file for agentd and for livekit-agents.

As app.py, run as a script in either's environment, here with the root of the tree on the path.
BENCH_SDK names the package, whose fake models come from the module that is named for it. The
job's metadata says how many seconds each reply takes.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from benchmarks.app import mark, peer_options, prewarm

sdk = importlib.import_module(os.environ.get("BENCH_SDK", "agentd"))
fakes = importlib.import_module(
    "benchmarks.fakes_agentd" if sdk.__name__ == "agentd" else "benchmarks.fakes_livekit"
)

TURN_HANDLING: dict[str, Any] = {
    "turn_detection": "vad",
    "endpointing": {"min_delay": 0.0, "max_delay": 3.0},
    "interruption": {"min_duration": 0.01},
}
"""Alike in both (`talks.OPTIONS` says it in the notes): no wait is measured that a user sets."""


async def entrypoint(ctx: Any) -> None:
    """Talk with the caller until the room is deleted."""
    await ctx.connect()
    session = sdk.AgentSession(
        stt=fakes.FakeSTT(),
        vad=fakes.FakeVAD(),
        llm=fakes.FakeLLM(float(ctx.job.metadata)),
        tts=fakes.FakeTTS(),
        turn_handling=TURN_HANDLING,
        aec_warmup_duration=None,
    )
    await session.start(agent=sdk.Agent(instructions="You answer."), room=ctx.room)
    mark("talking", ctx.room.name)


if __name__ == "__main__":
    own = {} if sdk.__name__ == "agentd" else peer_options()
    sdk.cli.run_app(
        sdk.WorkerOptions(
            entrypoint_fnc=entrypoint,
            prewarm_fnc=prewarm,
            agent_name=os.environ.get("BENCH_AGENT", "bench"),
            **own,
        )
    )
