"""The life of a session: started, remembered meanwhile, and closed once."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import SessionError, StateError
from agentd.given import NotGivenOr
from agentd.io.session_side import SessionSide
from agentd.llm.chat import ChatContext
from agentd.recording.options import Record, recording_path
from agentd.recording.recorder import RecorderIO
from agentd.tracing import Attributes, span
from agentd.voice.agent import Agent
from agentd.voice.events import CloseEvent, CloseReason, RecordingFailedEvent
from agentd.voice.host import SessionHost, current_host
from agentd.voice.restoring import restore
from agentd.voice.room_link import RoomLink, RoomWishes, make_room_link
from agentd.voice.run_result import Run
from agentd.voice.snapshot import decode
from agentd.voice.turns.inputs import ParticipantPresent

from .closing import close, step
from .engine import Engine
from .remembering import Remembering
from .settling import settle

logger = logging.getLogger("agentd.voice")


class Kept(Protocol):
    """What outlives a start and a close: the session's, seen from here."""

    userdata: NotGivenOr[Any]
    history: ChatContext

    def make_engine(self) -> Engine: ...

    def emit(self, event: CloseEvent | RecordingFailedEvent) -> None: ...


class Lifetime:
    """One session's, which may be started again after its close."""

    def __init__(self, kept: Kept, session: SessionSide) -> None:
        self._kept = kept
        self._session = session
        self.engine: Engine | None = None
        self.room_link: RoomLink | None = None
        self.recorder: RecorderIO | None = None
        """Also after the close; the last one's, if it was recorded."""
        self.deletes_room = False
        """Whether the room goes with the session."""
        self._host: SessionHost | None = None
        self._primary = False
        """Whether this session is the one that its job remembers."""
        self._remembering = Remembering()
        self._closing: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._tasks = TaskOwner("session close")

    @property
    def closing(self) -> asyncio.Task[None] | None:
        """The work on its close, once that has begun."""
        return self._closing

    async def start(
        self, agent: Agent, wishes: RoomWishes, run: Run | None, record: Record = None
    ) -> None:
        """Begin with an agent, or where an earlier process of the job was.

        Raises what that raises; then it is closed again.
        """
        self._closing = None
        self._begun.clear()
        engine = self.engine = self._kept.make_engine()
        engine.log.run = run
        engine.trace.begin({"lk.agent_label": agent.label})
        try:
            with engine.trace.session.current(), span("session_start").apart():
                await self._begin(engine, agent, wishes, record)
        except BaseException as error:
            await self._close_now(CloseReason.ERROR, error, drain=False)
            raise
        self._begun.set()
        self._tasks.start(self._watch_tree(engine), name="tree")
        if self._host is not None and self._primary:
            self._host.at_work(self._settle)

    async def _begin(
        self, engine: Engine, agent: Agent, wishes: RoomWishes, record: Record
    ) -> None:
        await self._join(wishes)
        await self._record(record)
        await engine.tree.start()
        await engine.toolsets.follow(engine.config.tools)
        engine.states.set_agent("listening")
        if self.room_link is None:
            engine.feed(ParticipantPresent(at=now(), present=True))
        await self._enter(engine, agent)
        await asyncio.sleep(0)  # what `on_enter` asks for at once comes before all else

    async def wait_until_begun(self) -> None:
        """Wait until the first agent has the word."""
        await self._begun.wait()

    def changed(self) -> None:
        """The conversation is to be remembered anew."""
        if self._primary and self._host is not None and self._closing is None:
            self._host.remember(self._take_snapshot)

    def give_up(self, error: Any) -> None:
        """It can't go on."""
        self.begin_close(CloseReason.ERROR, error, drain=False)

    def room_lost(self) -> None:
        """Nobody is there any more, and nobody can come."""
        # A job ends with its room, by itself; it may go on in another process that has taken its
        # place in the room, so what it remembers stays.
        in_job = self._host is not None
        reason = CloseReason.JOB_SHUTDOWN if in_job else CloseReason.PARTICIPANT_DISCONNECTED
        self.begin_close(reason, drain=False)

    def begin_close(
        self, reason: CloseReason, error: Any = None, *, drain: bool
    ) -> asyncio.Task[None] | None:
        """Close it, in the background; the first reason stays. None where it does not run."""
        if self.engine is not None and self._closing is None:
            work = self._close_now(reason, error, drain=drain)
            self._closing = self._tasks.start(work, name="close")
            self.engine.floor.bell.ring()
        return self._closing

    async def close(self, reason: CloseReason, *, drain: bool) -> None:
        """Close it, and wait. Cancelling who waits does not stop the closing."""
        closing = self.begin_close(reason, drain=drain)
        if closing is not None:
            await asyncio.wait({closing})

    # -- inside ------------------------------------------------------------------------------

    async def _join(self, wishes: RoomWishes) -> None:
        self._host = current_host.get()
        if self._host is not None:
            self._primary = self._host.claim(self._session)
            self._host.attach_closer(self._close_for_job)
        if wishes.room is None:
            return
        if self._host is not None:
            await self._host.connect()
        self.room_link = make_room_link(self._session, wishes)
        self.deletes_room = self.room_link.deletes_room
        await self.room_link.start()

    async def _record(self, record: Record) -> None:
        path = recording_path(record, self._directory)
        self.recorder = None if path is None else RecorderIO(path, lost=self._recording_lost)
        if self.recorder is not None:
            await self.recorder.start(self._session.input, self._session.output)

    def _directory(self) -> Path:
        if self._host is None:
            raise SessionError("outside of a job a recording needs a name: record='call.wav'")
        return self._host.directory

    def _recording_lost(self, reason: str) -> None:
        if self.recorder is not None:
            path = str(self.recorder.path)
            self._kept.emit(RecordingFailedEvent(path=path, reason=reason))

    async def _enter(self, engine: Engine, agent: Agent) -> None:
        data = self._host.take_remembered() if self._host is not None and self._primary else b""
        if not data:
            await engine.switchboard.start(agent)
            return
        try:
            snapshot = decode(data)
        except StateError as error:
            logger.error(
                "the conversation's snapshot can't be used: it begins anew",
                extra={"action": "conversation_lost", "reason": str(error)},
            )
            await engine.switchboard.start(agent)
            return
        kept = self._kept
        assert self._host is not None
        reason = self._host.why_resumed()
        restored, kept.userdata = restore(
            snapshot, agent, kept.history, kept.userdata, reason=reason
        )
        logger.info(
            "the conversation goes on",
            extra={
                "action": "conversation_resumed",
                "agent": restored.agent.id,
                "reason": reason,
                "items": len(kept.history.items),
                "away_for": round(restored.context.away_for, 3),
                "unfinished_calls": [call.name for call in restored.context.unfinished_calls],
            },
        )
        await engine.switchboard.start(restored.agent, resume=restored)

    async def _settle(self) -> str:
        if self.engine is None or self._closing is not None:
            return "its session is closed"
        return await settle(self.engine)

    def _take_snapshot(self) -> bytes:
        if self.engine is None:
            return b""
        return self._remembering.take(self.engine, self._kept.userdata)

    async def _watch_tree(self, engine: Engine) -> None:
        exit = await engine.tree.wait()
        if self._closing is None:
            self.give_up(exit.error)

    async def _close_for_job(self) -> None:
        await self.close(CloseReason.JOB_SHUTDOWN, drain=False)

    async def _close_now(self, reason: CloseReason, error: Any, *, drain: bool) -> None:
        engine = self.engine
        if engine is None:
            return
        about: Attributes = {"lk.close_reason": reason.value, "lk.close.drain": drain}
        with span("session_close", about, parent=engine.trace.session):
            await self._close_parts(engine, reason, error, drain=drain)
        engine.trace.end(reason.value, engine.metering.usage, error)

    async def _close_parts(
        self, engine: Engine, reason: CloseReason, error: Any, *, drain: bool
    ) -> None:
        await close(engine, drain=drain)
        if self.recorder is not None:
            await self.recorder.aclose()
        if self._host is not None and self._primary and reason is not CloseReason.JOB_SHUTDOWN:
            self._host.remember(bytes)  # what is over is not gone on with
        self._kept.emit(CloseEvent(reason=reason, error=error))
        if self.room_link is not None:
            await step("room", self.room_link.aclose())
        if self.deletes_room and self._host is not None:
            await step("delete room", self._host.delete_room())
        self.engine = self.room_link = None
