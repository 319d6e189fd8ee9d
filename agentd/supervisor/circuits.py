"""What the children have learnt of services that fail, shared among all of them.

A child whose circuit opens says so, and all others leave that service alone too. When the cooldown
is over, one child makes the probe: the first of those that wait for it, or else whichever calls
first; and its outcome is told to all. A child never waits for any of this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

from msgspec import Struct

from agentd.aio.timing import now
from agentd.protocol.frames import CircuitNews, CircuitReport, LogValue
from agentd.protocol.ids import ChildId

from .snapshot import CircuitView

logger = logging.getLogger("agentd.supervisor")

MAX_CIRCUITS = 256
"""Services that are down at a time; of further ones each child learns for itself."""

MAX_TEXT = 300
"""Characters of a key or a reason."""

LONGEST_COOLDOWN = 300.0
"""Seconds; what a child says beyond it is cut."""

GRANT_TIME = 2.0
"""Seconds for a child that waits for the probe to begin it, before it is another's turn."""

FORGET_TIME = 600.0
"""Seconds after which a service that nobody calls any more is forgotten."""

PROBE_TIME = 15.0
"""Seconds for a probe to be answered, before it is another's turn."""


class Member(Protocol):
    """A child, as far as it is told of circuits."""

    @property
    def id(self) -> ChildId: ...

    def fields(self) -> dict[str, LogValue]:
        """What a log line about it has in common with its others."""
        ...

    def tell_circuit(self, news: CircuitNews) -> None:
        """Send it."""
        ...


class _Circuit(Struct, kw_only=True, eq=False):
    """One that is not closed."""

    key: str
    level: int
    reason: str
    until: float
    """When the cooldown, or the probe that is made, is over."""
    state: Literal["open", "half_open"] = "open"
    prober: ChildId | None = None
    wanted: dict[ChildId, None] = {}
    """Children that wait to make the probe, in their order."""
    timer: asyncio.TimerHandle | None = None


