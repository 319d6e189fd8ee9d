"""One reply: attempts, deadlines, bounds, and what is measured."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ReplyTooLong,
)
from agentd.llm import (
    LLM,
    ChatChunk,
    ChatContext,
    ChatRequest,
    ChoiceDelta,
    CollectedResponse,
    CompletionUsage,
    FunctionToolCall,
    LLMError,
    LLMStream,
)
from agentd.llm.stream import MAX_REPLY_CALLS, MAX_REPLY_CHARS, MAX_REPLY_CHUNKS
from agentd.metrics import LLMMetrics
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeCall, FakeLLM, FakeReply, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual

ONCE = APIConnectOptions(max_retry=0)
Generate = Callable[[ChatRequest], Any]


class Plugin(LLM):
    """A plugin that is one function."""

    def __init__(self, generate: Generate) -> None:
        super().__init__()
        self._generate = generate

    def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """See the base class."""
        made: AsyncIterator[ChatChunk] = self._generate(request)
        return made


def word(text: str, id: str = "") -> ChatChunk:
    """A piece of text."""
    return ChatChunk(id=id, delta=ChoiceDelta(content=text))


def ask(llm: LLM, options: APIConnectOptions | None = None) -> LLMStream:
    """The stream of a reply."""
    return llm.chat(chat_ctx=ChatContext.empty(), conn_options=options or APIConnectOptions())


def heard(llm: LLM, event: str) -> list[Any]:
    """What the model emits."""
    made: list[Any] = []
    llm.on(event, made.append)
    return made


async def timed(what: Coroutine[Any, Any, object]) -> tuple[float, object]:
    """How long something takes, and what it gives or raises."""
    began = now()
    try:
        return 0.0, await what
    except APIError as error:
        return now() - began, error


def test_a_failed_attempt_is_made_again_under_the_options() -> None:
    """After 0.1 s, then at the interval; each is told as an event."""
    llm = FakeLLM(["hello"], faults=[Misbehaviour.RAISE] * 3)
    errors = heard(llm, "error")

    async def act() -> tuple[str, float]:
        return (await ask(llm).collect()).text, now()

    assert run_virtual(act()) == ("hello", 0.1 + 2.0 + 2.0)
    assert [error.recoverable for error in errors] == [True, True, True]
    assert isinstance(errors[0], LLMError)
    assert errors[0].label == "agentd.testing.fake_llm.FakeLLM"


def test_when_the_attempts_are_used_up_the_last_error_is_raised() -> None:
    """And told as not recoverable."""
    last = APIConnectionError("the last")
    llm = FakeLLM(faults=[Misbehaviour.RAISE, Fault(kind=Misbehaviour.RAISE, error=last)])
    errors = heard(llm, "error")

    with pytest.raises(APIConnectionError, match="the last"):
        run_virtual(ask(llm, APIConnectOptions(max_retry=1)).collect())

    assert [error.recoverable for error in errors] == [True, False]
    assert errors[1].error is last


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (APIStatusError("bad", status_code=400), 1),
        (APIStatusError("busy", status_code=429), 2),
        (APIStatusError("broken", status_code=503), 2),
        (APIError("no", retryable=False), 1),
        (ConnectionResetError("gone"), 2),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2),
        (TimeoutError(), 2),
        (ZeroDivisionError("a mistake in the plugin"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_worth_another_attempt_gets_one(error: Exception, attempts: int) -> None:
    """The rest is raised at once, as an APIError, whatever the plugin raised."""
    llm = FakeLLM(faults=[Fault(kind=Misbehaviour.RAISE, error=error)] * 2)

    with pytest.raises(APIError):
        run_virtual(ask(llm, APIConnectOptions(max_retry=1)).collect())

    assert len(llm.requests) == attempts


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ConnectionResetError("gone"), APIConnectionError, "is out of reach: gone"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), APIError, "sent what is not UTF-8: "),
        (ZeroDivisionError("oops"), APIError, "failed: ZeroDivisionError: oops"),
    ],
)
def test_foreign_errors_become_ours_with_their_cause(
    error: Exception, kind: type[APIError], text: str
) -> None:
    """And the label of the model."""
    llm = FakeLLM(faults=[Fault(kind=Misbehaviour.RAISE, error=error)])

    with pytest.raises(kind, match=text) as caught:
        run_virtual(ask(llm, ONCE).collect())

    assert caught.value.__cause__ is error
    assert "FakeLLM" in str(caught.value)


def test_nothing_is_retried_once_a_piece_was_handed_out() -> None:
    """It may have been spoken."""
    llm = FakeLLM(["one two three", "again"], faults=[Fault(kind=Misbehaviour.RAISE, after=1)])
    pieces: list[str] = []

    async def act() -> None:
        async for piece in ask(llm).to_str_iterable():
            pieces.append(piece)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(APIConnectionError):
        run_virtual(act())

    assert pieces == ["one "]
    assert len(llm.requests) == 1


def test_an_empty_piece_is_no_reason_against_another_attempt() -> None:
    """Nothing was said; the chunks of both attempts have one id."""
    attempts: list[int] = []

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        attempts.append(1)
        yield word("", id=f"attempt{len(attempts)}")
        if len(attempts) == 1:
            raise APIConnectionError
        yield word("hello", id=f"attempt{len(attempts)}")

    async def act() -> list[ChatChunk]:
        async with ask(Plugin(generate)) as stream:
            return [chunk async for chunk in stream]

    chunks = run_virtual(act())

    assert [chunk.id for chunk in chunks] == ["attempt1"] * 3
    assert len(attempts) == 2


def test_a_model_that_gives_nothing_in_time_has_failed() -> None:
    """Each attempt has its own time."""
    llm = FakeLLM(faults=[Misbehaviour.HANG, Misbehaviour.HANG])
    options = APIConnectOptions(max_retry=1, timeout=3.0)

    seconds, error = run_virtual(timed(ask(llm, options).collect()))

    assert seconds == 3.0 + 0.1 + 3.0
    assert isinstance(error, APITimeoutError)
    assert "gave nothing for 3.0 s" in str(error)


def test_the_time_counts_between_pieces_too() -> None:
    """A reply that stops in the middle is not waited for."""
    llm = FakeLLM(["one two"], faults=[Fault(kind=Misbehaviour.HANG, after=1)])

    seconds, error = run_virtual(timed(ask(llm, APIConnectOptions(timeout=3.0)).collect()))

    assert seconds == 3.0
    assert isinstance(error, APITimeoutError)


def test_a_slow_reader_costs_the_model_nothing() -> None:
    """Its time runs only while it is waited for."""
    llm = FakeLLM(["one two three"], word_delay=1.0)

    async def act() -> list[str]:
        pieces = []
        async for piece in ask(llm, APIConnectOptions(timeout=2.0)).to_str_iterable():
            await asyncio.sleep(60.0)
            pieces.append(piece)
        return pieces

    assert run_virtual(act()) == ["one ", "two ", "three"]


def test_a_reply_that_ends_before_it_began_is_asked_for_again() -> None:
    """A stream without a single chunk is a broken one."""
    llm = FakeLLM(["hello"], faults=[Misbehaviour.END_EARLY])

    assert run_virtual(ask(llm).collect()).text == "hello"
    assert len(llm.requests) == 2


def test_a_reply_that_says_nothing_is_a_reply() -> None:
    """Its usage shows that the model has worked; what to do about it is the session's business."""
    reply = run_virtual(ask(FakeLLM([""])).collect())

    assert reply == CollectedResponse(usage=CompletionUsage())


