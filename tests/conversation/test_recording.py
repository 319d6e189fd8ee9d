"""A session that is recorded, in memory but for its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd import Agent, AgentSession, RecordingFailedEvent
from agentd.errors import SessionError
from agentd.testing import FakeAudioInput, FakeHost
from agentd.voice.host import hosting


async def test_a_job_keeps_its_recording_in_its_directory(tmp_path: Path) -> None:
    """With `record=True`; the file is whole when the session is closed."""
    session = AgentSession[None]()
    session.input.audio = mic = FakeAudioInput()
    with hosting(FakeHost(directory=tmp_path)):
        await session.start(Agent(instructions=""), record={"audio": True})
    before = session.input.audio
    await session.aclose()

    assert session.recording is not None
    assert session.recording.parent == tmp_path
    assert session.recording.stat().st_size > 0
    assert before is not mic
    assert session.input.audio is mic


async def test_a_recording_that_can_not_be_made_is_an_event(tmp_path: Path) -> None:
    """The session goes on."""
    (tmp_path / "file").touch()
    events: list[RecordingFailedEvent] = []
    session = AgentSession[None]()
    session.on("recording_failed", events.append)

    await session.start(Agent(instructions=""), record=tmp_path / "file" / "call.wav")
    running = session.is_running
    await session.aclose()

    assert running
    assert [event.path for event in events] == [str(tmp_path / "file" / "call.wav")]


async def test_outside_of_a_job_a_recording_needs_a_name() -> None:
    """There is no directory for it."""
    session = AgentSession[None]()

    with pytest.raises(SessionError, match=r"record='call.wav'"):
        await session.start(Agent(instructions=""), record=True)


async def test_nothing_is_recorded_unless_asked() -> None:
    """And nothing stands between the session and its audio."""
    session = AgentSession[None]()
    mic = session.input.audio = FakeAudioInput()
    await session.start(Agent(instructions=""))
    held = session.input.audio
    await session.aclose()

    assert held is mic
    assert session.recording is None
