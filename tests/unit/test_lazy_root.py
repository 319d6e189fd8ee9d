"""`import agentd` loads nothing that the supervisor must not have."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentd


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has after it ran this code."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import agentd",
        "from agentd import AgentServer, WorkerOptions",
        "import agentd.app.describe, agentd.app.find, agentd.app.captured, agentd.app.preload",
    ],
)
def test_declaring_an_app_loads_no_media_library(code: str) -> None:
    """The command line imports these too."""
    heavy = {"livekit", "livekit.rtc", "livekit.api", "numpy", "openai", "aiohttp"}

    assert not heavy & modules_after(code)


@pytest.mark.parametrize("name", sorted(set(agentd.__all__) - {"cli"}))
def test_every_public_name_can_be_had(name: str) -> None:
    """The table's modules exist and have what it says."""
    assert getattr(agentd, name) is not None
    assert name in dir(agentd)


def test_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="AgentSever"):
        _ = agentd.AgentSever
