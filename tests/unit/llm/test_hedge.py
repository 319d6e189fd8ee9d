"""A second request when the first is slow."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APIError
from agentd.figures import here
from agentd.llm import LLM, ChatContext, HedgeAdapter, LLMStream
from agentd.resilience import APIConnectOptions, circuits
from agentd.resilience.budget import RESERVE, SHARE
from agentd.testing import FakeLLM, FakeReply, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual

RAISE, HANG = Misbehaviour.RAISE, Misbehaviour.HANG
KEY = "api.example.com/gpt"
ONCE = APIConnectOptions(max_retry=0, timeout=8.0)


def ask(llm: LLM) -> LLMStream:
    """The stream of a reply."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="hi")
    return llm.chat(chat_ctx=chat_ctx)


def asked(llm: LLM, *, times: int = 1) -> tuple[str, float]:
    """The last of so many replies, or the code of its error, and when all of it was there."""

    async def act() -> tuple[str, float]:
        text = ""
        for _ in range(times):
            try:
                text = (await ask(llm).collect()).text
            except APIError as error:
                text = error.code
        return text, round(now(), 3)

    return run_virtual(act())


def test_a_quick_reply_is_asked_for_once() -> None:
    """As without an adapter."""
    llm = FakeLLM(default="quick", ttft=0.5)

    assert asked(HedgeAdapter(llm, hedge_after=1.0)) == ("quick", 0.5)
    assert len(llm.requests) == 1


def test_a_second_request_wins_where_the_first_hangs() -> None:
    """The first is ended, and nothing of it is heard."""
    llm = FakeLLM(default="a reply of five words", ttft=0.3, faults=[HANG])
    here.take()

    assert asked(HedgeAdapter(llm, hedge_after=1.0)) == ("a reply of five words", 1.3)
    assert len(llm.requests) == 2
    assert llm.closed == 1
    assert [count.name for count in here.take().counts] == ["hedges"]


def test_the_first_may_still_win() -> None:
    """Then it is the second that is ended, before a word of it is handed out."""
    first = FakeLLM([FakeReply(text="the first", ttft=1.2)], word_delay=1.0)
    second = FakeLLM(default="the second", ttft=0.9)

    assert asked(HedgeAdapter(first, second=second, hedge_after=1.0)) == ("the first", 2.2)
    assert second.closed == 1


def test_a_slow_reply_that_has_begun_is_let_go_on() -> None:
    """It has given something: that may have been spoken."""
    llm = FakeLLM(default="slow but steady", word_delay=3.0)

    assert asked(HedgeAdapter(llm, hedge_after=1.0)) == ("slow but steady", 6.0)
    assert len(llm.requests) == 1


def test_a_second_model_is_asked_at_once_where_the_first_fails() -> None:
    """And its answer is the reply."""
    first, second = FakeLLM(faults=[RAISE] * 9), FakeLLM(default="second")
    adapter = HedgeAdapter(first, second=second, hedge_after=5.0, conn_options=ONCE)

    assert asked(adapter) == ("second", 0.0)


def test_a_second_request_goes_on_where_the_first_fails_meanwhile() -> None:
    """One that answers is enough."""
    first = FakeLLM([FakeReply(text="never", ttft=9.0)])
    second = FakeLLM(default="second", ttft=8.0)
    adapter = HedgeAdapter(
        first,
        second=second,
        hedge_after=1.0,
        conn_options=APIConnectOptions(max_retry=0, timeout=8.5),
    )

    assert asked(adapter) == ("second", 9.0)


def test_when_both_fail_it_is_the_error_of_the_first() -> None:
    """Raised when the second has failed too."""
    first = FakeLLM(faults=[Fault(kind=RAISE, error=APIConnectionError("the first"))])
    second = FakeLLM(faults=[RAISE])
    adapter = HedgeAdapter(first, second=second, hedge_after=1.0, conn_options=ONCE)

    async def act() -> None:
        await ask(adapter).collect()

    with pytest.raises(APIConnectionError, match="the first"):
        run_virtual(act())


def test_one_model_that_fails_is_not_hedged() -> None:
    """Its own tries are what it has for that."""
    llm = FakeLLM(default="fine", faults=[RAISE, None])

    assert asked(HedgeAdapter(llm, hedge_after=1.0, conn_options=ONCE))[0] == "api_connection"
    assert len(llm.requests) == 1


def test_a_reply_that_breaks_off_is_not_said_again() -> None:
    """By nobody: what there was may have been heard."""
    llm = FakeLLM(default="it breaks off here", faults=[Fault(kind=RAISE, after=2)])

    assert asked(HedgeAdapter(llm, hedge_after=1.0, conn_options=ONCE))[0] == "api_connection"
    assert len(llm.requests) == 1


def test_hedges_keep_to_the_budget_of_retries() -> None:
    """A service that is slow for everybody is not asked twice as often by everybody."""
    llm = FakeLLM(default="slow", ttft=2.0, circuit=KEY)
    calls = 25

    asked(HedgeAdapter(llm, hedge_after=1.0), times=calls)

    hedges = len(llm.requests) - calls
    assert RESERVE <= hedges <= 1 + RESERVE + SHARE * len(llm.requests)
    assert hedges < calls


def test_a_second_model_that_is_known_to_be_down_is_not_asked() -> None:
    """The first has all the time then."""
    first = FakeLLM(default="first", ttft=3.0)
    second = FakeLLM(default="second", circuit=KEY)

    async def act() -> str:
        circuits().of(KEY).hear_open(60.0, level=1, reason="503")
        return (await ask(HedgeAdapter(first, second=second, hedge_after=1.0)).collect()).text

    assert run_virtual(act()) == "first"
    assert second.requests == []


def test_a_reply_that_is_cut_off_ends_both_requests() -> None:
    """A caller interrupts while both are under way."""
    first, second = FakeLLM(faults=[HANG]), FakeLLM(faults=[HANG])
    adapter = HedgeAdapter(first, second=second, hedge_after=1.0)

    async def act() -> None:
        stream = ask(adapter)
        with pytest.raises(TimeoutError):
            async with stream, asyncio.timeout(2.0):
                await anext(stream)

    run_virtual(act())
    assert (first.closed, second.closed) == (1, 1)


def test_a_negative_time_is_refused() -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="hedge_after must not be negative, but is -1"):
        HedgeAdapter(FakeLLM(), hedge_after=-1)
