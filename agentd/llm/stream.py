"""One reply of a language model: attempts, their deadlines and bounds, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from typing import Any, ClassVar, Literal, Protocol, Self

import msgspec
from msgspec import Struct

from agentd.aio.timing import now, wall_time
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ReplyTooLong,
)
from agentd.ids import shortuuid
from agentd.metrics import LLMMetrics
from agentd.resilience import Retries, circuits
from agentd.tracing import NOTHING, Span, said

from .chat import ChatContext
from .clean_text import REPLACEMENT, CleanPieces, clean
from .events import ChatChunk, ChoiceDelta, CompletionUsage, FunctionToolCall
from .request import ChatRequest
from .request_span import begin_request, end_request
from .tools import Tool

logger = logging.getLogger("agentd.llm")

CLIENT_CLOSED = 499
"""Status of a request that was given up on purpose: it ends the reply, and is no error."""

MAX_REPLY_CHARS = 100_000
"""Text and arguments of one reply; two hours of speech."""
MAX_REPLY_CHUNKS = 100_000
"""Pieces of one reply, empty ones too."""
MAX_REPLY_CALLS = 64
"""Calls of tools in one reply; more are no plan but a fault."""

CLOSE_TIMEOUT = 2.0
"""Seconds for a plugin to let go of an attempt that is over."""


class LLMError(Struct, frozen=True, kw_only=True):
    """An attempt at a reply has failed; the argument of the event `error`."""

    type: ClassVar[Literal["llm_error"]] = "llm_error"

    timestamp: float
    """Wall time."""
    label: str
    error: Exception
    recoverable: bool
    """Whether another attempt is made."""


class CollectedResponse(Struct, kw_only=True):
    """A whole reply."""

    text: str = ""
    tool_calls: list[FunctionToolCall] = []
    usage: CompletionUsage | None = None
    extra: dict[str, Any] = {}


class Generates(Protocol):
    """What a stream needs of a model; an `LLM` is one."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def circuit(self) -> str: ...

    def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]: ...

    def emit(self, event: str, *args: Any) -> None: ...