class SharedCircuits:
    """The table of circuits that are not closed, and whose turn it is to probe."""

    def __init__(self, members: Callable[[], Iterable[Member]]) -> None:
        """`members` gives the children that take frames by now: those that were greeted."""
        self._members = members
        self._circuits: dict[str, _Circuit] = {}
        self._opened: dict[str, int] = {}

    # -- views -----------------------------------------------------------------------

    def view(self) -> tuple[CircuitView, ...]:
        """The circuits that are not closed."""
        at = now()
        return tuple(_view(circuit, at) for circuit in self._circuits.values())

    @property
    def opened(self) -> dict[str, int]:
        """How often each circuit has opened since the start."""
        return dict(self._opened)

    # -- children come and go --------------------------------------------------------

    def greet(self, child: Member) -> None:
        """A child takes frames from now on: tell it what is known."""
        for circuit in self._circuits.values():
            child.tell_circuit(_news(circuit))

    def forget(self, child: Member) -> None:
        """A child is dead, and with it the probe that it may have made."""
        for circuit in list(self._circuits.values()):
            circuit.wanted.pop(child.id, None)
            if circuit.prober == child.id:
                self._next_turn(circuit)

    def close(self) -> None:
        """Set no timer any more."""
        for circuit in self._circuits.values():
            _disarm(circuit)
        self._circuits.clear()

    # -- what a child says -----------------------------------------------------------

    def handle(self, child: Member, report: CircuitReport) -> None:
        """Take over what has happened, and tell the others."""
        if report.event == "opened":
            self._handle_opened(child, report)
            return
        circuit = self._circuits.get(report.key)
        if circuit is None:
            return  # it has closed meanwhile, and the child hears of it
        match report.event:
            case "wanted":
                circuit.wanted[child.id] = None
                if circuit.prober is None and now() >= circuit.until:
                    self._next_turn(circuit)
            case "probing":
                self._handle_probing(child, circuit)
            case "answered":
                self._close(circuit, "a probe was answered", child)
            case "given_up":
                if circuit.prober == child.id:
                    self._next_turn(circuit)

    def _handle_opened(self, child: Member, report: CircuitReport) -> None:
        circuit = self._circuits.get(report.key)
        if circuit is not None and circuit.state == "open" and now() < circuit.until:
            child.tell_circuit(_news(circuit))  # two have found out at the same time
            return
        if circuit is None:
            if len(self._circuits) >= MAX_CIRCUITS or len(report.key) > MAX_TEXT:
                return
            circuit = _Circuit(key=report.key, level=0, reason="", until=0.0, wanted={})
            self._circuits[report.key] = circuit
        cooldown = min(max(0.0, report.cooldown), LONGEST_COOLDOWN)
        circuit.state, circuit.prober = "open", None
        circuit.level = max(circuit.level, report.level)
        circuit.reason = report.reason[:MAX_TEXT]
        self._count_opening(report.key)
        self._wait(circuit, cooldown)
        self._tell(_news(circuit), but=child.id)
        logger.warning(
            "a service fails and is left alone for a while",
            extra={
                "action": "circuit_opened",
                "circuit": circuit.key,
                **child.fields(),
                "reason": circuit.reason,
                "times": circuit.level,
                "next": f"one child tries it in {cooldown:.1f} s",
            },
        )

    def _handle_probing(self, child: Member, circuit: _Circuit) -> None:
        circuit.wanted.pop(child.id, None)
        if circuit.prober not in (None, child.id):
            return  # two calls were made within the time that a frame takes: one is enough to know
        circuit.state, circuit.prober = "half_open", child.id
        self._wait(circuit, PROBE_TIME)
        self._tell(_news(circuit), but=child.id)
        logger.info(
            "one call tries a service that has failed",
            extra={
                "action": "circuit_half_open",
                "circuit": circuit.key,
                **child.fields(),
                "reason": "its cooldown is over",
                "next": "the circuit closes if it is answered",
            },
        )

    def _close(self, circuit: _Circuit, why: str, child: Member | None) -> None:
        _disarm(circuit)
        del self._circuits[circuit.key]
        told = child.id if child is not None else None
        self._tell(CircuitNews(key=circuit.key, state="closed"), but=told)
        logger.info(
            "a service is called again",
            extra={
                "action": "circuit_closed",
                "circuit": circuit.key,
                **(child.fields() if child is not None else {}),
                "reason": why,
                "next": "calls are made as before",
            },
        )

    # -- whose turn it is ------------------------------------------------------------

    def _next_turn(self, circuit: _Circuit) -> None:
        """The cooldown, or a probe, is over: let the next one probe, or whoever calls first."""
        _disarm(circuit)
        circuit.state, circuit.prober, circuit.until = "half_open", None, now()
        chosen = self._first_waiting(circuit)
        if chosen is None:
            self._tell(_news(circuit))
            self._set_timer(circuit, FORGET_TIME, self._forget_circuit)
            return
        circuit.prober = chosen.id
        self._wait(circuit, GRANT_TIME)
        # First the others: they are to leave the service alone.
        self._tell(_news(circuit), but=chosen.id)
        chosen.tell_circuit(
            CircuitNews(
                key=circuit.key,
                state="half_open",
                level=circuit.level,
                reason=circuit.reason,
                granted=True,
            )
        )

    def _first_waiting(self, circuit: _Circuit) -> Member | None:
        members = {member.id: member for member in self._members()}
        for child_id in list(circuit.wanted):
            del circuit.wanted[child_id]
            if child_id in members:
                return members[child_id]
        return None

    def _wait(self, circuit: _Circuit, seconds: float) -> None:
        circuit.until = now() + seconds
        self._set_timer(circuit, seconds, self._next_turn)

    def _set_timer(
        self, circuit: _Circuit, seconds: float, then: Callable[[_Circuit], None]
    ) -> None:
        _disarm(circuit)
        circuit.timer = asyncio.get_running_loop().call_later(seconds, then, circuit)

    def _forget_circuit(self, circuit: _Circuit) -> None:
        self._close(circuit, f"nobody has called it for {FORGET_TIME:g} s", None)

    def _tell(self, news: CircuitNews, *, but: ChildId | None = None) -> None:
        for member in self._members():
            if member.id != but:
                member.tell_circuit(news)

    def _count_opening(self, key: str) -> None:
        if key in self._opened or len(self._opened) < MAX_CIRCUITS:
            self._opened[key] = self._opened.get(key, 0) + 1


def _disarm(circuit: _Circuit) -> None:
    if circuit.timer is not None:
        circuit.timer.cancel()
        circuit.timer = None


def _news(circuit: _Circuit) -> CircuitNews:
    return CircuitNews(
        key=circuit.key,
        state=circuit.state,
        seconds=max(0.0, circuit.until - now()),
        level=circuit.level,
        reason=circuit.reason,
    )


def _view(circuit: _Circuit, at: float) -> CircuitView:
    return CircuitView(
        key=circuit.key,
        state=circuit.state,
        seconds=max(0.0, circuit.until - at),
        times=circuit.level,
        reason=circuit.reason,
        prober=circuit.prober or "",
    )
