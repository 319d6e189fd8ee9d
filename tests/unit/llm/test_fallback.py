"""Several language models in a row."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APITimeoutError
from agentd.llm import (
    LLM,
    AvailabilityChangedEvent,
    ChatContext,
    FallbackAdapter,
    LLMStream,
    function_tool,
)
from agentd.resilience import APIConnectOptions
from agentd.testing import FakeCall, FakeLLM, FakeReply, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual

RAISE, HANG = Misbehaviour.RAISE, Misbehaviour.HANG


@function_tool
async def look() -> None:
    """Look."""


def ask(llm: LLM, **options: Any) -> LLMStream:
    """The stream of a reply."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="hi")
    return llm.chat(chat_ctx=chat_ctx, **options)


def heard(llm: LLM, event: str) -> list[Any]:
    """What the model emits."""
    made: list[Any] = []
    llm.on(event, made.append)
    return made


async def said(llm: LLM, pieces: list[str]) -> None:
    """Read a reply, noting its pieces before an error too."""
    async for piece in ask(llm).to_str_iterable():
        pieces.append(piece)  # noqa: PERF401 - see above


async def ask_and_close(adapter: FallbackAdapter, times: int = 1) -> list[str]:
    """Replies one after the other."""
    try:
        return [(await ask(adapter).collect()).text for _ in range(times)]
    finally:
        await adapter.aclose()


def test_the_first_one_that_is_well_answers() -> None:
    """The others are not asked."""
    first, second = FakeLLM(default="first"), FakeLLM(default="second")

    assert run_virtual(ask_and_close(FallbackAdapter([first, second]), times=2)) == ["first"] * 2
    assert second.requests == []


def test_when_one_fails_the_next_answers() -> None:
    """With the same request, at once."""
    first, second = FakeLLM(faults=[RAISE] * 9), FakeLLM(default="second")
    adapter = FallbackAdapter([first, second])

    async def act() -> tuple[str, float]:
        reply = await ask(adapter, tools=[look], tool_choice="auto").collect()
        at = now()
        await adapter.aclose()
        return reply.text, at

    assert run_virtual(act()) == ("second", 0.0)
    [request] = second.requests
    assert [tool.id for tool in request.tools] == ["look"]
    assert request.tool_choice == "auto"


def test_one_that_hangs_is_given_its_time_only() -> None:
    """Five seconds unless told otherwise."""
    adapter = FallbackAdapter([FakeLLM(faults=[HANG] * 9), FakeLLM(default="second")])

    async def act() -> tuple[str, float]:
        reply = await ask(adapter).collect()
        at = now()
        await adapter.aclose()
        return reply.text, at

    assert run_virtual(act()) == ("second", 5.0)


def test_each_may_be_tried_more_than_once() -> None:
    """Before the next one is."""
    first = FakeLLM(default="first", faults=[RAISE])

    replies = run_virtual(
        ask_and_close(FallbackAdapter([first, FakeLLM()], max_retry_per_llm=1, retry_interval=0.5))
    )

    assert replies == ["first"]
    assert len(first.requests) == 2


def test_the_time_is_that_of_all_of_them() -> None:
    """Whatever the caller's own would be: the last one is still waited for."""
    hanging = [FakeLLM(faults=[HANG] * 9) for _ in range(3)]
    last = FakeLLM(default="last", ttft=4.0)
    adapter = FallbackAdapter([*hanging, last])

    async def act() -> str:
        options = APIConnectOptions(max_retry=0, timeout=1.0)
        try:
            return (await ask(adapter, conn_options=options).collect()).text
        finally:
            await adapter.aclose()

    assert run_virtual(act()) == "last"


def test_when_all_fail_it_says_so() -> None:
    """Naming them."""
    adapter = FallbackAdapter([FakeLLM(faults=[RAISE] * 9), FakeLLM(faults=[RAISE] * 9)])

    with pytest.raises(
        APIConnectionError, match=r"no language model answers: .*FakeLLM, .*FakeLLM"
    ):
        run_virtual(ask_and_close(adapter))


def test_when_none_is_well_all_are_tried() -> None:
    """One may have recovered just now."""
    first, second = FakeLLM(faults=[RAISE] * 2), FakeLLM(faults=[RAISE] * 2, default="second")
    adapter = FallbackAdapter([first, second], retry_interval=100.0)

    async def act() -> str:
        for _ in range(2):
            with pytest.raises(APIConnectionError):
                await ask(adapter).collect()
        assert adapter.available == (False, False)
        try:
            return (await ask(adapter).collect()).text
        finally:
            await adapter.aclose()

    first.faults.add(RAISE)
    assert run_virtual(act()) == "second"


def test_one_that_failed_is_left_out_until_a_probe_goes_well() -> None:
    """Both are told as events."""
    first = FakeLLM(faults=[RAISE] * 3, default="first")
    second = FakeLLM(default="second")
    adapter = FallbackAdapter([first, second])
    events = heard(adapter, "llm_availability_changed")

    async def act() -> list[str]:
        replies = [(await ask(adapter).collect()).text for _ in range(2)]
        await asyncio.sleep(60.0)
        replies.append((await ask(adapter).collect()).text)
        await adapter.aclose()
        return replies

    assert run_virtual(act()) == ["second", "second", "first"]
    assert all(isinstance(event, AvailabilityChangedEvent) for event in events)
    assert [(event.llm, event.available) for event in events] == [(first, False), (first, True)]
    assert len(first.requests) == 5


