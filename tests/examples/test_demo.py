"""`make demo`: a person's recording is understood and answered by models on this machine."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]


async def test_the_demo_is_a_conversation_that_is_understood() -> None:
    """It ends well only if the recording was understood and the price told by a tool; both sides
    are kept."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "demo.py"),
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(200):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    told = output.decode()
    assert process.returncode == 0, told
    assert "agent: A pizza costs 14 dollars." in told
    with wave.open(str(ROOT / "build" / "demo-call.wav")) as kept:
        assert kept.getnchannels() == 2
        assert kept.getnframes() / kept.getframerate() > 15.0
