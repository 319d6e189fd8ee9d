"""The service behind a model: whether it is out, and when it may be tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from agentd.aio.bell import Bell
from agentd.errors import APIError
from agentd.resilience import Circuit, circuits
from agentd.voice.options import OutageKind


class Service(Protocol):
    """What a model needs from outside."""

    def is_out(self) -> bool:
        """Whether it does not work, as far as is known."""

    async def ready(self) -> None:
        """Wait until it works, or may be tried. Without a deadline of its own."""


@runtime_checkable
class Fallback(Protocol):
    """A model made of several; it tries those that failed by itself."""

    @property
    def available(self) -> tuple[bool, ...]: ...

    def on(self, event: str, callback: Callable[[Any], None]) -> Any: ...

    def off(self, event: str, callback: Callable[[Any], None]) -> Any: ...


def service_of(kind: OutageKind, model: Any, error: BaseException) -> Service | None:
    """What a model that has failed needs; None where no circuit tells of it."""
    key = getattr(model, "circuit", "")
    if key:
        return _One(circuits().of(key))
    if isinstance(model, Fallback) and _is_of_a_service(error):
        return _Several(kind, model)
    return None


class _One:
    """That of a model by itself."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    def is_out(self) -> bool:
        return self._circuit.state != "closed"

    async def ready(self) -> None:
        await self._circuit.wait_ready()


class _Several:
    """Those of several models, one of which is enough."""

    def __init__(self, kind: OutageKind, model: Fallback) -> None:
        self._event = f"{kind}_availability_changed"
        self._model = model

    def is_out(self) -> bool:
        return not any(self._model.available)

    async def ready(self) -> None:
        bell = Bell()

        def changed(_: Any) -> None:
            bell.ring()

        self._model.on(self._event, changed)
        try:
            await bell.until(lambda: not self.is_out())
        finally:
            self._model.off(self._event, changed)


def _is_of_a_service(error: BaseException | None) -> bool:
    """Whether one of the models that have failed has a circuit."""
    while error is not None:
        if isinstance(error, APIError) and error.circuit:
            return True
        error = error.__cause__
    return False
