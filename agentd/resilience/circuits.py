"""All circuits of this process.

A child of a daemon shares them with the others through its supervisor (`share`); without one, and
while it is lost, each process learns for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from agentd.aio.timing import now

from .breaker import BreakerPolicy
from .circuit import Circuit, CircuitEvent

logger = logging.getLogger("agentd.resilience")

MAX_CIRCUITS = 256
"""Beyond them the one that was made first and is closed is forgotten."""

MAX_KEY = 200
"""Characters of a key."""


class Sharer(Protocol):
    """Passes on to other processes what happens here."""

    def pass_on(self, circuit: Circuit, event: CircuitEvent) -> bool:
        """Returns at once; False where nobody can be told."""
        ...


class Circuits:
    """Circuits by their keys. Belongs to one event loop."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self._policy = policy or BreakerPolicy()
        self._circuits: dict[str, Circuit] = {}
        self._none = Circuit("", self._policy, self)
        self._sharer: Sharer | None = None
        self._shared = False
        self._callbacks: list[Callable[[Circuit], None]] = []

    def of(self, key: str) -> Circuit:
        """The circuit of a service, made at the first call; that of an empty key never opens."""
        if not key:
            return self._none
        key = key[:MAX_KEY]
        found = self._circuits.get(key)
        if found is None:
            self._make_room()
            found = self._circuits[key] = Circuit(key, self._policy, self)
        return found

    def not_closed(self) -> list[Circuit]:
        """Those that are open or half open."""
        return [circuit for circuit in self._circuits.values() if circuit.state != "closed"]

    def on_change(self, callback: Callable[[Circuit], None]) -> Callable[[], None]:
        """Call this after each change of any circuit; returns how to stop that."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    # -- other processes -------------------------------------------------------------------

    def share(self, sharer: Sharer | None) -> None:
        """From now on others are told, or (None) are not."""
        self._sharer = sharer
        self._shared = sharer is not None

    @property
    def shared(self) -> bool:
        """Whether others are told, as far as is known."""
        return self._shared

    def note(self, circuit: Circuit, event: CircuitEvent) -> None:
        """Something has happened to a circuit here."""
        if self._sharer is not None:
            self._shared = self._sharer.pass_on(circuit, event)
        if not self._shared:
            log_event(circuit, event)

    def changed(self, circuit: Circuit) -> None:
        """A circuit has changed."""
        for callback in tuple(self._callbacks):
            callback(circuit)

    def _make_room(self) -> None:
        if len(self._circuits) < MAX_CIRCUITS:
            return
        closed = (key for key, circuit in self._circuits.items() if circuit.state == "closed")
        self._circuits.pop(next(closed, next(iter(self._circuits))))


def log_event(circuit: Circuit, event: CircuitEvent) -> None:
    """Tell in the log what a circuit's supervisor would tell, were there one."""
    fields = {"circuit": circuit.key}
    match event:
        case "opened":
            logger.warning(
                "a service fails and is left alone for a while",
                extra={
                    "action": "circuit_opened",
                    **fields,
                    "reason": circuit.reason,
                    "times": circuit.level,
                    "next": f"one call tries it in {circuit.retry_at - now():.1f} s",
                },
            )
        case "probing":
            logger.info(
                "one call tries a service that has failed",
                extra={
                    "action": "circuit_half_open",
                    **fields,
                    "reason": "its cooldown is over",
                    "next": "the circuit closes if it is answered",
                },
            )
        case "answered":
            logger.info(
                "a service is called again",
                extra={
                    "action": "circuit_closed",
                    **fields,
                    "reason": "a probe was answered",
                    "next": "calls are made as before",
                },
            )
        case _:
            pass


_circuits = Circuits()


def circuits() -> Circuits:
    """Those of this process."""
    return _circuits


def forget_circuits(policy: BreakerPolicy | None = None) -> Circuits:
    """Begin anew with none, for tests; the policy is that of all circuits to come."""
    global _circuits  # noqa: PLW0603 - one a process, as the services are
    _circuits = Circuits(policy)
    return _circuits
