"""Circuits as those see them who call a service, on the virtual clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, APIStatusError, CircuitOpen
from agentd.resilience import BreakerPolicy, Circuit, circuits, forget_circuits
from agentd.resilience.circuit import GRANT_PATIENCE, CircuitEvent
from agentd.resilience.circuits import MAX_CIRCUITS
from agentd.testing.virtual_time import run_virtual

KEY = "api.example.com/gpt"


def fail(circuit: Circuit, times: int = 1) -> None:
    """So many attempts find the service down."""
    for _ in range(times):
        with pytest.raises(APIConnectionError), circuit.attempt():
            raise APIConnectionError("no route to host")


class Others:
    """Hears what is told to other processes; there is a supervisor until it is lost."""

    def __init__(self) -> None:
        self.events: list[CircuitEvent] = []
        self.lost = False

    def pass_on(self, _circuit: Circuit, event: CircuitEvent) -> bool:
        """See Sharer."""
        if not self.lost:
            self.events.append(event)
        return not self.lost


def test_an_open_circuit_refuses_at_once_and_says_until_when() -> None:
    """With the failure that opened it, and in a message that names the service."""

    async def scenario() -> tuple[CircuitOpen, float]:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        with pytest.raises(CircuitOpen) as refused, circuit.attempt():
            pytest.fail("a call was made")
        return refused.value, now()

    error, at = run_virtual(scenario())

    assert (error.circuit, error.retryable, at) == (KEY, False, 0.0)
    assert 2.5 <= error.retry_at <= 5.0
    assert str(error).startswith(f"{KEY} has failed and is left alone for ")
    assert str(error).endswith("no route to host")


def test_the_error_of_an_attempt_names_the_circuit() -> None:
    """So whoever apologises for it knows what to wait for."""

    async def scenario() -> str:
        with pytest.raises(APIStatusError) as failed, circuits().of(KEY).attempt():
            raise APIStatusError("bad request", status_code=400)
        return failed.value.circuit

    assert run_virtual(scenario()) == KEY


def test_without_a_key_there_is_no_breaker() -> None:
    """Local models and fakes are asked however often they fail."""

    async def scenario() -> str:
        circuit = circuits().of("")
        fail(circuit, 20)
        return circuit.state

    assert run_virtual(scenario()) == "closed"


def test_being_cancelled_is_no_failure() -> None:
    """A caller who interrupts says nothing of the service."""

    async def scenario() -> str:
        circuit = circuits().of(KEY)
        fail(circuit, 3)
        with pytest.raises(asyncio.CancelledError), circuit.attempt():
            raise asyncio.CancelledError
        return circuit.state

    assert run_virtual(scenario()) == "closed"


def test_a_probe_that_is_cancelled_makes_way_for_the_next() -> None:
    """The circuit is half open then, and free."""

    async def scenario() -> list[str]:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        await circuit.wait_ready()
        with pytest.raises(asyncio.CancelledError), circuit.attempt():
            raise asyncio.CancelledError
        states = [circuit.state]
        with circuit.attempt():
            states.append(circuit.state)
        return [*states, circuit.state]

    assert run_virtual(scenario()) == ["half_open", "half_open", "closed"]


def test_the_first_answer_closes_it_before_the_probe_has_ended() -> None:
    """A stream may last for an hour, and others wait."""

    async def scenario() -> str:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        await circuit.wait_ready()
        with circuit.attempt() as attempt:
            attempt.answered()
            return circuit.state

    assert run_virtual(scenario()) == "closed"


def test_of_several_who_wait_one_makes_the_probe_and_all_go_on_when_it_is_answered() -> None:
    """Those who are turned away wait again."""

    async def scenario() -> tuple[int, list[str], float]:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        probes = 0

        async def come_back() -> str:
            nonlocal probes
            while True:
                await circuit.wait_ready()
                if circuit.state == "closed":
                    return "closed"
                try:
                    with circuit.attempt():
                        probes += 1
                        await asyncio.sleep(1.0)
                except CircuitOpen:
                    continue
                return "probed"

        results = await asyncio.gather(*(come_back() for _ in range(5)))
        return probes, results, now()

    probes, results, at = run_virtual(scenario())

    assert probes == 1
    assert sorted(results) == ["closed"] * 4 + ["probed"]
    assert at <= 6.1


def test_whoever_waits_for_health_hears_of_it_at_once() -> None:
    """And makes no probe for it."""

    async def scenario() -> float:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        waiting = asyncio.create_task(circuit.wait_closed())
        await asyncio.sleep(30.0)
        assert not waiting.done()
        with circuit.attempt():
            pass
        await waiting
        return now()

    assert run_virtual(scenario()) == 30.0


def test_changes_are_told_until_nobody_wants_to_hear_of_them() -> None:
    """Of one circuit, and of all."""

    async def scenario() -> tuple[list[str], list[str]]:
        circuit = circuits().of(KEY)
        one: list[str] = []
        every: list[str] = []
        forget = circuit.on_change(lambda: one.append(circuit.state))
        circuits().on_change(lambda changed: every.append(changed.key))
        fail(circuit, 4)
        await circuit.wait_ready()
        with circuit.attempt():
            pass
        forget()
        fail(circuit, 4)
        return one, every

    one, every = run_virtual(scenario())

    assert one == ["open", "half_open", "closed"]
    assert every == [KEY] * 4


def test_it_is_told_in_the_log_with_what_why_and_what_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each turn once; by the supervisor instead where there is one."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        await circuit.wait_ready()
        with circuit.attempt():
            pass
        circuits().share(Others())
        fail(circuit, 4)

    run_virtual(scenario())
    told = [vars(record) for record in caplog.records]

    assert [line["action"] for line in told] == [
        "circuit_opened",
        "circuit_half_open",
        "circuit_closed",
    ]
    assert all({"circuit", "reason", "next"} <= line.keys() for line in told)


def test_other_processes_are_told_of_each_turn() -> None:
    """That somebody waits for the probe, too."""
    others = Others()

    async def scenario() -> None:
        circuits().share(others)
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        await circuit.wait_ready()
        fail(circuit)
        await circuit.wait_ready()
        with circuit.attempt():
            pass

    run_virtual(scenario())

    once = ["opened", "wanted", "probing"]
    assert others.events == [*once, *once, "answered"]


@pytest.mark.parametrize(
    ("hear", "state"),
    [
        (lambda c: c.hear_open(7.0, level=2, reason="503"), "open"),
        (lambda c: c.hear_probe(7.0, level=2, reason="503"), "half_open"),
        (lambda c: c.hear_closed(), "closed"),
    ],
)
def test_what_others_have_learnt_counts_here_at_once(
    hear: Callable[[Circuit], None], state: str
) -> None:
    """No call is made here to learn it again."""

    async def scenario() -> tuple[str, bool]:
        circuit = circuits().of(KEY)
        hear(circuit)
        try:
            with circuit.attempt():
                return circuit.state, True
        except CircuitOpen:
            return circuit.state, False

    assert run_virtual(scenario()) == (state, state == "closed")


def test_whoever_waits_leaves_the_first_probe_to_whom_the_supervisor_chooses() -> None:
    """But not for ever: a supervisor may be lost at that moment."""

    async def scenario() -> tuple[float, float]:
        circuits().share(Others())
        granted, left = circuits().of("a/granted"), circuits().of("a/left")
        instants: dict[str, float] = {}

        async def wait(circuit: Circuit) -> None:
            await circuit.wait_ready()
            instants[circuit.key] = now()

        for circuit in (granted, left):
            circuit.hear_open(3.0, level=1, reason="503")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait(granted))
            tasks.create_task(wait(left))
            await asyncio.sleep(3.0)
            granted.hear_grant(level=1, reason="503")
        return instants[granted.key], instants[left.key]

    granted_at, left_at = run_virtual(scenario())

    assert granted_at == 3.0
    assert 3.0 + GRANT_PATIENCE / 2 <= left_at <= 3.01 + GRANT_PATIENCE


def test_without_its_supervisor_a_process_goes_by_what_it_knows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And tells its log itself."""
    others = Others()
    others.lost = True

    async def scenario() -> str:
        circuits().share(others)
        circuit = circuits().of(KEY)
        fail(circuit, 4)
        return circuit.state

    assert run_virtual(scenario()) == "open"
    assert "circuit_opened" in [vars(record).get("action") for record in caplog.records]


def test_there_are_only_so_many_circuits() -> None:
    """Those that are closed make way; one that is open is remembered."""

    async def scenario() -> tuple[int, str]:
        fail(circuits().of("an/outage"), 4)
        for number in range(2 * MAX_CIRCUITS):
            fail(circuits().of(f"model/{number}"))
        return len(circuits().not_closed()), circuits().of("an/outage").state

    assert run_virtual(scenario()) == (1, "open")


def test_tests_begin_anew() -> None:
    """With the policy that they want."""
    before = circuits()

    after = forget_circuits(BreakerPolicy(in_a_row=1))

    assert after is circuits()
    assert after is not before
