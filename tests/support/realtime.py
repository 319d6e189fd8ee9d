"""A realtime session that is talked with, and a record of what it told."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.audio.frame import AudioFrame, from_samples, silent_frame
from agentd.realtime import GenerationCreated, RealtimeSession

EventT = TypeVar("EventT")

DEADLINE = 5.0
RATE = 16000


class Heard(Struct, kw_only=True):
    """What came of a response."""

    text: str = ""
    seconds: float = 0.0
    message_ids: list[str] = []
    cut_off: bool = False
    calls: list[str] = []
    error: Exception | None = None


class Talk:
    """Reads a session within `async with`; what it fails of is in `failure`."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[Any] = []
        self.failure: Exception | None = None
        self.ended = asyncio.Event()
        self.metrics: list[Any] = []
        session.on("metrics_collected", self._measured)
        self._bell = Bell()
        self._owner = TaskOwner("talk")

    async def __aenter__(self) -> Talk:
        self._owner.start(self._read(), name="read")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.session.aclose()
        await self._owner.aclose()

    def _measured(self, metrics: Any) -> None:
        self.metrics.append(metrics)
        self._bell.ring()

    async def _read(self) -> None:
        try:
            async for event in self.session:
                self.events.append(event)
                self._bell.ring()
        except Exception as error:  # noqa: BLE001 - a test looks at it
            self.failure = error
        self.ended.set()
        self._bell.ring()

    def speak(self, seconds: float = 0.6, *, silence: float = 1.2) -> None:
        """The user speaks, and is silent after it; as fast as it can be pushed."""
        for frame in (tone(seconds), silent_frame(silence, RATE)):
            push_in_frames(self.session, frame)

    def all(self, kind: type[EventT]) -> list[EventT]:
        """What it told of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def event(self, kind: type[EventT], number: int = 1) -> EventT:
        """Wait for an event of a kind, the first unless told otherwise."""
        await self.until(lambda: len(self.all(kind)) >= number)
        return self.all(kind)[number - 1]

    async def until(self, condition: Any) -> None:
        """Wait until something is so that an event tells of."""
        await within(now() + DEADLINE, self._bell.until(condition))

    async def end(self) -> Exception | None:
        """Wait until the session is over: what it has failed of."""
        await within(now() + DEADLINE, self.ended.wait())
        return self.failure

    async def answer(self, number: int = 1) -> Heard:
        """Hear a response that the service has begun by itself."""
        return await hear(await self.event(GenerationCreated, number))


async def hear(generation: GenerationCreated) -> Heard:
    """Take all of a response."""
    heard = Heard()
    async with asyncio.timeout(DEADLINE):
        try:
            async for message in generation.message_stream:
                heard.message_ids.append(message.message_id)
                heard.text += "".join([piece async for piece in message.text_stream])
                if "audio" in message.modalities:
                    heard.seconds += sum([frame.duration async for frame in message.audio_stream])
                heard.cut_off = message.cut_off
        except Exception as error:  # noqa: BLE001 - a test looks at it
            heard.error = error
        heard.calls = [
            f"{call.name}({call.arguments})" async for call in generation.function_stream
        ]
    heard.seconds = round(heard.seconds, 3)
    return heard


def tone(seconds: float, rate: int = RATE) -> AudioFrame:
    """A voice, for who judges by loudness."""
    times = np.arange(round(seconds * rate)) / rate
    return from_samples(np.rint(8000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16), rate)


def push_in_frames(session: RealtimeSession, frame: AudioFrame, seconds: float = 0.02) -> None:
    """Push audio in frames as a room gives them."""
    size = round(seconds * frame.sample_rate) * 2 * frame.num_channels
    for start in range(0, len(frame.data), size):
        session.push_audio(
            AudioFrame(
                data=frame.data[start : start + size],
                sample_rate=frame.sample_rate,
                num_channels=frame.num_channels,
            )
        )
