"""Whether a session is recorded, and where to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeAlias, TypedDict

FILE_NAME = "audio"
SUFFIXES = (".ogg", ".wav")


class RecordingOptions(TypedDict, total=False):
    """What of a session is kept. `traces`, `logs` and `transcript` are accepted without effect: the
    daemon keeps those its own way."""

    audio: bool
    traces: bool
    logs: bool
    transcript: bool


Record: TypeAlias = bool | RecordingOptions | str | Path | None
"""What `AgentSession.start(record=...)` takes: a file's name, or whether to record."""


def recording_path(record: Record, directory: Callable[[], Path]) -> Path | None:
    """The file to write, which is not there yet; None for no recording.

    Without a name it is `audio.ogg` (`audio.wav` where PyAV is missing) in the directory. A file
    that is there stays: the next free name is taken, as for a job that goes on in another process.
    Raises ValueError for another kind of file.
    """
    wanted = record.get("audio", True) if isinstance(record, dict) else record
    if not wanted:
        return None
    if wanted is True:
        suffix = ".ogg" if importlib.util.find_spec("av") is not None else ".wav"
        return _free(directory() / f"{FILE_NAME}{suffix}")
    path = Path(wanted)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a recording is a .wav or .ogg file, but not '{path}'")
    return _free(path)


def _free(path: Path) -> Path:
    names = (path if n == 1 else path.with_stem(f"{path.stem}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())
