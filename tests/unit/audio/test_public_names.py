"""What users import from agentd.audio, agentd.tts and agentd.tokenize."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentd.audio
import agentd.tokenize
import agentd.tts


@pytest.mark.parametrize("package", [agentd.audio, agentd.tokenize, agentd.tts])
def test_every_public_name_is_there(package: object) -> None:
    """Also those that are loaded on first use."""
    assert [name for name in package.__all__ if not hasattr(package, name)] == []  # type: ignore[attr-defined]


def test_an_unknown_name_is_said() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute 'Loudspeaker'"):
        agentd.audio.Loudspeaker  # noqa: B018 - to look it up is the point


def test_frames_load_no_decoder() -> None:
    """FFmpeg costs 20 MB, and asyncio is not needed for samples."""
    code = (
        "import sys, agentd.audio.frame; print(sys.modules.keys() & {'av', 'agentd.audio.codecs'})"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert loaded.stdout.strip() == "set()"