class LLMStream:
    """An async iterator of ChatChunk.

    Nothing is asked before it is read. A failed attempt is made again, under the request's
    `conn_options`, as long as nothing of it was handed out; what is raised is always an APIError.
    Close it (`async with`, or `aclose`) where it is not read to its end. One task reads and closes
    it; a read that is cancelled ends it.
    """

    def __init__(self, llm: Generates, request: ChatRequest) -> None:
        self._llm = llm
        self._request = request
        self._reply = _Reply(request_id=shortuuid("llm_"))
        self._span: Span = NOTHING
        self._chunks: AsyncGenerator[ChatChunk, None] | None = None
        self._ended = False

    @property
    def chat_ctx(self) -> ChatContext:
        """What the model is told."""
        return self._request.chat_ctx

    @property
    def tools(self) -> list[Tool]:
        """What it may use."""
        return self._request.tools

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        if self._ended:
            raise StopAsyncIteration
        if self._chunks is None:
            self._chunks = self._run()
        try:
            return await anext(self._chunks)
        except BaseException:
            self._ended = True
            raise

    async def collect(self) -> CollectedResponse:
        """Read it to the end and close it."""
        texts: list[str] = []
        calls: list[FunctionToolCall] = []
        extra: dict[str, Any] = {}
        async with self:
            async for chunk in self:
                delta = chunk.delta or ChoiceDelta()
                texts.append(delta.content or "")
                calls += delta.tool_calls
                extra |= delta.extra
        return CollectedResponse(
            text="".join(texts).strip(), tool_calls=calls, usage=self._reply.usage, extra=extra
        )

    async def to_str_iterable(self) -> AsyncGenerator[str, None]:
        """The pieces of text only; closes it at the end."""
        async with self:
            async for chunk in self:
                if chunk.delta is not None and chunk.delta.content:
                    yield chunk.delta.content

    async def aclose(self) -> None:
        """End it at once. May be repeated, and before it was read."""
        self._ended = True
        if self._chunks is not None:
            await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._ended and self._chunks is not None:
            warnings.warn(f"{self!r} was neither read to its end nor closed", ResourceWarning, 2)

    def __repr__(self) -> str:
        return f"LLMStream({self._llm.label}, {self._reply.request_id})"

    async def _run(self) -> AsyncGenerator[ChatChunk, None]:
        """All attempts, one after the other."""
        reply = self._reply
        reply.started_at = now()
        retries = Retries(self._request.conn_options, self._llm.circuit)
        self._span = begin_request(self._llm, self._request)
        try:
            while True:
                try:
                    async with contextlib.aclosing(self._attempt(retries.time)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    reply.ended = True
                    return
                except APIError as error:
                    if isinstance(error, APIStatusError) and error.status_code == CLIENT_CLOSED:
                        return
                    # What was handed out may have been spoken already: it can't be taken back.
                    pause = None if reply.was_handed_out else retries.after(error)
                    self._tell(error, recoverable=pause is not None)
                    if pause is None:
                        self._span.fail(error)
                        raise
                await asyncio.sleep(pause)
        finally:
            metrics = self._metrics()
            end_request(self._span, metrics, reply.said)
            self._llm.emit("metrics_collected", metrics)

    async def _attempt(self, first_time: float) -> AsyncGenerator[ChatChunk, None]:
        """One attempt, every fault of which is an APIError; so many seconds for its first piece."""
        with circuits().of(self._llm.circuit).attempt() as attempt:
            async with contextlib.aclosing(self._generate(first_time)) as chunks:
                async for chunk in chunks:
                    attempt.answered()
                    yield chunk

    async def _generate(self, first_time: float) -> AsyncGenerator[ChatChunk, None]:
        chunks: AsyncIterator[ChatChunk] | None = None
        self._reply.begin()
        seconds, empty = first_time, True
        try:
            with self._faults(seconds):
                chunks = _as_iterator(self._llm.generate(self._request))
            while (chunk := await self._next(chunks, seconds)) is not None:
                seconds, empty = self._request.conn_options.timeout, False
                yield self._reply.taken(chunk)
            if (rest := self._reply.rest()) is not None:
                yield rest
        finally:
            await _close(chunks)
        if empty:
            raise APIConnectionError(f"{self._llm.label} ended the reply before it began")

    async def _next(self, chunks: AsyncIterator[ChatChunk], seconds: float) -> ChatChunk | None:
        # Not around the whole of a try: what is current in a generator is so for its reader too.
        with self._span.current(), self._faults(seconds):
            async with asyncio.timeout(seconds):
                return await anext(chunks, None)

    @contextlib.contextmanager
    def _faults(self, seconds: float) -> Iterator[None]:
        """Turn what a plugin raises into an APIError."""
        label = self._llm.label
        try:
            yield
        except APIError:
            raise
        except TimeoutError as error:
            raise APITimeoutError(f"{label} gave nothing for {round(seconds, 3)} s") from error
        except OSError as error:
            raise APIConnectionError(f"{label} is out of reach: {error}") from error
        except UnicodeError as error:
            raise APIError(f"{label} sent what is not UTF-8: {error}") from error
        # A plugin is foreign code; its users handle APIError, so whatever it raises becomes one.
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise APIError(f"{label} failed: {what}", retryable=False) from error

    def _tell(self, error: APIError, *, recoverable: bool) -> None:
        if recoverable:
            self._span.note("attempt_failed", {"error.type": type(error).__name__})
        self._llm.emit(
            "error",
            LLMError(
                timestamp=wall_time(), label=self._llm.label, error=error, recoverable=recoverable
            ),
        )

    def _metrics(self) -> LLMMetrics:
        reply = self._reply
        usage = reply.usage or CompletionUsage()
        duration = now() - reply.started_at
        return LLMMetrics(
            label=self._llm.label,
            model=self._llm.model,
            provider=self._llm.provider,
            timestamp=wall_time(),
            request_id=reply.request_id,
            duration=duration,
            ttft=reply.ttft,
            cancelled=not reply.ended,
            completion_tokens=usage.completion_tokens,
            prompt_tokens=usage.prompt_tokens,
            prompt_cached_tokens=usage.prompt_cached_tokens,
            total_tokens=usage.total_tokens,
            tokens_per_second=usage.completion_tokens / duration if duration > 0 else 0.0,
        )


class _Reply:
    """What is known of a reply so far, and its bounds."""

    def __init__(self, *, request_id: str) -> None:
        self.request_id = request_id
        self.started_at = 0.0
        self.ttft = -1.0
        self.usage: CompletionUsage | None = None
        self.was_handed_out = False
        self.said: list[ChoiceDelta] = []
        """What was handed out, where somebody records that."""
        self.ended = False
        self._chars = 0
        self._chunks = 0
        self._calls = 0
        self._clean = CleanPieces()
        self._mended = False

    def begin(self) -> None:
        """An attempt begins: half a character of the one before has no other half."""
        self._clean = CleanPieces()

    def taken(self, chunk: ChatChunk) -> ChatChunk:
        """The chunk as it is handed out; raises APIError for what can't be."""
        _check(chunk)
        if self._chunks == 0 and chunk.id:
            self.request_id = chunk.id
        self._count(chunk)
        chunk = self._cleaned(chunk)
        self.usage = chunk.usage or self.usage
        if chunk.delta is not None and (chunk.delta.content or chunk.delta.tool_calls):
            self.was_handed_out = True
            if said("") is not None:
                self.said.append(chunk.delta)
            if self.ttft < 0:
                self.ttft = now() - self.started_at
        if chunk.id == self.request_id:
            return chunk
        return msgspec.structs.replace(chunk, id=self.request_id)

    def rest(self) -> ChatChunk | None:
        """The attempt has ended: what was held back of its text."""
        text = self._clean.finish()
        if not text:
            return None
        self._tell_mended()
        return ChatChunk(id=self.request_id, delta=ChoiceDelta(content=text))

    def _cleaned(self, chunk: ChatChunk) -> ChatChunk:
        """With text that can be sent on: no half characters in it."""
        if chunk.delta is None:
            return chunk
        given = chunk.delta
        calls = [_clean_call(call) for call in given.tool_calls]
        content = self._clean.push(given.content) if given.content else given.content
        if content == given.content and calls == given.tool_calls:
            return chunk
        if calls != given.tool_calls or REPLACEMENT in (content or ""):
            self._tell_mended()
        delta = msgspec.structs.replace(given, content=content, tool_calls=calls)
        return msgspec.structs.replace(chunk, delta=delta)

    def _tell_mended(self) -> None:
        if not self._mended:
            self._mended = True
            logger.warning(
                "a model's reply has halves of characters in it: they are replaced",
                extra={"action": "text_mended", "request_id": self.request_id},
            )

    def _count(self, chunk: ChatChunk) -> None:
        self._chunks += 1
        if chunk.delta is not None:
            self._chars += len(chunk.delta.content or "")
            self._chars += sum(len(call.arguments) for call in chunk.delta.tool_calls)
            self._calls += len(chunk.delta.tool_calls)
        if self._calls > MAX_REPLY_CALLS:
            raise ReplyTooLong(f"the reply calls more than {MAX_REPLY_CALLS} tools: it is given up")
        if self._chars > MAX_REPLY_CHARS or self._chunks > MAX_REPLY_CHUNKS:
            raise ReplyTooLong(
                f"the reply is longer than {MAX_REPLY_CHARS} characters "
                f"or {MAX_REPLY_CHUNKS} pieces: it is given up"
            )


def _check(chunk: object) -> None:
    """Raise APIError for what a plugin's types promise not to be."""
    if not isinstance(chunk, ChatChunk):
        raise APIError(f"the model gave {type(chunk).__name__}, not a ChatChunk", retryable=False)
    delta: object = chunk.delta
    if delta is None:
        return
    if not isinstance(delta, ChoiceDelta):
        raise APIError(f"the model gave {type(delta).__name__}, not a ChoiceDelta", retryable=False)
    content: object = delta.content
    if content is not None and not isinstance(content, str):
        raise APIError(f"the model gave {type(content).__name__} for text", retryable=False)
    calls: object = delta.tool_calls
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise APIError("the model gave a call of other things than texts", retryable=False)


def _is_call(call: object) -> bool:
    if not isinstance(call, FunctionToolCall):
        return False
    texts: list[object] = [call.name, call.arguments, call.call_id]
    return all(isinstance(text, str) for text in texts)


def _clean_call(call: FunctionToolCall) -> FunctionToolCall:
    return msgspec.structs.replace(
        call, name=clean(call.name), arguments=clean(call.arguments), call_id=clean(call.call_id)
    )


def _as_iterator(made: object) -> AsyncIterator[ChatChunk]:
    if isinstance(made, Coroutine):
        made.close()
    if not isinstance(made, AsyncIterator):
        raise TypeError(f"generate() made {type(made).__name__}: it must be an async generator")
    return made


async def _close(chunks: AsyncIterator[ChatChunk] | None) -> None:
    """Close a plugin's generator; one that does not let go is left to the garbage collector."""
    if isinstance(chunks, AsyncGenerator):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await chunks.aclose()
