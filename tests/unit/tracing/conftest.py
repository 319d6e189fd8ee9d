"""What the tests of traces share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentd.telemetry import set_tracer_provider
from agentd.tracing.switch import switch
from tests.support.spans import Recorded


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """Each test begins without traces, and leaves none."""
    switch.turn_off()
    yield
    switch.turn_off()


@pytest.fixture
def recorded() -> Recorded:
    """What is recorded from now on."""
    made = Recorded()
    set_tracer_provider(made.provider)
    return made
