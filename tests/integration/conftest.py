"""Where the commands under test find their daemon; a script of one, and a fake of LiveKit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.management.control_server import ControlServer
from tests.support.controls import ScriptedControls
from tests.support.fake_livekit import FakeLiveKit


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> Path:
    """No settings but where the directories are; no agentd.toml either."""
    for name in list(os.environ):
        if name.startswith(("AGENTD_", "LIVEKIT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(workdir)
    monkeypatch.setenv("AGENTD_RUNTIME_DIR", str(workdir))
    monkeypatch.setenv("AGENTD_STATE_DIR", str(workdir / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    return workdir


@pytest.fixture
async def controls(workdir: Path) -> AsyncIterator[ScriptedControls]:
    """What the daemon in the runtime directory does."""
    controls = ScriptedControls()
    async with ControlServer(workdir / "control.sock", controls):
        yield controls


@pytest.fixture
async def fake() -> AsyncIterator[FakeLiveKit]:
    """A LiveKit server of the test's own."""
    async with FakeLiveKit() as server:
        yield server
