"""A job whose server is silent at first: `python -m tests.support.slow_join PORT KEY SECRET`.

The last line of its output is what it saw, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from livekit import api, rtc
from msgspec import Struct

from agentd.aio.timing import now
from agentd.job.context import JobContext
from agentd.room import connect
from tests.support.stage import DEADLINE, Stage
from tests.support.stage import SAMPLE_RATE as RATE
from tests.support.tcp_proxy import proxy_to

SILENCE = 6.0
"""Seconds; the SDK's own patience would be 5."""


class Server(Struct):
    """See `stage.Server`."""

    url: str
    api_key: str
    api_secret: str


async def hears(room: rtc.Room, caller: rtc.Room) -> bool:
    """Whether anything comes of what a caller says."""
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    room.on("track_subscribed", tracks.put_nowait)
    mouth = rtc.AudioSource(RATE, 1)
    said = rtc.LocalAudioTrack.create_audio_track("voice", mouth)
    await caller.local_participant.publish_track(said)
    frame = rtc.AudioFrame(b"\x00\x20" * (RATE // 100), RATE, 1, RATE // 100)

    async def speak() -> None:
        while True:
            await mouth.capture_frame(frame)

    async with asyncio.timeout(DEADLINE / 2):
        speaking = asyncio.create_task(speak())
        stream = rtc.AudioStream.from_track(track=await tracks.get())
        try:
            return await anext(aiter(stream)) is not None
        finally:
            speaking.cancel()
            await stream.aclose()


async def main(port: int, key: str, secret: str) -> dict[str, Any]:
    """Give it up, and join when it answers."""
    seen: dict[str, Any] = {}

    async def entrypoint(ctx: JobContext) -> None:
        began_at = now()
        connect.CONNECT_TIMEOUT = 0.5
        try:
            await ctx.connect()
        except rtc.ConnectError as error:
            given_up = "was not joined within 0.5 s" in str(error)
            seen["in_time"] = given_up and now() - began_at < 2.0
        connect.CONNECT_TIMEOUT = DEADLINE
        await asyncio.sleep(SILENCE)  # that is how long the server takes
        proxy.release()
        await ctx.connect()
        there = await ctx.api.room.list_participants(api.ListParticipantsRequest(room=stage.room))
        seen["there"] = [each.identity for each in there.participants]
        seen["hears"] = await hears(ctx.room, await stage.caller("anna"))
        ctx.shutdown("seen enough")

    async with AsyncExitStack() as stack, proxy_to("127.0.0.1", port) as proxy:
        stage = Stage(Server(f"ws://127.0.0.1:{port}", key, secret), stack)
        proxy.hold = b"/rtc"
        stage.url = proxy.url
        outcome = await stage.run(entrypoint)
    return seen | {"outcome": outcome.outcome, "reason": outcome.reason}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))) + "\n")
