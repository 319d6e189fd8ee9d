"""What the probes in other processes are asked, and answer."""

from __future__ import annotations

from msgspec import Struct

from agentd.protocol.app import AppInfo, AppRef

IMPORT_BEGINS = "agentd doctor: the import begins"
"""The app's probe writes it to standard error: what is loaded before it is agentd's own."""


class AppQuestion(Struct, frozen=True, kw_only=True):
    """Import this app, as a template does."""

    app: AppRef


class ThreadFact(Struct, frozen=True, kw_only=True):
    """A thread that runs after the import."""

    name: str
    started_by: str
    """The module whose import started it, with file and line where it is Python's."""


class AppFacts(Struct, frozen=True, kw_only=True):
    """An app after its import."""

    info: AppInfo | None = None
    """None where the import failed."""
    error: str = ""
    line: str = ""
    """Where in the user's code it failed."""
    seconds: float = 0.0
    threads: tuple[ThreadFact, ...] = ()
    rss_mb: float = 0.0
    plugins: tuple[str, ...] = ()
    """Plugins of agentd's that it has imported."""
    models: tuple[str, ...] = ()
    """STT, LLM and TTS objects that the app's modules have at their top level."""


class ModelsQuestion(Struct, frozen=True, kw_only=True):
    """Ask each model of an app whether it is well."""

    app: AppRef
    timeout: float


class ModelAnswer(Struct, frozen=True, kw_only=True):
    """How one of them is."""

    label: str
    seconds: float = 0.0
    error: str = ""


class MediaQuestion(Struct, frozen=True, kw_only=True):
    """Have two participants speak to each other."""

    url: str
    tokens: tuple[str, str]
    tcp_only: bool
    timeout: float
    """Seconds for each step: joining, hearing."""

    def __repr__(self) -> str:
        return f"MediaQuestion(url={self.url!r}, tcp_only={self.tcp_only})"


class Heard(Struct, frozen=True, kw_only=True):
    """What one of them has heard of the other."""

    latency_ms: float
    """From the first loud sample handed over to the first one heard."""
    received: int
    lost: int
    """Packets."""


class Route(Struct, frozen=True, kw_only=True):
    """The pair of addresses that media goes by."""

    protocol: str
    """udp or tcp."""
    local: str
    remote: str
    relayed: bool
    kind: str = ""
    """Of both candidates, such as `host to host`."""
    round_trip_ms: float


class MediaFacts(Struct, frozen=True, kw_only=True):
    """How the two got on."""

    joined_seconds: float = 0.0
    heard: tuple[Heard, ...] = ()
    """One for each of the two, if both were heard."""
    route: Route | None = None
    error: str = ""
    """What did not happen."""


class LibraryFact(Struct, frozen=True, kw_only=True):
    """A native library that was loaded, or was not."""

    name: str
    version: str = ""
    ms: float = 0.0
    error: str = ""


class Nothing(Struct, frozen=True):
    """A question without a parameter."""


class LibraryFacts(Struct, frozen=True, kw_only=True):
    """All of them."""

    libraries: tuple[LibraryFact, ...]


class ModelAnswers(Struct, frozen=True, kw_only=True):
    """All of them."""

    models: tuple[ModelAnswer, ...]
