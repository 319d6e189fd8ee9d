"""What a plugin says about a model file that it needs."""

from __future__ import annotations

import re

from msgspec import Struct

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ModelFile(Struct, frozen=True, kw_only=True):
    """One file, and the wheel on the package index that has it."""

    name: str
    """Of the file in the cache, such as `smart-turn-v3.2-cpu.onnx`; unique for its content."""
    package: str
    version: str
    """Exactly this one: another may lack the file, or have another under its name."""
    path_in_wheel: str
    sha256: str
    """Of the file, in lower-case hex."""
    size: int
    """Bytes of the file."""
    licence: str = ""
    """What it may be used under, for people to read."""

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"'{self.sha256}' is no SHA-256 in lower-case hex")
        if "/" in self.name or self.name in ("", ".", ".."):
            raise ValueError(f"'{self.name}' is no name of a file")
        if self.size <= 0:
            raise ValueError(f"the size of '{self.name}' must be positive, but is {self.size}")
