"""A recording outlives the process that made it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from agentd.audio.files import audio_frames_from_file

RECORDS = """
import asyncio, sys
from pathlib import Path
from agentd.io import AgentInput, AgentOutput
from agentd.recording import RecorderIO
from agentd.testing import FakeAudioInput

async def main():
    input = AgentInput()
    mic = input.audio = FakeAudioInput()
    recorder = RecorderIO(Path(sys.argv[1]), lost=print)
    await recorder.start(input, AgentOutput())
    mic.speak(60.0)
    async for _ in input.audio:
        if recorder.duration >= 1.5:
            print("recorded", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("suffix", [".wav", ".ogg"])
async def test_a_process_that_is_killed_leaves_what_it_has_written(
    tmp_path: Path, suffix: str
) -> None:
    """The file can be read, and has the sound in it."""
    path = tmp_path / f"call{suffix}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RECORDS, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = await process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        await process.communicate()

    frames = [frame async for frame in audio_frames_from_file(path, 24000, 2)]

    assert line == b"recorded\n"
    assert sum(frame.duration for frame in frames) >= 0.9
    assert any(frame.samples[:, 0].any() for frame in frames)
