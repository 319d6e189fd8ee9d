"""Which of several services can be used, and finding out when a failed one can be again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from agentd.aio.tasks import TaskOwner
from agentd.errors import APIError, CircuitOpen, ModelError
from agentd.figures import count
from agentd.figures.families import FALLBACK_SWITCHES
from agentd.supervision.backoff import Backoff

from .circuits import circuits

logger = logging.getLogger("agentd.resilience")

LONGEST_PAUSE = 60.0
"""Seconds between two probes of a service that stays away, at most."""


class Standby:
    """Services in the order of preference. Those that failed are probed in the background.

    A probe is a call that costs little; it raises ModelError while the service is not well. Pauses
    between probes grow up to LONGEST_PAUSE, and go on growing for a service that passes its probe
    and fails again at the next real call. One whose circuit is open is not probed in vain: it is
    waited for, and where another call has found it well meanwhile, it needs no probe. Needs to be
    closed, or probes go on.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        probe: Callable[[int], Awaitable[None]],
        on_change: Callable[[int, bool], None],
        interval: float,
        circuit_of: Callable[[int], str] = lambda _: "",
    ) -> None:
        """`circuit_of` gives the key of a service's circuit, empty where it has none."""
        self._names = tuple(names)
        self._circuit_of = circuit_of
        self._probe = probe
        self._on_change = on_change
        self._backoffs = [Backoff(base=interval, cap=LONGEST_PAUSE) for _ in names]
        self._available = [True] * len(self._names)
        self._owner = TaskOwner("standby")

    @property
    def available(self) -> tuple[bool, ...]:
        """Of each service whether it can be used, as far as is known."""
        return tuple(self._available)

    def choose(self, tried: set[int]) -> int | None:
        """The next to try: the first that is available, else the first that is not.

        None when all were tried.
        """
        left = [number for number in range(len(self._names)) if number not in tried]
        return min(left, key=lambda number: (not self._available[number], number), default=None)

    def worked(self, number: int) -> None:
        """A real call went well."""
        self._backoffs[number].reset()
        self._set(number, available=True)

    def failed(self, number: int, error: Exception) -> None:
        """A real call failed: others are preferred until a probe goes well."""
        if any(self._available[:number] + self._available[number + 1 :]):
            count(FALLBACK_SWITCHES, model=self._names[number])
        if not self._available[number]:
            return
        logger.warning(
            "a model is left out until it answers again",
            extra={
                "action": "model_unavailable",
                "model": self._names[number],
                "error": str(error),
            },
        )
        self._set(number, available=False)
        turned_away = isinstance(error, CircuitOpen)
        self._owner.start(
            self._recover(number, turned_away=turned_away), name=f"probe-{self._names[number]}"
        )

    def mark(self, error: APIError) -> APIError:
        """Note in the error of all which circuit can be tried first, if any has one."""
        keys = [self._circuit_of(number) for number in range(len(self._names))]
        known = [circuits().of(key) for key in keys if key]
        if known:
            error.circuit = min(known, key=lambda circuit: circuit.retry_at).key
        return error

    async def aclose(self) -> None:
        """End the probes. May be repeated."""
        await self._owner.aclose()

    async def _recover(self, number: int, *, turned_away: bool) -> None:
        """`turned_away`: this service was not even asked; its circuit is all that is known."""
        circuit = circuits().of(self._circuit_of(number))
        while not self._available[number]:
            if not turned_away:
                await asyncio.sleep(self._backoffs[number].next_delay())
            if circuit.state != "closed":
                await circuit.wait_ready()
                turned_away = True
            if turned_away and circuit.state == "closed":
                self._set(number, available=True)
                return
            try:
                await self._probe(number)
            except ModelError as error:
                turned_away = isinstance(error, CircuitOpen)
                logger.debug("a model still does not answer", extra={"error": str(error)})
            else:
                self._set(number, available=True)

    def _set(self, number: int, *, available: bool) -> None:
        if self._available[number] is available:
            return
        self._available[number] = available
        if available:
            logger.info(
                "a model answers again",
                extra={"action": "model_available", "model": self._names[number]},
            )
        self._on_change(number, available)
