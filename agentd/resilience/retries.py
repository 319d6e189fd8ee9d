"""The tries of one call: whether there is another, how long before it, and how long it may take."""

from __future__ import annotations

import random

from agentd.aio.timing import now
from agentd.errors import APIError, APIStatusError
from agentd.figures import count
from agentd.figures.families import RETRIES_REFUSED

from .circuit import Circuit
from .circuits import circuits
from .options import APIConnectOptions

SPREAD = 0.1
"""Share of the time that a service asks for by which it is exceeded, at most, by chance."""


class Retries:
    """Those of one call. Begins when it is made.

    The options say how often and how long. A call to the outside, one with a circuit, pauses by
    chance up to their pauses (full jitter), shares a budget with the others, and waits for as long
    as the service asks it to.
    """

    def __init__(self, options: APIConnectOptions, circuit: str) -> None:
        self._options = options
        self._circuit: Circuit = circuits().of(circuit)
        self._made = 0
        self._began_at = now()
        self._circuit.budget.called(self._began_at)

    def begin(self) -> None:
        """What was asked for was had: what fails from now on is a new fault."""
        self._made = 0
        self._began_at = now()

    @property
    def time(self) -> float:
        """Seconds for the next try to give its first result."""
        return min(self._options.timeout, max(0.0, self._left()))

    def after(self, error: APIError) -> float | None:
        """Seconds to wait before another try; None if there is none."""
        if not error.retryable or self._made >= self._options.max_retry:
            return None
        pause = pause_after(
            error,
            self._options.pause_before(self._made),
            patience=self._options.timeout,
            draw=random.random() if self._circuit.key else None,
        )
        if pause is None or pause >= self._left() or self._stays_open(pause):
            return None
        if self._circuit.key and not self._circuit.budget.spend(now()):
            count(RETRIES_REFUSED, circuit=self._circuit.key)
            return None
        self._made += 1
        return pause

    def _left(self) -> float:
        total = self._options.total_timeout
        return float("inf") if total is None else self._began_at + total - now()

    def _stays_open(self, pause: float) -> bool:
        """Whether the try would only be turned away."""
        return self._circuit.retry_at > now() + pause


def pause_after(
    error: APIError, pause: float, *, patience: float, draw: float | None
) -> float | None:
    """Seconds to wait after a failed try; None if the service asks for more than `patience`. Pure.

    `pause` is what the options say. `draw` is by chance, from 0 to 1; None for a call that goes to
    no service, and is in step with no other.
    """
    asked = (error.retry_after if isinstance(error, APIStatusError) else None) or 0.0
    if asked > patience:
        return None
    if draw is None:
        return max(pause, asked)
    return max(pause * draw, asked * (1 + SPREAD * draw))