def test_a_request_that_was_given_up_on_purpose_ends_quietly() -> None:
    """Status 499 is no error."""
    gone = APIStatusError("closed", status_code=499)
    llm = FakeLLM(["one two"], faults=[Fault(kind=Misbehaviour.RAISE, after=1, error=gone)])
    errors = heard(llm, "error")

    assert run_virtual(ask(llm).collect()).text == "one"
    assert errors == []


def test_an_endless_reply_is_given_up() -> None:
    """At a length that no reply has; it is an event, and not tried again."""
    llm = FakeLLM(faults=[Misbehaviour.NEVER_FINISH])
    errors = heard(llm, "error")
    said = 0

    async def act() -> None:
        nonlocal said
        async for piece in ask(llm).to_str_iterable():
            said += len(piece)

    with pytest.raises(ReplyTooLong, match="longer than 100000 characters"):
        run_virtual(act())

    assert MAX_REPLY_CHARS - 20 < said <= MAX_REPLY_CHARS
    assert [type(error.error) for error in errors] == [ReplyTooLong]


def test_an_endless_reply_of_empty_pieces_is_given_up_too() -> None:
    """They cost time as well."""

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        while True:
            yield word("")

    async def count() -> int:
        number = 0
        try:
            async for _ in ask(Plugin(generate), ONCE):
                number += 1
        except ReplyTooLong:
            return number
        return -1

    assert run_virtual(count()) == MAX_REPLY_CHUNKS


