"""Circuits: the breaker of one service, as those see it who call that service.

An attempt is made inside of `Circuit.attempt()`; the base classes of the models see to it. While
the circuit is open that raises CircuitOpen at once, so whoever has another service takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

from agentd.aio.bell import Bell
from agentd.aio.timing import now
from agentd.errors import APIError, APIStatusError, CircuitOpen

from .breaker import Breaker, BreakerPolicy, CircuitState, judge
from .budget import RetryBudget

logger = logging.getLogger("agentd.resilience")

GRANT_PATIENCE = 1.0
"""Seconds beyond the cooldown that those who wait leave the first probe to other processes.

Half of it to all of it, by chance, so that processes do not all probe at one instant."""

TICK = 0.001
"""Seconds: a loop's timers may fire so much too early."""

CircuitEvent: TypeAlias = Literal["opened", "wanted", "probing", "answered", "given_up"]
"""What happens to a circuit in this process: see `protocol.frames.CircuitReport`."""


class Watcher(Protocol):
    """Hears what happens to circuits; the registry."""

    @property
    def shared(self) -> bool:
        """Whether other processes are told."""
        ...

    def note(self, circuit: Circuit, event: CircuitEvent) -> None:
        """Something has happened to it here."""
        ...

    def changed(self, circuit: Circuit) -> None:
        """It has changed, by what happened here or elsewhere."""
        ...


class Circuit:
    """One service's. Made by `Circuits.of`; one with an empty key never opens."""

    def __init__(self, key: str, policy: BreakerPolicy, watcher: Watcher) -> None:
        self.key = key
        """`provider/model`."""
        self.budget = RetryBudget()
        """Of the retries of all calls to it."""
        self._breaker = Breaker(policy)
        self._watcher = watcher
        self._bell = Bell()
        self._callbacks: list[Callable[[], None]] = []
        self._granted = False
        """Whether it is this process that is to make the next probe."""

    # -- looking ---------------------------------------------------------------------------

    @property
    def state(self) -> CircuitState:
        """Closed, open, or half open: the cooldown is over, and one call may be tried."""
        return self._breaker.state(now()) if self.key else "closed"

    @property
    def retry_at(self) -> float:
        """When a call may be made, on the loop's clock; not in the future if now."""
        at = now()
        return self._breaker.next_try_at(at) if self.key else at

    @property
    def level(self) -> int:
        """How often it has opened without lasting health between."""
        return self._breaker.level

    @property
    def reason(self) -> str:
        """Why it has opened the last time."""
        return self._breaker.reason

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this after each change; returns how to stop that.

        Time alone, which makes an open circuit half open, is no change: a probe is one.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    async def wait_closed(self) -> None:
        """Wait until the service is known to answer. Makes no probe itself; without a deadline."""
        await self._bell.until(lambda: self.state == "closed")

    async def wait_ready(self) -> None:
        """Wait until a call may be made here: the circuit is closed, or a probe is wanted.

        Of several who wait the first to call makes the probe. Without a deadline of its own.
        """
        patience = GRANT_PATIENCE * random.uniform(0.5, 1.0)
        if self.state != "closed":
            self._watcher.note(self, "wanted")
        while now() < (ready_at := self._ready_at(patience)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(ready_at + TICK):
                    await self._bell.until(lambda: self._ready_at(patience) != ready_at)

    def _ready_at(self, patience: float) -> float:
        """When whoever waits may call; the distant past if now."""
        if self.state == "closed":
            return float("-inf")
        # With a supervisor it says whose turn it is. It is waited for, but not for ever.
        beyond = patience if self._watcher.shared and not self._granted else 0.0
        return self.retry_at + beyond

    # -- calling ---------------------------------------------------------------------------

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Make one attempt inside of this block; raises CircuitOpen instead of entering it.

        An APIError that leaves the block is counted, and marked with the circuit's key. Being
        cancelled or closed says nothing of a service that had not answered.
        """
        made = self._admit()
        try:
            yield made
        except APIError as error:
            made.failed(error)
            raise
        except BaseException:
            made.broken_off()
            raise
        made.succeeded()

    def _admit(self) -> Attempt:
        at = now()
        admission = self._breaker.admit(at) if self.key else "call"
        if admission == "refused":
            retry_at = self._breaker.next_try_at(at)
            raise CircuitOpen(
                f"{self.key} has failed and is left alone for {retry_at - at:.1f} s: "
                f"{self._breaker.reason}",
                circuit=self.key,
                retry_at=retry_at,
            )
        if admission == "probe":
            self._granted = False
            self._tell("probing")
        return Attempt(self.key, self._breaker, self._tell, probe=admission == "probe")

    # -- what is heard from elsewhere --------------------------------------------------------

    def hear_open(self, cooldown: float, *, level: int, reason: str) -> None:
        """Another process has found the service down."""
        self._granted = False
        self._breaker.open(now(), cooldown, level=level, reason=reason)
        self._changed()

    def hear_probe(self, held_for: float, *, level: int, reason: str) -> None:
        """Another process makes a probe for so long at most; 0.0: one may be made by whoever."""
        self._granted = False
        self._breaker.open(now(), 0.0, level=level, reason=reason)
        self._breaker.hold(now() + held_for)
        self._changed()

    def hear_closed(self) -> None:
        """Another process had an answer."""
        self._breaker.close(now())
        self._changed()

    def hear_grant(self, *, level: int, reason: str) -> None:
        """This process is to make the next probe, now."""
        self._granted = True
        self._breaker.open(now(), 0.0, level=level, reason=reason)
        self._changed()

    # -- inside ------------------------------------------------------------------------------

    def _tell(self, event: CircuitEvent) -> None:
        self._watcher.note(self, event)
        self._changed()

    def _changed(self) -> None:
        self._bell.ring()
        for callback in tuple(self._callbacks):
            callback()
        self._watcher.changed(self)


class Attempt:
    """One attempt that was admitted; says how it fares."""

    def __init__(
        self, key: str, breaker: Breaker, tell: Callable[[CircuitEvent], None], *, probe: bool
    ) -> None:
        self._key = key
        self._breaker = breaker
        self._tell = tell
        self._probe = probe
        self._lease = breaker.probe_until
        self._answered = False

    def answered(self) -> None:
        """The service has begun to answer. May be repeated."""
        if self._answered or not self._key:
            return
        self._answered = True
        if self._probe and self._breaker.answered(now()):
            self._tell("answered")

    def succeeded(self) -> None:
        """It went well, or so far: a stream may say so several times."""
        if self._key:
            self.answered()
            self._breaker.succeeded(now())

    def failed(self, error: APIError) -> None:
        """It has failed."""
        if not self._key:
            return
        error.circuit = error.circuit or self._key
        match judge(error):
            case "down":
                self._count(error)
            case "answers":
                self.succeeded()
            case _:
                self.broken_off()

    def broken_off(self) -> None:
        """It was ended from outside, or failed by no fault of the service."""
        if not self._key:
            return
        if self._answered:
            self._breaker.succeeded(now())
        elif self._probe and self._breaker.given_up(self._lease):
            self._tell("given_up")

    def _count(self, error: APIError) -> None:
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        opened = self._breaker.failed(
            now(),
            probe=self._probe and not self._answered,
            reason=str(error),
            draw=random.random(),
            asked=asked or 0.0,
        )
        if opened:
            self._tell("opened")
