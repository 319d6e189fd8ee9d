"""What is known of a model file in the cache."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from .files import ModelFile, is_intact


class FileState(StrEnum):
    """Whether a file can be used."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


def verify(file: ModelFile, path: Path) -> FileState:
    """Read the whole file and compare its hash; raises OSError where it can't be read."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return FileState.MISSING
    if size != file.size or not is_intact(file, path):
        return FileState.DAMAGED
    return FileState.READY
