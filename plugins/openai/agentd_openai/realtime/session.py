"""One conversation with a realtime model: what is asked of it, and what its service tells."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec
from openai.types.realtime import (
    ConversationItem,
    ConversationItemAdded,
    ConversationItemCreatedEvent,
    ConversationItemDeletedEvent,
    RealtimeErrorEvent,
    RealtimeResponse,
    RealtimeServerEvent,
    ResponseCreatedEvent,
    SessionUpdatedEvent,
)

from agentd.aio.bell import Bell
from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.audio.frame import AudioFrame
from agentd.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ChannelClosed,
    WouldBlock,
)
from agentd.given import NOT_GIVEN, NotGiven, NotGivenOr, is_given
from agentd.ids import shortuuid
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.tools import Tool
from agentd.realtime import (
    GenerationCreated,
    RealtimeError,
    RealtimeEvent,
    RealtimeModel,
    RealtimeSession,
    RemoteItemAdded,
    SessionReconnected,
)
from agentd.resilience import APIConnectOptions

from .acks import CONFIGURED, Acks, created, deleted
from .connection import Connection
from .conversation import Change, Conversation, Create
from .greeting import greet
from .items import as_param
from .line import Line
from .listening import Listening
from .metrics import measure
from .options import RealtimeOptions, described, session_settings, wire_choice
from .outbox import Outbox
from .replies import Replies
from .response import Response
from .wire import (
    BENIGN,
    EXPIRED,
    HOPELESS,
    ClientEvent,
    as_error,
    clear,
    commit,
    create_item,
    delete_item,
    session_update,
    truncate_item,
)

logger = logging.getLogger("agentd.openai")

MAX_EVENTS = 1024
"""That wait to be read."""
ACK_WAIT = 5.0
"""Seconds that the service has to say that a change was made."""
LEAST_AUDIO = 0.1
"""Seconds that the service wants in a message."""


class Session(RealtimeSession):
    """See RealtimeSession. What is asked while there is no connection is told to the next one."""

    def __init__(
        self,
        model: RealtimeModel,
        options: RealtimeOptions,
        dial: Callable[[], Awaitable[Connection]],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(model)
        self._options = options
        self._instructions = ""
        self._tools: list[dict[str, Any]] = []
        self._events: Channel[RealtimeEvent] = Channel(MAX_EVENTS)
        self._owner = TaskOwner("realtime session")
        self._line_task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._online = False
        self._outbox = Outbox()
        self._acks = Acks()
        self._conversation = Conversation()
        self._listening = Listening(options, self._conversation, self._emit, label=model.label)
        self._hearing = self._listening.hearing
        self._replies = Replies(self, options, self._conversation, label=model.label)
        self._prepared: tuple[Any, list[dict[str, Any]]] = ({}, [])
        """Settings and conversation that the connection was told that was prepared last."""
        self._bell = Bell()
        self._line = Line(
            self,
            self._outbox,
            dial,
            conn_options=conn_options,
            renew_after=options.renew_after,
            renew_deadline=options.renew_deadline,
            label=model.label,
            circuit=model.circuit,
        )

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        if self._line_task is None and not self._events.closed:
            self._line_task = self._owner.start(self._run(), name="line")
        async for event in self._events:
            yield event
        if self._failure is not None:
            raise self._failure

    async def aclose(self) -> None:
        """See the base class."""
        self._give_up(APIConnectionError("the session was closed"), tell=False)
        await self._owner.aclose()

    async def connected(self) -> None:
        """Wait until there is a connection, which what is asked goes over at once. Without a
        deadline, and only while it is read."""
        await self._bell.until(lambda: self._online)

    # -- what it hears and sees --------------------------------------------------------------

    def push_audio(self, frame: AudioFrame) -> None:
        """See the base class."""
        chunks = self._hearing.push(frame)
        if self._online:
            for chunk in chunks:
                self._outbox.put_audio(chunk)

    def push_video(self, data: bytes, mime_type: str) -> None:
        """See the base class."""
        url = f"data:{mime_type};base64,{base64.b64encode(data).decode()}"
        self._watch(self._apply(self._conversation.show(shortuuid("item_"), url)))

    def commit_audio(self) -> None:
        """See the base class; what is too short to be a message is left to go on."""
        if self._hearing.uncommitted < LEAST_AUDIO:
            return
        chunks = self._hearing.commit()
        if self._online:
            for chunk in chunks:
                self._outbox.put_audio(chunk)
            self._outbox.put(commit())

    def clear_audio(self) -> None:
        """See the base class."""
        self._hearing.clear()
        self.send(clear())

    # -- what it says ------------------------------------------------------------------------

    async def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
    ) -> GenerationCreated:
        """See the base class. Instructions of a reply come on top of the session's."""
        params: dict[str, Any] = {}
        if is_given(instructions):
            # A response's instructions take the place of the session's, unless they are in them.
            params["instructions"] = "\n\n".join(filter(None, (self._instructions, instructions)))
        if not isinstance(tool_choice, NotGiven):
            params["tool_choice"] = wire_choice(tool_choice)
        return await self._replies.ask(params)

    def interrupt(self) -> None:
        """See the base class."""
        self._replies.interrupt()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: tuple[Literal["text", "audio"], ...],
        audio_end: float,
        transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """See the base class."""
        entry = self._conversation.get(message_id)
        if entry is None:
            return
        words = transcript if is_given(transcript) else None
        if entry.sounds and entry.audio_seconds:
            seconds = min(max(0.0, audio_end), entry.audio_seconds)
            self.send(truncate_item(message_id, seconds))
            self._conversation.heard(message_id, seconds, words)
        elif words is not None:
            self._watch(self._apply(self._conversation.cut(message_id, words)))

    # -- what it knows -----------------------------------------------------------------------

    async def update_instructions(self, instructions: str) -> None:
        """See the base class. Raises APIError where the service refuses them."""
        before, self._instructions = self._instructions, instructions
        try:
            await self._configure({"type": "realtime", "instructions": instructions})
        except APIError as error:
            if not error.retryable:  # or each connection to come would be refused
                self._instructions = before
            raise

    async def update_tools(self, tools: list[Tool]) -> None:
        """See the base class."""
        before, self._tools = self._tools, described(tools, self._options)
        try:
            await self._configure({"type": "realtime", "tools": self._tools})
        except APIError as error:
            if not error.retryable:
                self._tools = before
            raise

    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        """See the base class; returns when the service has said that it is so."""
        await self._settled(self._apply(self._conversation.follow(chat_ctx.items)))

    def update_options(
        self,
        *,
        tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN,
        **others: Any,
    ) -> None:
        """See the base class; other options by their names in RealtimeOptions."""
        changes = others | ({"tool_choice": tool_choice} if is_given(tool_choice) else {})
        before = self._options
        self._use(msgspec.structs.replace(before, **changes))
        settings = self._settings()
        # The voice is left out unless it is what changes: once it was heard it can't be told again.
        if "voice" not in changes:
            settings["audio"]["output"].pop("voice", None)
        update = session_update(settings)
        if self.send(update):
            future = self._acks.expect(CONFIGURED, update.get("event_id", ""))
            self._watch([future])
            future.add_done_callback(lambda done: self._use(before) if _is_refused(done) else None)

    def _use(self, options: RealtimeOptions) -> None:
        self._options = self._replies.options = options
        self._listening.use(options)

    # -- the service's events (Crew) ------------------------------------------------------------

    def take(self, event: RealtimeServerEvent) -> None:
        """See line.Crew."""
        if isinstance(event, ResponseCreatedEvent):
            self._listening.answered()
        if not self._replies.take(event) and not self._listening.take(event):
            self._take_other(event)
        self._bell.ring()

    def _take_other(self, event: RealtimeServerEvent) -> None:
        match event:
            case ConversationItemAdded() | ConversationItemCreatedEvent():
                self._added(event.item, event.previous_item_id)
            case ConversationItemDeletedEvent():
                self._acks.done(deleted(event.item_id))
            case SessionUpdatedEvent():
                self._acks.done(CONFIGURED)
            case RealtimeErrorEvent():
                self._fault(event)
            case _:
                return

    def _added(self, item: ConversationItem, previous_item_id: str | None) -> None:
        item_id = getattr(item, "id", None) or ""
        self._acks.done(created(item_id))
        wire = item.model_dump(exclude_none=True)
        if wire.get("type") not in ("message", "function_call", "function_call_output"):
            return
        if wire["type"] == "message":  # its words come in events of their own
            wire = {"id": item_id, "type": "message", "role": wire["role"], "content": []}
        wire.pop("object", None)
        wire.pop("status", None)
        if self._conversation.added(item_id, wire, previous_item_id):
            self._emit(RemoteItemAdded(item_id=item_id, previous_item_id=previous_item_id))

    def _fault(self, event: RealtimeErrorEvent) -> None:
        """Raises APIError for what ends the connection, or the session."""
        error = as_error(event.error, self._model.label)
        code = event.error.code or ""
        event_id = event.error.event_id or ""
        if event_id and (
            self._replies.refused(event_id, code, error) or self._acks.failed(event_id, error)
        ):
            return
        if code in BENIGN or event_id.startswith(("cancel_", "truncate_")):
            logger.debug("the service has nothing to cut", extra={"code": code})
            return
        if code == EXPIRED:
            raise APIConnectionError(str(error))
        if code in HOPELESS:
            raise error
        self._emit(RealtimeError(error=error, recoverable=True))

    # -- its responses (replies.Host) -------------------------------------------------------------

    def send(self, event: ClientEvent) -> bool:
        """See replies.Host."""
        if self._online:
            self._outbox.put(event)
        return self._online

    def begun(self, generation: GenerationCreated) -> None:
        """See replies.Host."""
        self._emit(generation)

    def finished(self, response: Response, told: RealtimeResponse) -> None:
        """See replies.Host."""
        self._hearing.settled()
        self.emit("metrics_collected", measure(self._model, response, told))

    # -- its connections (Crew) -----------------------------------------------------------------

    async def prepare(self, connection: Connection) -> None:
        """See line.Crew."""
        settings, items = self._settings(), self._conversation.restored()
        await greet(connection, settings, items, label=self._model.label)
        self._prepared = (settings, items)

    def opened(self, *, again: bool) -> None:
        """See line.Crew."""
        self._online = True
        self._hearing.offline = False
        self._catch_up()
        self._acks.all_done()
        self._hear_again()
        self._replies.restored()
        if again:
            self._emit(SessionReconnected())
        self._bell.ring()

    def lost(self, error: APIError) -> None:
        """See line.Crew."""
        self._online = False
        self._listening.lost()
        self._outbox.clear()
        self._replies.lost()
        self._emit(RealtimeError(error=error, recoverable=True))

    def renewed(self) -> None:
        """See line.Crew."""
        self._outbox.clear()
        self._replies.lost()
        self._catch_up()
        self._acks.all_done()
        self._hear_again()
        self._replies.restored()
        logger.info(
            "the realtime session goes on on a new connection",
            extra={"action": "realtime_renewed", "model": self._model.label},
        )

    async def quiet(self) -> None:
        """See line.Crew."""
        while True:
            await self._replies.idle()
            await self._bell.until(self._is_settled)
            rest = self._listening.quiet_at - now()
            if rest > 0:
                await asyncio.sleep(rest)
            elif self._replies.is_idle:
                return

    def _is_settled(self) -> bool:
        """Whether nothing waits but for responses; audio may, the new connection hears it too."""
        return self._listening.hears_nobody and not self._acks and not self._outbox.has_events

    def _catch_up(self) -> None:
        """Tell a connection what has changed since it was prepared."""
        settings, items = self._prepared
        current = self._settings()
        if settings != current:
            self.send(session_update(current))
        for change in self._conversation.since(items):
            self.send(_event_of(change))
        self._conversation.moved()

    def _hear_again(self) -> None:
        """Let a new connection hear what the last one may not have understood."""
        chunks, owed = self._listening.moved()
        for chunk in chunks:
            if chunk is None:
                self._outbox.put(commit())
            else:
                self._outbox.put_audio(chunk, limited=False)
        if owed:
            self._replies.ask_again()

    # -- inside --------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._line.run()
        except APIError as error:
            self._give_up(error, tell=True)
        except Exception as error:  # a mistake of ours: who reads hears of it, and so does the log
            self._give_up(APIError(f"the session failed: {error}", retryable=False), tell=True)
            raise

    def _give_up(self, error: APIError, *, tell: bool) -> None:
        """There is no connection any more, and will be none."""
        self._online = False
        if tell and self._failure is None:
            self._failure = error
        self._replies.given_up(error)
        self._acks.given_up(error)
        self._events.close()

    def _emit(self, event: RealtimeEvent) -> None:
        try:
            self._events.send_nowait(event)
        except ChannelClosed:
            return
        except WouldBlock:
            raise APIError("nobody reads the session's events", retryable=False) from None

    def _settings(self) -> Any:
        return session_settings(self._options, instructions=self._instructions, tools=self._tools)

    async def _configure(self, settings: Any) -> None:
        event = session_update(settings)
        if self.send(event):
            await self._settled([self._acks.expect(CONFIGURED, event.get("event_id", ""))])

    def _apply(self, changes: Sequence[Change]) -> list[asyncio.Future[None]]:
        """Tell the service of changes; what it is to acknowledge."""
        waiting = []
        for change in changes:
            event = _event_of(change)
            if not self.send(event):
                continue
            key = (
                created(change.item["id"])
                if isinstance(change, Create)
                else deleted(change.item_id)
            )
            waiting.append(self._acks.expect(key, event.get("event_id", "")))
        return waiting

    def _watch(self, waiting: Iterable[asyncio.Future[None]]) -> None:
        """Nobody waits for these; that one is refused is told as an event."""
        for future in waiting:
            future.add_done_callback(self._tell_refused)

    def _tell_refused(self, future: asyncio.Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, APIError):
            self._emit(RealtimeError(error=error, recoverable=True))

    async def _settled(self, waiting: Iterable[asyncio.Future[None]]) -> None:
        futures = list(waiting)
        if not futures:
            return
        try:
            await within(now() + ACK_WAIT, asyncio.gather(*futures))
        except TimeoutError as error:
            raise APITimeoutError(f"{self._model.label} did not confirm a change") from error


def _is_refused(future: asyncio.Future[None]) -> bool:
    error = None if future.cancelled() else future.exception()
    return isinstance(error, APIError) and not error.retryable


def _event_of(change: Change) -> ClientEvent:
    if isinstance(change, Create):
        return create_item(as_param(change.item), change.previous_item_id)
    return delete_item(change.item_id)
