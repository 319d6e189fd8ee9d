"""Tests of agentd.resilience.recovery, on the virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError
from agentd.resilience import Standby
from agentd.resilience.recovery import LONGEST_PAUSE
from agentd.testing.virtual_time import run_virtual


class Services:
    """Two services, of which some are down, and what their standby tells."""

    def __init__(self, *, interval: float = 1.0) -> None:
        self.down: set[int] = set()
        self.probes: list[float] = []
        self.changes: list[tuple[int, bool]] = []
        self.back = asyncio.Event()
        """Set while all are available."""
        self.standby = Standby(
            ["first", "second"],
            probe=self.probe,
            on_change=self._on_change,
            interval=interval,
        )

    async def probe(self, number: int) -> None:
        """Fails while the service is down."""
        self.probes.append(now())
        if number in self.down:
            raise APIConnectionError("down")

    def _on_change(self, number: int, available: bool) -> None:
        self.changes.append((number, available))
        if all(self.standby.available):
            self.back.set()
        else:
            self.back.clear()

    def fail(self, number: int) -> None:
        """A real call fails."""
        self.standby.failed(number, APIConnectionError("down"))


def test_the_first_that_is_available_is_chosen() -> None:
    """Those that failed come last, in their order."""

    async def scenario() -> list[int | None]:
        services = Services()
        chosen = [services.standby.choose(set())]
        services.fail(0)
        chosen += [services.standby.choose(tried) for tried in (set(), {1}, {0, 1})]
        await services.standby.aclose()
        return chosen

    assert run_virtual(scenario()) == [0, 1, 0, None]


def test_a_service_comes_back_when_its_probe_goes_well() -> None:
    """Within the interval."""
    services = Services()

    async def scenario() -> None:
        services.fail(0)
        await asyncio.sleep(1.0)
        await services.standby.aclose()

    run_virtual(scenario())
    assert services.changes == [(0, False), (0, True)]


def test_pauses_between_probes_grow_up_to_a_bound() -> None:
    """A service that is down for an hour is asked a minute apart at most, and never in vain."""
    services = Services()
    services.down = {0}

    async def scenario() -> None:
        services.fail(0)
        await asyncio.sleep(3600.0)
        await services.standby.aclose()

    run_virtual(scenario())
    pauses = [
        later - earlier
        for earlier, later in zip(services.probes, services.probes[1:], strict=False)
    ]
    assert max(pauses) <= LONGEST_PAUSE
    assert 60 <= len(services.probes) < 300


def test_a_failure_that_is_known_starts_no_second_probe() -> None:
    """However many calls fail at once."""
    services = Services()

    async def scenario() -> None:
        for _ in range(5):
            services.fail(0)
        await asyncio.sleep(1.0)
        await services.standby.aclose()

    run_virtual(scenario())
    assert len(services.probes) == 1
    assert services.changes == [(0, False), (0, True)]


def test_a_call_that_works_brings_a_service_back_at_once() -> None:
    """As when all had failed and it was tried all the same."""
    services = Services(interval=1000.0)

    async def scenario() -> None:
        services.fail(0)
        services.standby.worked(0)
        await services.standby.aclose()

    run_virtual(scenario())
    assert services.standby.available == (True, True)


@pytest.mark.parametrize("works_between", [True, False])
def test_a_service_that_only_passes_its_probes_is_trusted_less_and_less(
    works_between: bool,
) -> None:
    """Pauses go on growing until a real call has gone well."""
    services = Services()

    async def scenario() -> float:
        for _ in range(12):
            services.fail(0)
            await services.back.wait()
            if works_between:
                services.standby.worked(0)
        await services.standby.aclose()
        return now()

    assert (run_virtual(scenario()) > 13.0) is not works_between
