"""A machine under a real systemd with agentd installed from its Debian package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, callers_of
from tests.support.debian import build_package, for_this_machine, install, whole_package
from tests.support.machine import Machine, Records, booted, why_not

TONE = Path(__file__).parents[1] / "support" / "tone_app.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package."""
    return whole_package() or build_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def machine(package: Path, livekit_server: LiveKitServer) -> Iterator[Machine]:
    """A machine on which the package is installed and configured; nothing runs yet."""
    why = why_not()
    if why:
        pytest.skip(f"no machine under systemd: {why}")
    with booted() as machine:
        install(machine, package)
        machine.write(
            "/etc/default/agentd",
            f"AGENTD_APP={TONE}\nLIVEKIT_URL={livekit_server.url}\nAGENTD_AGENT_NAME=on-systemd\n"
            "AGENTD_PORT=0\nAGENTD_MAX_JOBS=4\nAGENTD_NUM_IDLE_PROCESSES=1\n",
        )
        for name, value in (
            ("key", livekit_server.api_key),
            ("secret", livekit_server.api_secret),
        ):
            machine.write(f"/etc/credstore/agentd.livekit_api_{name}", f"{value}\n", mode=0o600)
        for unit in ("agentd.service", "agentd@.service"):
            machine.write(f"/etc/systemd/system/{unit}.d/checkout.conf", for_this_machine())
        machine.run("systemctl", "daemon-reload")
        yield machine


@pytest.fixture
async def records(machine: Machine) -> AsyncIterator[Records]:
    """What the machine's journal is told."""
    async with machine.following() as records:
        yield records


@pytest.fixture
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    """Whoever dispatches and joins."""
    async with callers_of(livekit_server) as them:
        yield them
