"""The rules of a circuit breaker. Pure: instants and chance come in as arguments.

Closed, calls are made, and counted. Open, none is made until the cooldown is over. Then it is half
open: one call, the probe, is let through, and what becomes of it closes the circuit or opens it
for longer.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from agentd.errors import APIConnectionError, APIError, APIStatusError, CircuitOpen

from .recent import Recent

CircuitState: TypeAlias = Literal["closed", "open", "half_open"]

Admission: TypeAlias = Literal["call", "probe", "refused"]
"""What becomes of a call: it is made, it is made as the probe, or it is not made."""

Verdict: TypeAlias = Literal["down", "answers", "unknown"]
"""What an attempt says of the service."""


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """When a circuit opens, and for how long."""

    in_a_row: int = 4
    """Failures in a row that open it: one call with all of its tries, by the defaults."""
    failures: int = 8
    """Failures among others that open it."""
    share: float = 0.5
    """But only if they are at least this share of the calls."""
    window: float = 60.0
    """Seconds after which a call no longer counts."""
    cooldown: float = 5.0
    """Seconds that it is open for the first time; each further time doubles them."""
    longest_cooldown: float = 60.0
    longest_asked: float = 300.0
    """Seconds that a service may ask for (Retry-After)."""
    probe_time: float = 15.0
    """Seconds after which a probe that has said nothing keeps no other from being made."""
    healthy_after: float = 60.0
    """Seconds that it must stay closed for the cooldown to begin small again."""


def judge(error: BaseException) -> Verdict:
    """What a failed attempt says of the service.

    A status of 4xx is about the request, and the service is well, but for 408 and 429. What a
    service sends that can't be read (retryable, by the habit of plugins) is a fault of its own.
    """
    match error:
        case CircuitOpen():
            return "unknown"
        case APIStatusError(status_code=status):
            return "down" if status >= 500 or status in (408, 429) else "answers"
        case APIConnectionError():
            return "down"
        case APIError(retryable=True):
            return "down"
        case _:
            return "unknown"


class Breaker:
    """The state of one circuit. What returns a bool says whether the state is another now."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._open = False
        self._row = Recent(policy.window)
        self._failures = Recent(policy.window)
        self._successes = Recent(policy.window)
        self._closed_at = float("-inf")
        self.level = 0
        """How often it has opened without lasting health between."""
        self.cooled_at = 0.0
        """When the cooldown is over, or was."""
        self.probe_until = float("-inf")
        """Until then no other probe is made."""
        self.reason = ""
        """What the last failure was that opened it."""

    def state(self, now: float) -> CircuitState:
        """Closed, open or half open."""
        if not self._open:
            return "closed"
        return "open" if now < self.cooled_at else "half_open"

    def next_try_at(self, now: float) -> float:
        """When a call may be made: an instant in the past if now."""
        if not self._open:
            return now
        return max(self.cooled_at, self.probe_until)

    def admit(self, now: float) -> Admission:
        """Ask whether a call may be made; the answer "probe" is given to one at a time."""
        if not self._open:
            return "call"
        if now < self.next_try_at(now):
            return "refused"
        self.probe_until = now + self._policy.probe_time
        return "probe"

    # -- what has become of a call ---------------------------------------------------------

    def answered(self, now: float) -> bool:
        """The probe was answered, be it not to its end."""
        if not self._open:
            return False
        self.close(now)
        return True

    def succeeded(self, now: float) -> None:
        """A call went well."""
        self._row.clear()
        self._successes.add(now)

    def failed(
        self, now: float, *, probe: bool, reason: str, draw: float, asked: float = 0.0
    ) -> bool:
        """A call has failed by the service's fault. `draw` is by chance, from 0 to 1.

        `asked`: seconds that the service wants to be left alone for.
        """
        if self._open and not probe:
            return False  # it began before: nothing new
        self._row.add(now)
        self._failures.add(now)
        if not self._open and not self._is_too_much(now):
            return False
        self._count_opening(now)
        pause = max(self._cooldown(draw), min(asked, self._policy.longest_asked))
        self.open(now, pause, level=self.level, reason=reason)
        return True

    def given_up(self, lease: float) -> bool:
        """The probe that was admitted until then has ended and says nothing: make another."""
        if not self._open or lease != self.probe_until:
            return False
        self.probe_until = float("-inf")
        return True

    # -- what is heard from elsewhere --------------------------------------------------------

    def open(self, now: float, cooldown: float, *, level: int, reason: str) -> None:
        """It is open for so many seconds."""
        self._open = True
        self.level = level
        self.cooled_at = now + cooldown
        self.probe_until = float("-inf")
        self.reason = reason

    def close(self, now: float) -> None:
        """The service answers; what was before no longer counts."""
        self._open = False
        self._closed_at = now
        self._row.clear()
        self._failures.clear()
        self._successes.clear()

    def hold(self, until: float) -> None:
        """Somebody else makes a probe."""
        self.probe_until = until

    # -- inside ------------------------------------------------------------------------------

    def _is_too_much(self, now: float) -> bool:
        if self._row.count(now) >= self._policy.in_a_row:
            return True
        failures = self._failures.count(now)
        calls = failures + self._successes.count(now)
        return failures >= self._policy.failures and failures >= self._policy.share * calls

    def _count_opening(self, now: float) -> None:
        if not self._open and now - self._closed_at >= self._policy.healthy_after:
            self.level = 0
        self.level += 1

    def _cooldown(self, draw: float) -> float:
        """Between half of the ceiling and all of it: never none, and not in step with others."""
        doublings = min(self.level - 1, 30)
        ceiling = min(self._policy.longest_cooldown, self._policy.cooldown * 2**doublings)
        return float(ceiling * (0.5 + draw / 2))