def test_endless_arguments_count_as_well() -> None:
    """They are no shorter for being no speech."""
    llm = FakeLLM([FakeCall("f", "x" * (MAX_REPLY_CHARS + 1))], obedient=False)

    with pytest.raises(ReplyTooLong):
        run_virtual(ask(llm, ONCE).collect())


async def coroutine(request: ChatRequest) -> object:
    """No generator."""
    return None


def of_one(chunk: object) -> Generate:
    """A generator of a single thing."""

    async def generate(request: ChatRequest) -> AsyncGenerator[object, None]:
        yield chunk

    return generate


def call(**odd: Any) -> ChatChunk:
    """A call of a tool, with something odd in it."""
    given = {"name": "f", "arguments": "{}", "call_id": "1", **odd}
    return ChatChunk(delta=ChoiceDelta(tool_calls=[FunctionToolCall(**given)]))


NO_CALLS = ChoiceDelta(tool_calls=None)  # type: ignore[arg-type]  # as a plugin may


def raising(request: ChatRequest) -> object:
    """Fails before there is a generator."""
    raise ZeroDivisionError("at once")


@pytest.mark.parametrize(
    ("generate", "text"),
    [
        (coroutine, "generate.. made coroutine: it must be an async generator"),
        (lambda request: [word("a")], "generate.. made list"),
        (raising, "failed: ZeroDivisionError: at once"),
        (of_one(None), "gave nothing|gave NoneType|before it began"),
        (of_one("text"), "the model gave str, not a ChatChunk"),
        (of_one(ChatChunk(delta=ChoiceDelta(content=b"a"))), "the model gave bytes for text"),  # type: ignore[arg-type]
        (of_one(ChatChunk(delta="text")), "the model gave str, not a ChoiceDelta"),  # type: ignore[arg-type]
        (of_one(ChatChunk(delta=NO_CALLS)), "a call of other things than texts"),
        (of_one(call(name=None)), "a call of other things than texts"),
        (of_one(call(arguments={"a": 1})), "a call of other things than texts"),
        (of_one(call(call_id=7)), "a call of other things than texts"),
    ],
)
def test_odd_things_from_a_plugin_are_errors_not_crashes(generate: Generate, text: str) -> None:
    """Each says what was wrong."""
    with pytest.raises(APIError, match=text):
        run_virtual(ask(Plugin(generate), ONCE).collect())


def in_pieces(*pieces: str) -> Generate:
    """A generator of texts, the last one as the arguments of a call."""

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        for piece in pieces[:-1]:
            yield word(piece)
        yield call(arguments=pieces[-1])

    return generate


def test_halves_of_characters_are_joined_or_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """In text that is cut anywhere, and in calls; the log says so, once."""
    llm = Plugin(in_pieces("a\ud83d", "\ude00b\ud83d", "c", "\ud83d", "\ud83d{}"))

    collected = run_virtual(ask(llm, ONCE).collect())

    assert collected.text == "a\U0001f600b\ufffdc\ufffd"
    assert collected.tool_calls[0].arguments == "\ufffd{}"
    assert [vars(record).get("action") for record in caplog.records] == ["text_mended"]


