"""Files of models that are taken out of pinned packages, and their place on this machine.

Nothing here reaches for the network: a call must never wait for a download. Who has no file gets
an error that names the command for it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec import Struct

from agentd.errors import ModelFileMissing
from agentd.settings.load import environment
from agentd.settings.paths import models_directory


class ModelFile(Struct, frozen=True, kw_only=True):
    """A file that a plugin needs. A plugin lists its own as `MODEL_FILES`."""

    name: str
    """What it is called here."""
    package: str
    """The distribution that it comes in, on the package index."""
    version: str
    path_in_wheel: str
    sha256: str
    """Of the file, in hexadecimal."""
    size: int
    """Bytes."""
    wheel_sha256: str = ""
    """Of the wheel, where there is one for all platforms."""
    licence: str = ""
    """What it may be used under, for people to read."""


def cached_path(file: ModelFile, directory: Path | None = None) -> Path:
    """Where a file is kept, whether it is there or not."""
    where = directory or models_directory(environment())
    return where / f"{file.package}-{file.version}" / file.name


def find(file: ModelFile, directory: Path | None = None) -> Path:
    """Where a file is; raises ModelFileMissing with the remedy.

    Looks at the size only: a download that was cut short is as good as none. `is_intact` reads
    all of it.
    """
    path = cached_path(file, directory)
    try:
        size = path.stat().st_size
    except OSError:
        size = None
    if size == file.size:
        return path
    state = "is not there" if size is None else f"has {size} bytes instead of {file.size}"
    raise ModelFileMissing(
        f"'{path}', of {file.package} {file.version}, {state}: run `agentd models fetch`"
    )


def is_intact(file: ModelFile, path: Path) -> bool:
    """Whether a path has exactly this file in it. Reads all of it."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
