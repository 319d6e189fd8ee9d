"""Conversations among fakes: a scenario is played, and what happened is looked at after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.testing import FakeHost, FakeTTS, FakeVAD, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.snapshot import SessionSnapshot, decode

Scenario = Callable[[Scene], Awaitable[None]]


def play(scenario: Scenario, *args: Any, **kwargs: Any) -> Scene:
    """The scene after a scenario, which has a voice and a VAD unless told otherwise."""

    async def run() -> Scene:
        defaults = {"tts": FakeTTS(), "vad": FakeVAD(), "user_away_timeout": None}
        async with Scene(*args, **{**defaults, **kwargs}) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


def asked(seconds: float = 5.0, *texts: str) -> Scenario:
    """Ask for a reply to each text, when all about the one before is said; then time passes."""

    async def scenario(scene: Scene) -> None:
        for text in texts or ("Go.",):
            await scene.session.generate_reply(user_input=text)
            await scene.session.wait_for_idle()
        await scene.until(seconds)

    return scenario


def spoken(seconds: float, *starts: float) -> Scenario:
    """The user speaks for a second at each of these instants; then time passes."""

    async def scenario(scene: Scene) -> None:
        for start in starts:
            scene.mic.speak(1.0, start_in=start)
        await scene.until(seconds)

    return scenario


class Kept:
    """Plays a scenario within a job, and has the snapshot as it is at its end."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._data = b""
        self.host = FakeHost()

    async def __call__(self, scene: Scene) -> None:
        await self._scenario(scene)
        await asyncio.sleep(0)
        self._data = self.host.kept

    @property
    def snapshot(self) -> SessionSnapshot:
        """Raises StateError where none was taken."""
        return decode(self._data)


def lines(caplog: pytest.LogCaptureFixture, *actions: str) -> list[logging.LogRecord]:
    """What the log says under these actions."""
    return [record for record in caplog.records if vars(record).get("action") in actions]
