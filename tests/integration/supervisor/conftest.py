"""The supervisor's own processes, on the loop that the daemon uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.support.changes import Changes
from tests.support.subreaper import subreaper


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop has its own mind about SIGCHLD; what works elsewhere may not work there."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def orphans_come_to_us() -> Iterator[None]:
    """As they come to the daemon, for the length of a test."""
    with subreaper():
        yield


@pytest.fixture
def changes() -> Iterator[Changes]:
    """Wakes the test on each change of the pool and each line of the supervisor's log."""
    with Changes() as made:
        yield made
