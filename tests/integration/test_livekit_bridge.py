"""The bridge to livekit.plugins, whose tests run where livekit-agents is installed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.bridge_environment import BRIDGE, NoEnvironment, bridge_python

ROOT = Path(__file__).parents[2]
SUITE_TIMEOUT = 240.0
UNREACHABLE = re.compile(r"dns error|failed to fetch|error sending request|connect", re.IGNORECASE)


@pytest.fixture
def python() -> Path:
    """Of its environment; where the registry is out of reach, the test is skipped."""
    try:
        return bridge_python()
    except NoEnvironment as error:
        if UNREACHABLE.search(str(error)):
            pytest.skip(f"livekit-agents can't be installed: {error}")
        raise


@pytest.mark.timeout(1000)  # the first run on a machine installs 400 MB
def test_the_bridge_passes_its_own_tests(python: Path) -> None:
    """The contracts on plugins of livekit's, with the SDK that they pin, not ours."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))
    }
    paths = os.pathsep.join((str(ROOT), str(BRIDGE)))
    command = [str(python), "-m", "pytest", "-q", "--tb=short", "-c", "pytest.ini"]

    done = subprocess.run(
        command,
        check=False,
        cwd=BRIDGE,
        env=environment | {"PYTHONPATH": paths},
        timeout=SUITE_TIMEOUT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"


def test_nothing_else_knows_livekit_agents() -> None:
    """It is a dependency of the bridge alone."""
    sources = [*ROOT.glob("agentd/**/*.py"), *ROOT.glob("plugins/*/agentd_*/**/*.py")]
    imports = re.compile(r"^\s*(from|import) livekit\.(agents|plugins)", re.MULTILINE)

    assert [path for path in sources if imports.search(path.read_text())] == []