def test_probes_end_when_it_is_closed() -> None:
    """Nothing is asked after it, and the models still work."""
    first = FakeLLM(faults=[RAISE] * 999)
    adapter = FallbackAdapter([first, FakeLLM(default="second")])

    async def act() -> tuple[int, int]:
        await ask(adapter).collect()
        await asyncio.sleep(30.0)
        await adapter.aclose()
        asked = len(first.requests)
        await asyncio.sleep(600.0)
        return asked, len(first.requests)

    asked, later = run_virtual(act())
    assert asked == later
    assert asked > 2


def test_it_stays_with_one_that_works_only_if_it_is_sticky() -> None:
    """Though the preferred one is well again."""

    def replies(*, sticky: bool) -> list[str]:
        first = FakeLLM(faults=[RAISE], default="first")
        adapter = FallbackAdapter([first, FakeLLM(default="second")], sticky=sticky)

        async def act() -> list[str]:
            made = [(await ask(adapter).collect()).text]
            await asyncio.sleep(60.0)
            made.append((await ask(adapter).collect()).text)
            await adapter.aclose()
            return made

        return run_virtual(act())

    assert replies(sticky=False) == ["second", "first"]
    assert replies(sticky=True) == ["second", "second"]


def test_a_reply_that_has_begun_is_not_begun_anew() -> None:
    """Unless that is asked for."""
    first = FakeLLM(["Hello. I am the first."], faults=[Fault(kind=RAISE, after=2)])
    adapter = FallbackAdapter([first, FakeLLM(default="second")])
    pieces: list[str] = []

    async def act() -> None:
        try:
            await said(adapter, pieces)
        finally:
            await adapter.aclose()

    with pytest.raises(APIConnectionError):
        run_virtual(act())

    assert pieces == ["Hello. ", "I "]


def test_if_it_is_begun_anew_no_sentence_is_said_by_halves_or_twice() -> None:
    """What was whole stays; the rest is the other model's."""
    first = FakeLLM(["Hello there. I can help you. Ask!"], faults=[Fault(kind=RAISE, after=5)])
    second = FakeLLM(["Hello there. I can do that. Ask me!"])
    adapter = FallbackAdapter([first, second], retry_on_chunk_sent=True)
    pieces: list[str] = []

    async def act() -> None:
        await said(adapter, pieces)
        await adapter.aclose()

    run_virtual(act())

    assert "".join(pieces) == "Hello there. I can do that. Ask me!"


def test_a_reply_that_has_called_a_tool_is_never_begun_anew() -> None:
    """The tool may have run."""
    reply = FakeReply(text="One moment. ", calls=(FakeCall("look"), FakeCall("look")))
    first = FakeLLM([reply], faults=[Fault(kind=RAISE, after=3)])
    second = FakeLLM(default="second")
    adapter = FallbackAdapter([first, second], retry_on_chunk_sent=True)

    async def act() -> None:
        try:
            await ask(adapter, tools=[look]).collect()
        finally:
            await adapter.aclose()

    with pytest.raises(APIConnectionError):
        run_virtual(act())

    assert second.requests == []


def test_text_before_a_call_is_handed_out_before_it() -> None:
    """Though its last sentence has no end."""
    reply = FakeReply(text="One moment", calls=(FakeCall("look"),))
    adapter = FallbackAdapter([FakeLLM([reply])], retry_on_chunk_sent=True)

    async def act() -> tuple[str, list[str]]:
        made = await ask(adapter, tools=[look]).collect()
        await adapter.aclose()
        return made.text, [call.name for call in made.tool_calls]

    assert run_virtual(act()) == ("One moment", ["look"])


def test_each_reply_is_measured_as_that_of_the_model_that_gave_it() -> None:
    """And not once more as the adapter's."""
    first, second = FakeLLM(faults=[RAISE]), FakeLLM(default="second words")
    adapter = FallbackAdapter([first, second])
    measured = heard(adapter, "metrics_collected")

    run_virtual(ask_and_close(adapter))

    assert [metrics.label for metrics in measured] == [first.label, second.label]
    assert [metrics.completion_tokens for metrics in measured] == [0, 2]


def test_a_closed_adapter_hears_nothing_of_its_models() -> None:
    """They are their owner's."""
    first = FakeLLM(default="first")
    adapter = FallbackAdapter([first])
    measured = heard(adapter, "metrics_collected")

    async def act() -> None:
        await adapter.aclose()
        await ask(first).collect()

    run_virtual(act())

    assert measured == []


def test_only_the_preferred_one_is_warmed_up() -> None:
    """The others load when they are needed."""
    first, second = FakeLLM(), FakeLLM()

    FallbackAdapter([first, second]).prewarm()

    assert (first.prewarmed, second.prewarmed) == (1, 0)


def test_one_of_none_is_refused() -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="needs at least one LLM"):
        FallbackAdapter([])


def test_the_error_of_all_has_that_of_the_last_as_its_cause() -> None:
    """For whoever reads the log."""
    adapter = FallbackAdapter([FakeLLM(faults=[HANG] * 9)], attempt_timeout=1.0)

    with pytest.raises(APIConnectionError) as caught:
        run_virtual(ask_and_close(adapter))

    assert isinstance(caught.value.__cause__, APITimeoutError)
