"""CircuitLine: the circuits of this child, shared with the others through the supervisor.

Nothing here waits: what happens is told and what others tell is taken over, and a child without a
supervisor goes by what it knows itself.
"""

from __future__ import annotations

import asyncio

from agentd.aio.timing import now
from agentd.protocol.frames import CircuitNews, CircuitReport
from agentd.resilience import Circuit, Circuits
from agentd.resilience.circuit import CircuitEvent

from .supervisor_line import SupervisorLine

MAX_REASON = 300
"""Characters of a failure's text."""


class CircuitLine:
    """Passes on what happens to circuits here. `start` once."""

    def __init__(self, line: SupervisorLine, circuits: Circuits) -> None:
        self._line = line
        self._circuits = circuits
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """From now on others are told."""
        self._circuits.share(self)

    def stop(self) -> None:
        """Tell no more."""
        self._circuits.share(None)

    def pass_on(self, circuit: Circuit, event: CircuitEvent) -> bool:
        """See `Sharer`."""
        if self._loop is not _running_loop():
            return False  # user code may have a loop of its own, in another thread
        return self._line.send(
            CircuitReport(
                key=circuit.key,
                event=event,
                cooldown=max(0.0, circuit.retry_at - now()) if event == "opened" else 0.0,
                level=circuit.level,
                reason=circuit.reason[:MAX_REASON],
            )
        )

    def say_again(self) -> None:
        """There is another supervisor: tell it which services are known to be down."""
        self._circuits.share(self)
        for circuit in self._circuits.not_closed():
            self.pass_on(circuit, "opened")

    def hear(self, news: CircuitNews) -> None:
        """Take over what others have learnt."""
        circuit = self._circuits.of(news.key)
        match news.state:
            case "open":
                circuit.hear_open(news.seconds, level=news.level, reason=news.reason)
            case "closed":
                circuit.hear_closed()
            case "half_open" if news.granted:
                circuit.hear_grant(level=news.level, reason=news.reason)
            case "half_open":
                circuit.hear_probe(news.seconds, level=news.level, reason=news.reason)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
