"""One pass of the language model: its words and its calls as they come."""

from __future__ import annotations

import json
from typing import Any

from agentd.aio.channel import Channel
from agentd.aio.timing import now
from agentd.errors import ReplyTooLong, SessionError
from agentd.ids import shortuuid
from agentd.llm.chat import ChatContext
from agentd.llm.clean_text import CleanPieces, clean
from agentd.llm.events import ChatChunk, ChoiceDelta, CompletionUsage, FunctionToolCall
from agentd.llm.items import FunctionCall
from agentd.llm.stream import MAX_REPLY_CALLS, MAX_REPLY_CHARS
from agentd.llm.tools import Tool
from agentd.tracing import Attributes, said, span
from agentd.voice.agent import Agent
from agentd.voice.default_nodes import FlushSentinel, ModelSettings
from agentd.voice.node_stream import stream_of
from agentd.voice.speaking.spoken_text import ends_sentence

MAX_PIECES = 4096
"""Pieces of text that wait to be spoken; a model that is further ahead is made to wait."""


class Thought:
    """What the model gives in one pass. Read `pieces` and `calls`, both end with the pass."""

    def __init__(self) -> None:
        self.pieces: Channel[str | FlushSentinel] = Channel(MAX_PIECES)
        self.calls: Channel[FunctionCall] = Channel(MAX_REPLY_CALLS)
        self.text = ""
        self.error: BaseException | None = None
        """What it failed of, once it has ended."""
        self.began_at = now()
        self.first_at: float | None = None
        """When its first piece or call came."""
        self.first_sentence_at: float | None = None
        """When its first sentence was whole."""
        self.ended_at: float | None = None
        self.usage: CompletionUsage | None = None
        self.request_ids: list[str] = []
        self.extra: dict[str, Any] = {}
        self._made_calls = 0
        self._group = shortuuid("group_")
        self._clean = CleanPieces()

    @property
    def ttft(self) -> float | None:
        """Seconds until its first piece or call."""
        return None if self.first_at is None else self.first_at - self.began_at

    async def run(
        self, agent: Agent, chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings
    ) -> None:
        """Ask the agent's node. Never raises: what goes wrong is `error`."""
        with span("llm_node") as asked:
            if asked.is_recorded:
                asked.set(_asked(chat_ctx, tools))
            try:
                async for piece in stream_of(agent.llm_node(chat_ctx, tools, settings), "llm_node"):
                    await self._take(piece)
                await self._add(self._clean.finish())
            except Exception as error:  # noqa: BLE001 - the user's node, or a model: told by the reply
                self.error = error
                asked.fail(error)
            finally:
                self.ended_at = now()
                self.pieces.close()
                self.calls.close()
                asked.set({"lk.response.ttft": self.ttft, "lk.pii.response.text": said(self.text)})

    async def _take(self, piece: Any) -> None:
        match piece:
            case str():
                await self._say(piece)
            case FlushSentinel():
                await self.pieces.send(piece)
            case ChatChunk():
                await self._take_chunk(piece)
            case _:
                raise SessionError(
                    f"llm_node gave a {type(piece).__name__}: it may give str, ChatChunk and "
                    "FlushSentinel"
                )

    async def _take_chunk(self, chunk: ChatChunk) -> None:
        if chunk.id and chunk.id not in self.request_ids:
            self.request_ids.append(chunk.id)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.delta is not None:
            await self._take_delta(chunk.delta)

    async def _take_delta(self, delta: ChoiceDelta) -> None:
        self.extra |= delta.extra
        if delta.content:
            await self._say(delta.content)
        for call in delta.tool_calls:
            self._note_first()
            self._count_call()
            await self.calls.send(self._call(call))

    async def _say(self, text: str) -> None:
        await self._add(self._clean.push(text))

    async def _add(self, text: str) -> None:
        if text:
            self._note_first()
            self._count_text(text)
            self.text += text
            if self.first_sentence_at is None and ends_sentence(text):
                self.first_sentence_at = now()
            await self.pieces.send(text)

    # A model is held to these by its stream; a node of the user's is held to them here.

    def _count_text(self, text: str) -> None:
        if len(self.text) + len(text) > MAX_REPLY_CHARS:
            raise ReplyTooLong(
                f"llm_node gave more than {MAX_REPLY_CHARS} characters: the reply is given up"
            )

    def _count_call(self) -> None:
        self._made_calls += 1
        if self._made_calls > MAX_REPLY_CALLS:
            raise ReplyTooLong(
                f"llm_node called more than {MAX_REPLY_CALLS} tools: the reply is given up"
            )

    def _call(self, call: FunctionToolCall) -> FunctionCall:
        return FunctionCall(
            call_id=clean(call.call_id),
            name=clean(call.name),
            arguments=clean(call.arguments),
            extra=call.extra,
            group_id=self._group,
        )

    def _note_first(self) -> None:
        if self.first_at is None:
            self.first_at = now()


def _asked(chat_ctx: ChatContext, tools: list[Tool]) -> Attributes:
    return {
        "lk.function_tools": [getattr(tool, "id", "") for tool in tools],
        "lk.pii.chat_ctx": said(lambda: json.dumps(chat_ctx.to_dict(), ensure_ascii=False)),
    }
