"""Where fetched model files are kept, and whether they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from agentd.errors import ModelFileMissing
from agentd.settings.load import environment

from .files import ModelFile

DIRECTORY_VARIABLE = "AGENTD_MODELS_DIR"

BLOCK = 1 << 20
"""Bytes read at once."""


class FileState(StrEnum):
    """What is known of a file in the cache."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


def models_directory(environ: Mapping[str, str] | None = None) -> Path:
    """The cache: AGENTD_MODELS_DIR, else `agentd/models` in the user's cache directory."""
    environ = environment() if environ is None else environ
    if named := environ.get(DIRECTORY_VARIABLE, ""):
        return Path(named).expanduser()
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    cache = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return cache / "agentd" / "models"


def path_of(file: ModelFile, directory: Path) -> Path:
    """Where a file is kept: the start of its hash keeps two versions of one name apart."""
    return directory / file.sha256[:12] / file.name


def find(file: ModelFile, directory: Path | None = None) -> Path:
    """The file on this machine; raises ModelFileMissing, which says how to get it.

    Looks at its size only, since it runs at a process's start; `verify` reads all of it.
    """
    path = path_of(file, directory or models_directory())
    if state_by_size(file, path) is FileState.READY:
        return path
    raise ModelFileMissing(
        f"the model file '{file.name}' ({file.size / 1e6:.0f} MB) is not in '{path.parent.parent}': "
        f"run `agentd models fetch`, or set {DIRECTORY_VARIABLE} to where it was fetched to"
    )


def state_by_size(file: ModelFile, path: Path) -> FileState:
    """A quick look: a file of another size is damaged."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return FileState.MISSING
    return FileState.READY if size == file.size else FileState.DAMAGED


def verify(file: ModelFile, path: Path) -> FileState:
    """Read the whole file and compare its hash; raises OSError where it can't be read."""
    state = state_by_size(file, path)
    if state is not FileState.READY:
        return state
    return FileState.READY if sha256_of(path) == file.sha256 else FileState.DAMAGED


def sha256_of(path: Path) -> str:
    """Of a file, in lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
