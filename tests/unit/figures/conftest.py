"""What is counted in this process by other tests is not counted by ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentd.figures import here


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    """An empty tally of the process, before and after."""
    here.take()
    yield
    here.take()
