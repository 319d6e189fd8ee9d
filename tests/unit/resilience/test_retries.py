"""Whether a call is tried again, and when."""

from __future__ import annotations

import asyncio

import pytest

from agentd.errors import APIConnectionError, APIError, APIStatusError
from agentd.figures import here
from agentd.protocol.frames import Count
from agentd.resilience import APIConnectOptions, Retries, circuits
from agentd.resilience.budget import RESERVE, WINDOW, RetryBudget
from agentd.resilience.retries import pause_after
from agentd.testing.virtual_time import run_virtual

KEY = "api.example.com/gpt"
DOWN = APIConnectionError("down")


def busy(retry_after: float | None) -> APIStatusError:
    """A 429 that asks for so much time."""
    return APIStatusError("too many", status_code=429, retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "draw", "pause"),
    [
        (DOWN, None, 2.0),
        (DOWN, 0.0, 0.0),
        (DOWN, 0.5, 1.0),
        (DOWN, 1.0, 2.0),
        (busy(None), 0.5, 1.0),
        (busy(3.0), None, 3.0),
        (busy(3.0), 0.0, 3.0),
        (busy(3.0), 1.0, 3.3),
        (busy(0.5), 1.0, 2.0),
        (busy(10.0), 0.0, 10.0),
        (busy(10.1), 0.0, None),
    ],
)
def test_a_pause_is_by_chance_and_never_shorter_than_the_service_asks(
    error: APIError, draw: float | None, pause: float | None
) -> None:
    """Where it asks for more than the caller would wait for an answer, there is no other try."""
    given = pause_after(error, 2.0, patience=10.0, draw=draw)

    assert given == (pause if pause is None else pytest.approx(pause))


def test_a_local_model_is_tried_as_often_and_as_late_as_its_options_say() -> None:
    """To the millisecond: nobody else calls it."""

    async def scenario() -> list[float | None]:
        retries = Retries(APIConnectOptions(), "")
        return [retries.after(DOWN) for _ in range(4)]

    assert run_virtual(scenario()) == [0.1, 2.0, 2.0, None]


def test_a_service_is_tried_again_at_instants_that_differ() -> None:
    """Within the pauses of the options."""

    async def scenario() -> list[list[float]]:
        calls = [Retries(APIConnectOptions(), f"a/{number}") for number in range(20)]
        return [[call.after(DOWN) or 0.0 for _ in range(3)] for call in calls]

    pauses = run_virtual(scenario())

    assert all(first <= 0.1 and second <= 2.0 and third <= 2.0 for first, second, third in pauses)
    assert len({second for _, second, _ in pauses}) == 20


def test_what_can_not_go_well_is_not_tried_again() -> None:
    """A bad request stays one."""

    async def scenario() -> float | None:
        return Retries(APIConnectOptions(), "").after(APIStatusError("no", status_code=400))

    assert run_virtual(scenario()) is None


def test_a_new_fault_has_all_the_tries() -> None:
    """After the call has had a result."""

    async def scenario() -> list[float | None]:
        retries = Retries(APIConnectOptions(max_retry=1), "")
        before = [retries.after(DOWN), retries.after(DOWN)]
        retries.begin()
        return [*before, retries.after(DOWN)]

    assert run_virtual(scenario()) == [0.1, None, 0.1]


def test_all_tries_together_keep_to_their_time() -> None:
    """The next try has what is left of it, and there is none where the pause would take it all."""

    async def scenario() -> list[float | None]:
        options = APIConnectOptions(timeout=4.0, retry_interval=1.0, total_timeout=6.0)
        retries = Retries(options, "")
        seen: list[float | None] = [retries.time]
        await asyncio.sleep(4.0)
        seen.append(retries.after(DOWN))
        await asyncio.sleep(0.5)
        seen += [retries.time, retries.after(DOWN), retries.after(DOWN)]
        await asyncio.sleep(0.6)
        return [*seen, retries.after(DOWN)]

    assert run_virtual(scenario()) == [4.0, 0.1, 1.5, 1.0, 1.0, None]


def test_no_try_is_waited_for_that_would_be_turned_away() -> None:
    """The error that there is is told at once instead."""

    async def scenario() -> float | None:
        retries = Retries(APIConnectOptions(), KEY)
        circuits().of(KEY).hear_open(30.0, level=1, reason="503")
        return retries.after(DOWN)

    assert run_virtual(scenario()) is None


def test_retries_of_many_calls_share_a_budget_and_those_refused_are_counted() -> None:
    """A fifth of the calls, and a few."""
    here.take()

    async def scenario() -> int:
        made = 0
        for _ in range(100):
            made += Retries(APIConnectOptions(), KEY).after(DOWN) is not None
        return made

    assert run_virtual(scenario()) == 30
    assert here.take().counts == [Count(name="retries_refused", labels={"circuit": KEY}, amount=70)]


@pytest.mark.parametrize(("calls", "granted"), [(0, 10), (1, 11), (50, 20), (100, 30)])
def test_a_budget_is_a_reserve_and_a_fifth_of_the_calls(calls: int, granted: int) -> None:
    """Within one window."""
    budget = RetryBudget()
    for _ in range(calls):
        budget.called(0.0)

    assert sum(budget.spend(1.0) for _ in range(200)) == granted


def test_what_was_spent_is_forgotten_after_the_window() -> None:
    """An outage an hour ago costs nobody a retry now."""
    budget = RetryBudget()
    for _ in range(RESERVE):
        budget.spend(0.0)

    assert not budget.spend(WINDOW - 0.1)
    assert budget.spend(WINDOW)