def test_a_joined_character_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it was lost."""
    llm = Plugin(in_pieces("a\ud83d", "\ude00b", "{}"))

    assert run_virtual(ask(llm, ONCE).collect()).text == "a\U0001f600b"
    assert caplog.records == []


def test_half_a_character_of_a_failed_attempt_is_not_in_the_next() -> None:
    """It is another text."""
    attempts = []

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        attempts.append(request)
        if len(attempts) == 1:
            yield word("\ud83d")
            raise APIError("gone")
        yield word("\ude00b")

    assert run_virtual(ask(Plugin(generate)).collect()).text == "\ufffdb"


def test_endless_calls_are_given_up() -> None:
    """At a number that no plan has."""

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        while True:
            yield call()

    async def count() -> int:
        number = 0
        try:
            async for _ in ask(Plugin(generate), ONCE):
                number += 1
        except ReplyTooLong:
            return number
        return -1

    assert run_virtual(count()) == MAX_REPLY_CALLS


def test_a_reply_is_collected_with_all_its_parts() -> None:
    """Text without the space around it, calls, usage, and what the provider added."""

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        yield word(" one ")
        yield ChatChunk(delta=ChoiceDelta(content="two ", extra={"thought": "x"}))
        yield ChatChunk(usage=CompletionUsage(total_tokens=3))

    reply = run_virtual(ask(Plugin(generate)).collect())

    assert reply.text == "one two"
    assert reply.extra == {"thought": "x"}
    assert reply.usage == CompletionUsage(total_tokens=3)


def test_a_reply_is_measured() -> None:
    """From the first read: until its first piece, until its end, and its tokens."""
    llm = FakeLLM(["one two three"], ttft=0.5, word_delay=0.25)
    measured = heard(llm, "metrics_collected")

    run_virtual(ask(llm).collect())

    [metrics] = measured
    assert isinstance(metrics, LLMMetrics)
    assert (metrics.ttft, metrics.duration) == (0.5, 1.0)
    assert (metrics.completion_tokens, metrics.tokens_per_second) == (3, 3.0)
    assert (metrics.model, metrics.provider) == ("fake", "agentd.testing")
    assert not metrics.cancelled


def test_a_reply_that_failed_is_measured_as_cancelled() -> None:
    """Once, whatever the number of attempts; without a first piece its time is -1."""
    llm = FakeLLM(faults=[Misbehaviour.RAISE] * 2)
    measured = heard(llm, "metrics_collected")

    with pytest.raises(APIError):
        run_virtual(ask(llm, APIConnectOptions(max_retry=1)).collect())

    assert [(metrics.cancelled, metrics.ttft) for metrics in measured] == [(True, -1.0)]


def test_closing_ends_the_plugins_attempt_at_once() -> None:
    """It can let go of its connection."""
    llm = FakeLLM(["one two three"], word_delay=1.0)

    async def act() -> tuple[float, int]:
        stream = ask(llm)
        await anext(stream)
        await stream.aclose()
        return now(), llm.closed

    assert run_virtual(act()) == (0.0, 1)


def test_a_read_that_times_out_ends_the_reply() -> None:
    """As any cancelled read does."""
    llm = FakeLLM(["one two"], ttft=5.0)

    async def act() -> list[ChatChunk]:
        stream = ask(llm)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await anext(stream)
        return [chunk async for chunk in stream]

    assert run_virtual(act()) == []
    assert llm.closed == 1


def test_a_plugin_that_does_not_let_go_holds_up_nobody_for_long() -> None:
    """Two seconds, then it is left."""

    async def generate(request: ChatRequest) -> AsyncGenerator[ChatChunk, None]:
        try:
            yield word("hello")
        finally:
            await asyncio.sleep(3600)

    async def act() -> float:
        stream = ask(Plugin(generate))
        await anext(stream)
        await stream.aclose()
        return now()

    assert run_virtual(act()) == 2.0


def test_a_stream_that_is_dropped_in_the_middle_is_said() -> None:
    """To whoever wrote the code: it holds a connection."""

    async def act() -> None:
        stream = ask(FakeLLM(["one two"]))
        await anext(stream)
        del stream
        gc.collect()

    with pytest.warns(ResourceWarning, match="LLMStream.* was neither read to its end nor closed"):
        run_virtual(act())


def test_a_stream_tells_what_it_was_asked_with() -> None:
    """The conversation, and the tools without their sets."""
    chat_ctx = ChatContext.empty()

    stream = FakeLLM(["x"]).chat(chat_ctx=chat_ctx)

    assert stream.chat_ctx is chat_ctx
    assert stream.tools == []


def test_the_fake_says_what_it_was_told_to() -> None:
    """By what it hears first, then in order, then its default."""
    llm = FakeLLM(
        ["first", FakeReply(text="second", ttft=2.0)], by_input={"hi": "hello"}, default="x"
    )

    async def say(text: str) -> str:
        chat_ctx = ChatContext.empty()
        chat_ctx.add_message(role="user", content=text)
        return (await llm.chat(chat_ctx=chat_ctx).collect()).text

    async def act() -> list[str]:
        return [await say(text) for text in ("a", "hi", "b", "c", "hi")]

    assert run_virtual(act()) == ["first", "hello", "second", "x", "hello"]
    assert [request.chat_ctx.messages()[0].text_content for request in llm.requests] == [
        "a",
        "hi",
        "b",
        "c",
        "hi",
    ]


def test_the_fake_has_no_reply_that_was_not_scripted() -> None:
    """The error names what was said."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="surprise")

    with pytest.raises(APIError, match="the script has no reply to 'surprise'"):
        run_virtual(FakeLLM().chat(chat_ctx=chat_ctx, conn_options=ONCE).collect())
