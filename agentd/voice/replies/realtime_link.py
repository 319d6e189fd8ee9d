"""One agent's conversation with a speech-to-speech model: what goes in, and what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Literal, Protocol, assert_never

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import ModelError
from agentd.io import VideoFrame
from agentd.llm.chat import ChatContext
from agentd.llm.images import Picture, as_picture, encode
from agentd.llm.items import ChatMessage
from agentd.llm.toolset import ToolContext
from agentd.metrics import AgentMetrics
from agentd.realtime.base import RealtimeModel, RealtimeSession
from agentd.realtime.events import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    RealtimeError,
    RealtimeEvent,
    RemoteItemAdded,
    SessionReconnected,
)
from agentd.voice.agent import Agent
from agentd.voice.agent_base import book_of
from agentd.voice.bench import Bench
from agentd.voice.node_stream import stream_of
from agentd.voice.turns.inputs import (
    ModelSpeechEnded,
    ModelSpeechStarted,
    SttFinal,
    SttInterim,
    TurnInput,
)

from .prompting import render

logger = logging.getLogger("agentd.voice")

REALTIME_CHILD = "realtime"

MAX_PICTURE = 1024
"""Pixels, of width and height: what providers look at is smaller still."""


class RealtimeListener(Protocol):
    """Who is told what a realtime model does by itself."""

    def model_replies(self, generation: GenerationCreated) -> None:
        """It has begun to speak unasked: its server has decided that the user has finished."""

    def transcribed(self, text: str, *, is_final: bool) -> None:
        """It has understood the user, and somebody else takes the turns."""

    def measured(self, metrics: AgentMetrics) -> None: ...


class RealtimeLink:
    """A model's session while one agent has the word. `run` is its work; a Hearer."""

    def __init__(
        self,
        model: RealtimeModel,
        agent: Agent,
        bench: Bench,
        *,
        tools: Callable[[], ToolContext],
        feed: Callable[[TurnInput], None],
        listener: RealtimeListener,
    ) -> None:
        self.model = model
        self.session: RealtimeSession = model.session()
        self.transcripts: Literal["turns", "told", "none"] = "turns"
        """What becomes of what it says that the user said: a turn, where it takes turns itself; an
        event and a message, where others do; nothing, where an STT says it."""
        self._agent = agent
        self._bench = bench
        self._tools = tools
        self._feed = feed
        self._listener = listener
        self.session.on("metrics_collected", listener.measured)
        self.failed = False
        """Whether its session has failed: nothing more comes of it."""

    async def prepare(self) -> None:
        """Tell the model what it is, what was said, and what it may do."""
        await self.tell_instructions()
        await self.session.update_chat_ctx(self._known())
        await self.session.update_tools(self._tools().flatten())

    async def run(self) -> None:
        """Read its events until cancelled. Raises what the model fails of, ModelError at an end."""
        try:
            async with aclosing(stream_of(self.session, "the realtime session")) as events:
                async for event in events:
                    self._take(event)
            raise ModelError("the realtime model's session has ended")
        except Exception as error:
            self.failed = True
            self._bench.faults.failed("realtime", error, self.model)
            raise

    def hear(self, frame: AudioFrame) -> None:
        """See ears.Hearer."""
        if not self.failed:
            self.session.push_audio(frame)

    async def see(self, frame: VideoFrame) -> None:
        """Show it a picture, if it can see; raises ValueError or TypeError for what is none."""
        if not self.model.capabilities.video_input or self.failed:
            return
        picture = as_picture(frame)
        if picture.format == "rgba":  # 20 ms of work, which audio must not wait for
            mime_type, data = await asyncio.to_thread(_encode, picture)
        else:
            mime_type, data = _encode(picture)
        self.session.push_video(data, mime_type)

    async def tell_instructions(self) -> None:
        """What the agent is told to be has changed."""
        text = render(book_of(self._agent).instructions, "audio")
        await self.session.update_instructions(text)

    async def tell_chat_ctx(self) -> None:
        """What the agent knows has changed."""
        await self.session.update_chat_ctx(self._known())

    async def tell_tools(self) -> None:
        """What the agent may do has changed."""
        await self.session.update_tools(self._tools().flatten())

    async def aclose(self) -> None:
        """End the model's session. May be repeated."""
        self.session.off("metrics_collected", self._listener.measured)
        await self.session.aclose()

    def _known(self) -> ChatContext:
        return self._agent.chat_ctx.copy(exclude_handoff=True, exclude_config_update=True)

    def _take(self, event: RealtimeEvent) -> None:
        match event:
            case InputSpeechStarted():
                self._feed(ModelSpeechStarted(at=now()))
            case InputSpeechStopped():
                self._feed(ModelSpeechEnded(at=now()))
            case InputTranscriptionCompleted():
                self._understood(event)
            case GenerationCreated(user_initiated=False):
                self._listener.model_replies(event)
            case GenerationCreated():
                return  # whoever asked for it was given it
            case RemoteItemAdded():
                return
            case SessionReconnected():
                logger.info(
                    "the realtime model's session was restored on a new connection",
                    extra={"action": "realtime_reconnected", "model": self.model.label},
                )
            case RealtimeError():
                self._failed(event)
            case _:
                assert_never(event)

    def _understood(self, event: InputTranscriptionCompleted) -> None:
        if self.transcripts == "none":
            return
        if self.transcripts == "turns":
            kind = SttFinal if event.is_final else SttInterim
            self._feed(kind(at=now(), text=event.transcript, confidence=event.confidence or 0.0))
        else:
            self._listener.transcribed(event.transcript, is_final=event.is_final)
        if event.is_final and event.transcript:
            message = ChatMessage(
                id=event.item_id,
                role="user",
                content=[event.transcript],
                transcript_confidence=event.confidence,
            )
            self._bench.log.add(message, self._agent)

    def _failed(self, event: RealtimeError) -> None:
        if event.recoverable:
            logger.warning(
                "the realtime model reports an error, and goes on",
                extra={
                    "action": "realtime_error",
                    "model": self.model.label,
                    "error": f"{type(event.error).__name__}: {event.error}",
                },
            )
        else:
            raise event.error


def _encode(picture: Picture) -> tuple[str, bytes]:
    return encode(picture, max_width=MAX_PICTURE, max_height=MAX_PICTURE)
