"""Audio from before the connection: what a caller said while the app was still joining.

Clients record it and send it as one byte stream, PCM16 or Opus, once the agent is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc
from livekit.rtc.data_stream import ByteStreamReader, StreamError

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wall_time
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import SAMPLE_BYTES
from agentd.audio.resample import resample
from agentd.errors import AudioError

logger = logging.getLogger("agentd.room")

TOPIC_PRE_CONNECT = "lk.agent.pre-connect-audio-buffer"

MAX_AGE = 1.0
"""Seconds after its end from which it is no use any more."""

MAX_SECONDS = 60.0
"""Of audio that is taken at most."""

MAX_RATE = 96_000
MAX_CHANNELS = 2
MAX_OPEN = 4
"""Streams that are received at once."""


class PreConnectAudio:
    """Takes such a stream and hands its audio on, as one frame."""

    def __init__(
        self,
        room: rtc.Room,
        *,
        sample_rate: int,
        timeout: float,
        take: Callable[[str, AudioFrame], None],
    ) -> None:
        self._room = room
        self._sample_rate = sample_rate
        self._timeout = timeout
        self._take = take
        self._tasks = TaskOwner("pre-connect audio")
        self._registered = False
        self._open = 0

    def start(self) -> None:
        """Take streams from now on, if the app does not take them itself."""
        try:
            self._room.register_byte_stream_handler(TOPIC_PRE_CONNECT, self._on_stream)
        except ValueError:
            return
        self._registered = True

    async def aclose(self) -> None:
        """Take none any more. May be repeated."""
        if self._registered:
            self._registered = False
            self._room.unregister_byte_stream_handler(TOPIC_PRE_CONNECT)
        await self._tasks.aclose()

    def _on_stream(self, reader: ByteStreamReader, identity: str) -> None:
        if self._open >= MAX_OPEN:
            reader.close()
            self._leave_out(identity, f"{MAX_OPEN} others are not complete")
            return
        self._open += 1
        self._tasks.start(self._read(reader, identity), name=f"of {identity}")

    async def _read(self, reader: ByteStreamReader, identity: str) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                frame = await self._whole(reader)
        except (StreamError, AudioError, TimeoutError, ValueError) as error:
            reason = str(error) or f"it was not complete within {self._timeout:g} s"
            self._leave_out(identity, reason)
            return
        finally:
            self._open -= 1
            reader.close()
        age = wall_time() - reader.info.timestamp / 1000 - frame.duration
        if age > MAX_AGE + self._timeout:
            self._leave_out(identity, f"it is {age:.1f} s old")
            return
        self._take(identity, frame)

    async def _whole(self, reader: ByteStreamReader) -> AudioFrame:
        attributes = reader.info.attributes or {}
        rate = _bounded(attributes, "sampleRate", 48000, MAX_RATE)
        channels = _bounded(attributes, "channels", 1, MAX_CHANNELS)
        if reader.info.mime_type.startswith("audio/") and "opus" in reader.info.mime_type:
            raise AudioError("it is Opus, which needs the extra `codecs`")
        data = bytearray()
        async for chunk in reader:
            data += chunk
            if len(data) > MAX_SECONDS * rate * channels * SAMPLE_BYTES:
                raise AudioError(f"it is longer than {MAX_SECONDS:g} s")
        whole = len(data) - len(data) % (SAMPLE_BYTES * channels)
        frame = AudioFrame(data=bytes(data[:whole]), sample_rate=rate, num_channels=channels)
        return resample(frame, self._sample_rate)

    def _leave_out(self, identity: str, reason: str) -> None:
        logger.info(
            "audio from before the connection is left out",
            extra={"action": "pre_connect_dropped", "participant": identity, "reason": reason},
        )


def _bounded(attributes: dict[str, str], name: str, default: int, most: int) -> int:
    """A number that a client has written; raises AudioError, or ValueError where it is none."""
    value = int(attributes.get(name, default))
    if not 1 <= value <= most:
        raise AudioError(f"its {name} is {value}: {most} at most")
    return value
