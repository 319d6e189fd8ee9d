"""An agent that can be heard all the time: a tone, so that every gap shows. Runs in children.

It does what the metadata of its room says: `block 3`, `hog 200`, `exit 7`, `end`, `note x`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time

import numpy as np
from livekit import rtc

from agentd import AgentServer, JobContext, cli

RATE = 48000
FRAME = RATE // 50
HERTZ = 500

logger = logging.getLogger("tone")
server = AgentServer()
hoard: list[bytearray] = []


@server.rtc_session(agent_name="tone")
async def entry(ctx: JobContext) -> None:
    """Join, hum until the job ends, and count in the state how often it was begun."""
    ctx.state["lives"] = ctx.state.get("lives", 0) + 1
    ctx.room.on("room_metadata_changed", lambda _old, new: obey(ctx, new))
    await ctx.connect()
    source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    await ctx.agent.publish_track(track)
    logger.info(
        "humming",
        extra={
            "action": "humming",
            "lives": ctx.state["lives"],
            "resumed": ctx.resumed,
            "identity": ctx.agent.identity,
        },
    )
    humming = asyncio.create_task(hum(source))

    async def stop() -> None:
        humming.cancel()

    ctx.add_shutdown_callback(stop)


async def hum(source: rtc.AudioSource) -> None:
    """A sine, whole periods a frame, so that no frame has a seam."""
    angles = 2 * math.pi * HERTZ * np.arange(FRAME) / RATE
    samples = (8000 * np.sin(angles)).astype(np.int16).tobytes()
    frame = rtc.AudioFrame(samples, RATE, 1, FRAME)
    while True:
        await source.capture_frame(frame)


def obey(ctx: JobContext, order: str) -> None:
    """Do what a caller asks for."""
    word, _, value = order.partition(" ")
    print(f"order {order}")
    if word == "block":
        time.sleep(float(value))
    elif word == "hog":
        hoard.append(bytearray(os.urandom(1024) * 1024 * int(value)))
    elif word == "exit":
        os._exit(int(value))
    elif word == "note":
        ctx.state["note"] = value
    elif word == "end":
        ctx.shutdown("the caller said so")


if __name__ == "__main__":
    cli.run_app(server)
