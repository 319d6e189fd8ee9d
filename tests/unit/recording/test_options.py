"""Tests of agentd.recording.options."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from agentd.recording.options import Record, recording_path


@pytest.mark.parametrize("record", [False, None, {"audio": False}])
def test_nothing_is_recorded_unless_asked(record: Record) -> None:
    """Nor is a directory made for it."""

    def directory() -> Path:
        raise AssertionError("not wanted")

    assert recording_path(record, directory) is None


@pytest.mark.parametrize("record", [True, {"audio": True}, {"traces": True}])
@pytest.mark.parametrize(("has_av", "name"), [(True, "audio.ogg"), (False, "audio.wav")])
def test_a_name_is_found_in_the_directory(
    record: Record, has_av: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opus where it can be encoded."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if has_av else None)

    assert recording_path(record, lambda: tmp_path) == tmp_path / name


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """A job that goes on in another process does not write over what the first one has heard."""
    (tmp_path / "call.wav").touch()
    (tmp_path / "call-2.wav").touch()

    assert recording_path(tmp_path / "call.wav", Path) == tmp_path / "call-3.wav"


def test_another_kind_of_file_is_refused() -> None:
    """The remedy is in the error."""
    with pytest.raises(ValueError, match=r"\.wav or \.ogg file, but not 'call.mp3'"):
        recording_path("call.mp3", Path)
