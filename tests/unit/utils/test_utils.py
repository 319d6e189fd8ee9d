"""Small helpers of users' code and plugins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from agentd import utils
from agentd.aio.timing import now, wall_time
from agentd.errors import NotInJob
from agentd.testing.virtual_time import run_virtual


def virtual(test: Coroutine[Any, Any, None]) -> None:
    run_virtual(test)


class Provider:
    """Where connections go to."""

    def __init__(self, *, takes: float = 0.0) -> None:
        self.made = 0
        self.closed: list[str] = []
        self._takes = takes

    async def connect(self, timeout: float) -> str:
        await asyncio.sleep(self._takes)
        self.made += 1
        return f"c{self.made}"

    async def close(self, conn: str) -> None:
        self.closed.append(conn)

    def pool(self, **options: Any) -> utils.ConnectionPool[str]:
        return utils.ConnectionPool(connect_cb=self.connect, close_cb=self.close, **options)


def test_a_connection_is_used_again_unless_its_user_failed() -> None:
    """One that something went wrong with is closed."""

    async def scene() -> None:
        provider = Provider()
        pool = provider.pool()
        for _ in range(2):
            async with pool.connection(timeout=1.0) as conn:
                assert conn == "c1"
        with pytest.raises(OSError, match="reset"):
            async with pool.connection(timeout=1.0):
                raise OSError("reset")
        async with pool.connection(timeout=1.0) as conn:
            assert conn == "c2"
        await pool.aclose()
        assert provider.closed == ["c1", "c2"]

    virtual(scene())


def test_connections_that_are_used_at_once_are_different_ones() -> None:
    """Both are kept."""

    async def scene() -> None:
        provider = Provider()
        pool = provider.pool()
        async with pool.connection(timeout=1.0) as one, pool.connection(timeout=1.0) as other:
            assert {one, other} == {"c1", "c2"}
        async with pool.connection(timeout=1.0), pool.connection(timeout=1.0):
            assert provider.made == 2
        await pool.aclose()

    virtual(scene())


@pytest.mark.parametrize(("refreshes", "at_the_end"), [(False, "c2"), (True, "c1")])
def test_an_old_connection_is_closed_rather_than_handed_out(
    refreshes: bool, at_the_end: str
) -> None:
    """Old counts from its making, or from its last use."""

    async def scene() -> None:
        pool = Provider().pool(max_session_duration=10.0, mark_refreshed_on_get=refreshes)
        used: list[str] = []
        for _ in range(3):
            async with pool.connection(timeout=1.0) as conn:
                used.append(conn)
            await asyncio.sleep(6.0)
        assert used[-1] == at_the_end
        await pool.aclose()

    virtual(scene())


def test_what_was_invalidated_is_closed_when_it_is_given_back() -> None:
    """Its user goes on with it until then."""

    async def scene() -> None:
        provider = Provider()
        pool = provider.pool()
        async with pool.connection(timeout=1.0):
            pool.invalidate()
            await asyncio.sleep(1.0)
            assert provider.closed == []
        await pool.aclose()
        assert provider.closed == ["c1"]

    virtual(scene())


def test_a_provider_that_does_not_answer_is_not_waited_for() -> None:
    """Longer than was said."""

    async def scene() -> None:
        pool = Provider(takes=60.0).pool()
        with pytest.raises(TimeoutError):
            await pool.get(timeout=2.0)
        assert now() == 2.0
        await pool.aclose()

    virtual(scene())


def test_a_connection_is_made_ahead_once() -> None:
    """The first request has it at once."""

    async def scene() -> None:
        provider = Provider(takes=1.0)
        pool = provider.pool()
        pool.prewarm()
        pool.prewarm()
        await asyncio.sleep(1.5)
        assert await pool.get(timeout=1.0) == "c1"
        assert (provider.made, now()) == (1, 1.5)
        await pool.aclose()

    virtual(scene())


def test_a_connection_that_can_not_be_made_ahead_is_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first request raises what is wrong."""

    async def refuse(timeout: float) -> str:
        raise ConnectionError("no route")

    async def scene() -> None:
        pool = utils.ConnectionPool(connect_cb=refuse)
        pool.prewarm()
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionError, match="no route"):
            await pool.get(timeout=1.0)
        await pool.aclose()

    virtual(scene())
    assert "made ahead" in caplog.text


def test_a_bounded_dict_forgets_the_oldest() -> None:
    """And gives out the latest that is so."""

    @dataclass
    class Item:
        size: int
        name: str = ""

    items: utils.BoundedDict[str, Item] = utils.BoundedDict(maxsize=2)
    for name in "abc":
        items[name] = Item(ord(name))
    assert list(items) == ["b", "c"]
    assert items.update_value("c", size=None, name="see") == Item(ord("c"), "see")
    assert items.update_value("a", name="gone") is None
    assert items.pop_if(lambda item: item.size < ord("c")) == ("b", Item(ord("b")))
    assert items.pop_if(lambda item: item.size < ord("c")) == (None, None)
    assert items.pop_if() == ("c", Item(ord("c"), "see"))
    assert items.pop_if() == (None, None)
    with pytest.raises(ValueError, match="maxsize"):
        utils.BoundedDict(maxsize=0)


def test_a_moving_average_is_of_the_last_samples() -> None:
    """Nothing is there before the first."""
    average = utils.MovingAverage(2)
    assert average.get_avg() == 0.0
    for sample in (1.0, 2.0, 4.0):
        average.add_sample(sample)
    assert (average.get_avg(), average.size()) == (3.0, 2)
    average.reset()
    assert average.size() == 0


def test_a_filter_smooths_by_weight_and_keeps_its_bounds() -> None:
    """The first sample is taken as it is."""
    smoothed = utils.ExpFilter(0.5, max_val=10.0)
    with pytest.raises(ValueError, match="needs a sample"):
        smoothed.apply(1.0)
    assert smoothed.value is None
    assert smoothed.apply(1.0, 4.0) == 4.0
    assert smoothed.apply(1.0, 8.0) == 6.0
    assert smoothed.apply(2.0, 10.0) == 9.0
    assert smoothed.apply(1.0, 100.0) == 10.0
    smoothed.reset(initial=1.0, min_val=2.0, alpha=1.0, max_val=3.0)
    assert smoothed.apply(1.0, 0.0) == 2.0
    with pytest.raises(ValueError, match="alpha"):
        smoothed.update_base(0.0)


async def test_failures_of_functions_and_coroutines_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And raised on."""

    @utils.log_exceptions("it went wrong")
    def plain() -> None:
        raise KeyError("plain")

    @utils.log_exceptions(logger=logging.getLogger("mine"))
    async def later() -> None:
        raise KeyError("later")

    with pytest.raises(KeyError, match="plain"):
        plain()
    with pytest.raises(KeyError, match="later"):
        await later()

    assert [(record.name, record.message) for record in caplog.records] == [
        ("root", "it went wrong"),
        ("mine", "a function failed"),
    ]


async def test_outside_of_a_job_a_client_is_opened_for_a_block() -> None:
    """The shared one belongs to a job."""
    with pytest.raises(NotInJob):
        utils.http_context.http_session()
    async with utils.http_context.open() as session:
        assert not session.closed
    assert session.closed


def test_milliseconds_are_those_of_the_clock() -> None:
    """Since the epoch."""
    assert abs(utils.time_ms() - wall_time() * 1000) < 5000
