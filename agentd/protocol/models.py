"""Local models as plain data: what names one to a process that is to load it."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

OptionValue = bool | int | float | str | None

_options_encoder = msgspec.msgpack.Encoder(order="sorted")


class ModelRef(Struct, frozen=True, kw_only=True):
    """How a local model is made, in words that another process understands.

    Two refs with the same target and options are the same model, whatever else differs.
    """

    name: str
    """For people, such as `piper`."""
    target: str
    """`package.module:callable` of what makes its runner (`agentd.models.ModelRunner`)."""
    options: dict[str, OptionValue] = {}
    """Keyword arguments of that callable."""
    threads: int = 1
    """How many calls it answers at once, each by a copy of the model."""

    def check(self) -> None:
        """Raise ValueError for a target that names no callable, and where nothing is to work."""
        module, _, function = self.target.partition(":")
        if not (module and function):
            raise ValueError(f"target must be 'package.module:callable', but is '{self.target}'")
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, but is {self.threads}")

    @property
    def key(self) -> str:
        """Names the model among others of the same kind: `piper-1f0c9a7e`."""
        identity = _options_encoder.encode((self.target, self.options))
        return f"{self.name}-{hashlib.sha256(identity).hexdigest()[:8]}"


class HostArgs(Struct, frozen=True, kw_only=True):
    """What a model host gets on its command line, as JSON."""

    socket: str
    """Where it listens for children."""
    models: list[ModelRef]
    folder: str = ""
    """Where the app's own modules are; empty where they are installed."""
    log_level: str = "INFO"
    hung_after: float = 120.0
    """Seconds without an answer, or the next part of one, after which a model counts as hung."""
