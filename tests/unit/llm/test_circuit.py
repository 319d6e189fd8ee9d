"""Language models behind a circuit breaker."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import APIError, APIStatusError, CircuitOpen
from agentd.llm import LLM, AvailabilityChangedEvent, ChatContext, FallbackAdapter, LLMStream
from agentd.resilience import APIConnectOptions, circuits
from agentd.testing import FakeLLM, Fault, Misbehaviour
from agentd.testing.virtual_time import run_virtual

RAISE, HANG = Misbehaviour.RAISE, Misbehaviour.HANG
KEY = "api.example.com/gpt"
ONCE = APIConnectOptions(max_retry=0)


def ask(llm: LLM, options: APIConnectOptions = ONCE) -> LLMStream:
    """The stream of a reply."""
    chat_ctx = ChatContext.empty()
    chat_ctx.add_message(role="user", content="hi")
    return llm.chat(chat_ctx=chat_ctx, conn_options=options)


async def asked(llm: LLM, options: APIConnectOptions = ONCE) -> str:
    """The reply, or the code of the error."""
    try:
        return (await ask(llm, options).collect()).text
    except APIError as error:
        return error.code


def note(event: AvailabilityChangedEvent, back: asyncio.Event) -> None:
    """Set when a model is well again."""
    if event.available:
        back.set()


async def asked_often(llm: LLM, times: int) -> list[str]:
    """Replies one after the other."""
    return [await asked(llm) for _ in range(times)]


def test_a_model_that_fails_is_left_alone_after_one_call_with_all_its_tries() -> None:
    """The next call is refused at once, without a request."""
    llm = FakeLLM(faults=[RAISE] * 9, circuit=KEY)

    async def act() -> tuple[list[str], float]:
        codes = [await asked(llm, APIConnectOptions())]
        at = now()
        return [*codes, await asked(llm, APIConnectOptions())], now() - at

    codes, waited = run_virtual(act())

    assert codes == ["api_connection", "circuit_open"]
    assert len(llm.requests) == 4
    assert waited == 0.0


def test_a_model_without_a_circuit_is_asked_each_time() -> None:
    """As before."""
    llm = FakeLLM(faults=[RAISE] * 9)

    assert run_virtual(asked_often(llm, 9)) == ["api_connection"] * 9
    assert len(llm.requests) == 9


def test_a_refused_request_is_no_outage() -> None:
    """However often it is refused: it is the request that is wrong."""
    refused = Fault(kind=RAISE, error=APIStatusError("no", status_code=400))
    llm = FakeLLM(faults=[refused] * 9, circuit=KEY)

    assert run_virtual(asked_often(llm, 9)) == ["api_status"] * 9


def test_models_of_one_circuit_learn_from_each_other() -> None:
    """Two sessions, one service."""
    first = FakeLLM(faults=[RAISE] * 4, circuit=KEY)
    second = FakeLLM(default="fine", circuit=KEY)

    async def act() -> str:
        await asked_often(first, 4)
        return await asked(second)

    assert run_virtual(act()) == "circuit_open"
    assert second.requests == []


def test_it_is_asked_again_after_the_cooldown() -> None:
    """By one call, and by all once that was answered."""
    llm = FakeLLM(default="fine", faults=[RAISE] * 4, circuit=KEY)

    async def act() -> list[str]:
        codes = await asked_often(llm, 5)
        await circuits().of(KEY).wait_ready()
        return [*codes[3:], await asked(llm), await asked(llm)]

    assert run_virtual(act()) == ["api_connection", "circuit_open", "fine", "fine"]


def test_a_reply_that_is_cut_off_by_the_user_is_no_failure() -> None:
    """And one that had begun shows that the model answers."""
    llm = FakeLLM(default="a long reply", word_delay=1.0, faults=[RAISE] * 4, circuit=KEY)

    async def act() -> str:
        await asked_often(llm, 4)
        await circuits().of(KEY).wait_ready()
        async with ask(llm) as stream:
            await anext(stream)
        return circuits().of(KEY).state

    assert run_virtual(act()) == "closed"


def test_a_reply_that_breaks_off_counts() -> None:
    """Though each had begun well."""
    llm = FakeLLM(
        default="a long reply that breaks", faults=[Fault(kind=RAISE, after=2)] * 4, circuit=KEY
    )

    async def act() -> tuple[list[str], str]:
        return await asked_often(llm, 4), circuits().of(KEY).state

    assert run_virtual(act()) == (["api_connection"] * 4, "open")


def test_a_fallback_is_asked_without_waiting_for_a_model_that_is_known_to_be_down() -> None:
    """A new call need not lose the time of an attempt that others have lost before it."""
    first, second = FakeLLM(faults=[HANG] * 9, circuit=KEY), FakeLLM(default="second")
    adapter = FallbackAdapter([first, second])

    async def act() -> tuple[str, float]:
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        reply = await asked(adapter)
        at = now()
        await adapter.aclose()
        return reply, at

    assert run_virtual(act()) == ("second", 0.0)
    assert first.requests == []


def test_a_fallback_does_not_probe_in_vain_and_comes_back_by_itself() -> None:
    """No request while the circuit is open, then one probe, then the next call."""
    first = FakeLLM(default="first", faults=[RAISE] * 5, circuit=KEY)
    adapter = FallbackAdapter([first, FakeLLM(default="second")])

    async def act() -> tuple[list[str], int, int, str]:
        down, back = asyncio.Event(), asyncio.Event()
        circuits().on_change(lambda _: down.set())
        adapter.on("llm_availability_changed", lambda event: note(event, back))
        replies = [await asked(adapter)]
        await down.wait()  # its probes fail too
        asked_so_far = len(first.requests)
        await asyncio.sleep(circuits().of(KEY).retry_at - now() - 0.01)
        in_vain = len(first.requests) - asked_so_far
        replies.append(await asked(adapter))
        await back.wait()
        replies.append(await asked(adapter))
        await adapter.aclose()
        return replies, asked_so_far, in_vain, circuits().of(KEY).state

    replies, asked_so_far, in_vain, state = run_virtual(act())

    assert replies == ["second", "second", "first"]
    assert (replies[-1], asked_so_far, in_vain, state) == ("first", 4, 0, "closed")
    assert len(first.requests) == 4 + 3  # a probe that failed, one that went well, and the call


def test_an_answer_that_another_call_had_is_proof_enough_for_a_fallback() -> None:
    """Fifty calls do not each probe a service that is well again."""
    first = FakeLLM(default="first", circuit=KEY)
    adapter = FallbackAdapter([first, FakeLLM(default="second")])

    async def act() -> list[str]:
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        replies = [await asked(adapter)]
        await asyncio.sleep(10.0)
        circuits().of(KEY).hear_closed()
        await asyncio.sleep(0.01)
        replies.append(await asked(adapter))
        await adapter.aclose()
        return replies

    assert run_virtual(act()) == ["second", "first"]
    assert len(first.requests) == 1


def test_when_all_are_down_the_error_names_the_circuit_that_can_be_tried_first() -> None:
    """Whoever apologises waits for that one."""
    llms = [FakeLLM(circuit="a/slow"), FakeLLM(circuit="b/soon")]
    adapter = FallbackAdapter(llms)

    async def act() -> APIError:
        circuits().of("a/slow").hear_open(60.0, level=1, reason="503")
        circuits().of("b/soon").hear_open(5.0, level=1, reason="503")
        with pytest.raises(APIError) as failed:
            await ask(adapter).collect()
        await adapter.aclose()
        return failed.value

    error = run_virtual(act())

    assert error.circuit == "b/soon"
    assert isinstance(error.__cause__, CircuitOpen)


def test_a_reply_has_only_what_is_left_of_the_time_of_all_tries() -> None:
    """Then the error is told, though there were tries left."""
    llm = FakeLLM(faults=[HANG] * 9)
    options = APIConnectOptions(timeout=4.0, total_timeout=6.0, retry_interval=1.0)

    async def act() -> tuple[str, float]:
        return await asked(llm, options), now()

    code, at = run_virtual(act())

    assert code == "api_timeout"
    assert at == pytest.approx(6.0)
    assert len(llm.requests) == 2
