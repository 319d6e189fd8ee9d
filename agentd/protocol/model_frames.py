"""The frames of the model host: with the processes that use it, and with its supervisor.

A request and an answer are bytes that only the plugin and its runner understand. The version is
that of all frames; `ModelHello` is the first frame of a connection and carries it.
"""

from __future__ import annotations

from .frames import Frame, Log, LogsDropped, Ping, Pong, Shutdown

# -- client -> host ----------------------------------------------------------------


class ModelHello(Frame, frozen=True, kw_only=True, tag="model_hello"):
    """First frame of a client; the answer is `HostHello`."""

    version: int
    pid: int


class ModelCall(Frame, frozen=True, kw_only=True, tag="model_call"):
    """Have a model answer; any number may be under way."""

    call: int
    """Chosen by the client, and not used again on this connection."""
    model: str
    """The key of its ref."""
    request: bytes
    stream: bool = False
    """Give the answer in parts, as they come."""


class ModelCancel(Frame, frozen=True, kw_only=True, tag="model_cancel"):
    """Nobody waits for this call any more; nothing comes for it after this, or only just."""

    call: int


# -- host -> client ----------------------------------------------------------------


class HostHello(Frame, frozen=True, kw_only=True, tag="host_hello"):
    """Answer to `ModelHello`: calls may come."""

    version: int
    pid: int
    models: list[str]
    """Keys of what it has loaded."""


class ModelPart(Frame, frozen=True, kw_only=True, tag="model_part"):
    """One part of an answer that is streamed."""

    call: int
    data: bytes


class ModelAnswer(Frame, frozen=True, kw_only=True, tag="model_answer"):
    """The answer, or the end of a streamed one."""

    call: int
    data: bytes = b""


class ModelFailure(Frame, frozen=True, kw_only=True, tag="model_failure"):
    """The call has failed, and so ended."""

    call: int
    error: str
    code: str
    """Of the `ModelError`."""
    retryable: bool = False


# -- host -> supervisor --------------------------------------------------------------


class HostReady(Frame, frozen=True, kw_only=True, tag="host_ready"):
    """All models are loaded, and clients are heard."""

    pid: int
    models: list[str]
    load_seconds: float


class HostFailed(Frame, frozen=True, kw_only=True, tag="host_failed"):
    """A model could not be loaded, or the socket not be made; the host exits after this."""

    error: str
    model: str = ""


ToModelHost = ModelHello | ModelCall | ModelCancel
FromModelHost = HostHello | ModelPart | ModelAnswer | ModelFailure
ToHostProcess = Shutdown | Ping
"""From the supervisor. A connection that ends without it: the supervisor has died."""
FromHostProcess = HostReady | HostFailed | Pong | Log | LogsDropped
