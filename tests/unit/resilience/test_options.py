"""What one call to a service may cost."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions


def test_the_defaults_are_those_that_users_know() -> None:
    """Three retries, two seconds between them, ten seconds each."""
    options = DEFAULT_API_CONNECT_OPTIONS

    assert (options.max_retry, options.retry_interval, options.timeout) == (3, 2.0, 10.0)


def test_the_first_retry_comes_soon_and_the_others_at_the_interval() -> None:
    """Most faults are over at once."""
    pauses = [APIConnectOptions(retry_interval=5.0).pause_before(retry) for retry in range(3)]

    assert pauses == [0.1, 5.0, 5.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_retry": -1}, "max_retry must not be negative, but is -1"),
        ({"retry_interval": -0.5}, r"retry_interval \(-0.5\)"),
        ({"timeout": 0.0}, r"timeout \(0.0\)"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(values: dict[str, Any], message: str) -> None:
    """When the options are made, not when they are used."""
    with pytest.raises(ValueError, match=message):
        APIConnectOptions(**values)


def test_no_pause_at_all_can_be_asked_for() -> None:
    """As by tests, and by models in the same process."""
    assert APIConnectOptions(max_retry=0, retry_interval=0.0).pause_before(1) == 0.0
