"""Outages: a model has failed, and its circuit says that its service is out.

The session stays. The user is told, what he says is kept, and the service is tried whenever its
circuit allows it. When it works again the session goes on by itself; an outage that lasts too long
ends it. Each is counted. Where no circuit tells, failures are counted as ever (see `faults`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wait_event
from agentd.errors import APIError, APITimeoutError, ModelError
from agentd.resilience import APIConnectOptions, circuits
from agentd.voice.bench import ModelKind
from agentd.voice.events import OutageEndedEvent, OutageStartedEvent
from agentd.voice.options import OutageKind, OutageOptions
from agentd.voice.scope import leave_scope

from .apologies import Apologies
from .metering import Metering
from .services import Service, service_of

logger = logging.getLogger("agentd.voice")

TRY_PAUSE = 1.0
"""Seconds between two tries of a service, at least; also how long a realtime model's new session
has to stand to count as one that works."""

ONCE = APIConnectOptions(max_retry=0)
"""How a service is tried."""

TRY_TIMEOUT = 15.0
"""Seconds that a try may take."""

Outcome: TypeAlias = Literal["recovered", "replaced", "gave_up", "closed"]


class _Outage:
    """One that is under way."""

    def __init__(self, kind: OutageKind, model: Any, told: Any, service: Service) -> None:
        self.kind = kind
        self.model = model
        self.told = told
        """The error, as the user's code is told."""
        self.service = service
        self.began_at = now()
        self.failed_again = asyncio.Event()
        self.watch: asyncio.Task[None] | None = None

    @property
    def label(self) -> str:
        return str(getattr(self.model, "label", ""))


class _Owed:
    """A reply that has failed in an outage."""

    def __init__(self, again: Callable[[], bool]) -> None:
        self.again = again
        self.at = now()


class Outages:
    """Those of one session: at most one of each kind of model at a time."""

    def __init__(  # noqa: PLR0913 - what the session does about an outage, each by its name
        self,
        options: OutageOptions,
        *,
        apologies: Apologies,
        meter: Metering,
        owner: TaskOwner,
        emit: Callable[[OutageStartedEvent | OutageEndedEvent], None],
        is_used: Callable[[OutageKind, Any], bool],
        is_answering: Callable[[], bool],
        reconnect: Callable[[], Awaitable[None]],
        give_up: Callable[[Any], None],
    ) -> None:
        """`is_used`: whether the agent that has the word uses this model. `is_answering`: whether
        the user speaks, or a reply is under way. `reconnect` begins a new session with the realtime
        model. `give_up` ends the session with an error."""
        self._options = options
        self._apologies = apologies
        self._meter = meter
        self._owner = owner
        self._emit = emit
        self._is_used = is_used
        self._is_answering = is_answering
        self._reconnect = reconnect
        self._give_up = give_up
        self._under_way: dict[OutageKind, _Outage] = {}
        self._owed: _Owed | None = None
        self._bell = Bell()
        self._closed = False

    def is_out(self, kind: OutageKind) -> bool:
        """Whether there is an outage of this kind of model."""
        return kind in self._under_way

    # -- what happens ------------------------------------------------------------------------

    def service_out(self, kind: ModelKind, error: BaseException, model: Any) -> Service | None:
        """The service that a failure is due to, if that is out and is to be waited for."""
        if kind == "vad" or self._closed or self._options.hold <= 0:
            return None
        known = self._under_way.get(kind)
        if known is not None and known.model is model:
            return known.service
        if not isinstance(error, ModelError):
            return None
        service = service_of(kind, model, error)
        return service if service is not None and service.is_out() else None

    def failed(self, kind: OutageKind, told: Any, model: Any, service: Service) -> None:
        """A model has failed since its service is out: begin to wait for it, or go on with it."""
        known = self._under_way.get(kind)
        if known is not None and known.model is model:
            known.failed_again.set()
            return
        if known is not None:
            self._end(known, "replaced")
        outage = self._under_way[kind] = _Outage(kind, model, told, service)
        self._tell_started(outage)
        outage.watch = self._owner.start(self._watch(outage), name=f"outage of {kind}")

    def worked(self, kind: ModelKind) -> None:
        """A model of this kind did its work, whatever was thought of it."""
        if kind == "llm":
            self.answered()
        if kind not in ("llm", "stt"):
            return  # what is heard may be a clip, and a realtime model is known by its session
        outage = self._under_way.get(kind)
        if outage is None:
            return
        if not outage.service.is_out():
            self._end(outage, "recovered")
        elif not self._is_used(outage.kind, outage.model):
            self._end(outage, "replaced")
        else:
            return  # it did so before it went out
        self._tell_works(answered=True)

    def reply_failed(self, again: Callable[[], bool]) -> bool:
        """A reply has failed; whether by an outage. `again` makes it anew, if it can."""
        outage = self._under_way.get("llm") or self._under_way.get("realtime")
        if outage is None:
            return False
        self._owed = _Owed(again)
        self._apologies.apologise(outage.kind)
        return True

    def answered(self) -> None:
        """A reply was made: what was asked before is answered."""
        self._owed = None

    def missed(self, kind: OutageKind) -> bool:
        """The user wants what a model does; whether that is out. They are told again, at times."""
        if kind not in self._under_way:
            return False
        self._apologies.apologise(kind)
        return True

    def hangs(self, model: Any, silent_for: float) -> APITimeoutError | None:
        """A model was waited for in vain, and is given up before its own deadline: its circuit is
        told, which would take that for a call broken off. The error, if its service is out now."""
        circuit = circuits().of(getattr(model, "circuit", ""))
        error = APITimeoutError(f"nothing came for {silent_for:.1f} s")
        with suppress(APIError), circuit.attempt():
            raise error
        return None if circuit.state == "closed" else error

    async def over(self, kind: OutageKind) -> None:
        """Wait until there is no outage of this kind; it has an end of its own."""
        await self._bell.until(lambda: kind not in self._under_way)

    def close(self) -> None:
        """The session closes. May be repeated."""
        self._closed = True
        for outage in list(self._under_way.values()):
            self._end(outage, "closed")

    # -- until it works ----------------------------------------------------------------------

    async def _watch(self, outage: _Outage) -> None:
        leave_scope()
        try:
            async with asyncio.timeout(self._options.hold):
                outcome = await self._wait(outage)
        except TimeoutError:
            await self._part(outage)
            return
        self._end(outage, outcome)
        answered = outcome == "replaced" or self._answer(outage)
        self._tell_works(answered=answered)

    async def _wait(self, outage: _Outage) -> Outcome:
        works = not outage.service.is_out() and outage.kind != "realtime"
        while not works:
            await outage.service.ready()
            if not self._is_used(outage.kind, outage.model):
                return "replaced"
            works = await self._try(outage)
            if not works:
                await asyncio.sleep(TRY_PAUSE)
        return "recovered"

    async def _try(self, outage: _Outage) -> bool:
        """Whether it works. Of a realtime model no call is made but a session."""
        if outage.kind != "realtime":
            if outage.service.is_out():
                with suppress(ModelError, TimeoutError):
                    async with asyncio.timeout(TRY_TIMEOUT):
                        await outage.model.probe(ONCE)
            return not outage.service.is_out()
        outage.failed_again.clear()
        try:
            await self._reconnect()
        except Exception as error:  # noqa: BLE001 - a plugin's session, which may raise anything
            logger.debug("a realtime model is still out", extra={"error": str(error)})
            return False
        if await wait_event(outage.failed_again, TRY_PAUSE):
            return False
        # Its circuit closes when the connection is made; that may take longer.
        return not outage.service.is_out() or not await wait_event(outage.failed_again, TRY_TIMEOUT)

    def _answer(self, outage: _Outage) -> bool:
        """Answer what was asked meanwhile; whether the user hears of the agent."""
        if self._is_answering():
            return True
        if outage.kind not in ("llm", "realtime"):
            return False
        owed, self._owed = self._owed, None
        if owed is None or now() - owed.at > self._options.stale_after:
            return False
        return owed.again()

    async def _part(self, outage: _Outage) -> None:
        await self._apologies.goodbye()
        self._end(outage, "gave_up")
        self._give_up(outage.told)

    def _end(self, outage: _Outage, outcome: Outcome) -> None:
        if self._under_way.get(outage.kind) is not outage:
            return
        del self._under_way[outage.kind]
        if outage.watch is not None and outage.watch is not asyncio.current_task():
            outage.watch.cancel()
        self._bell.ring()
        self._tell_ended(outage, outcome)

    # -- telling -----------------------------------------------------------------------------

    def _tell_works(self, *, answered: bool) -> None:
        if not self._under_way:
            self._apologies.works_again(answered=answered)

    def _tell_started(self, outage: _Outage) -> None:
        error = getattr(outage.told, "error", outage.told)
        count = self._meter.outage_started()
        said = self._apologies.apologise(outage.kind)
        logger.warning(
            "the service of a model is out: the session stays, and goes on when it works again",
            extra={
                "action": "outage_started",
                "kind": outage.kind,
                "model": outage.label,
                "reason": f"{type(error).__name__}: {error}",
                "said": said,
                "count": count,
                "next": f"it is tried as its circuit allows, for {self._options.hold:.0f} s",
            },
        )
        self._emit(
            OutageStartedEvent(
                kind=outage.kind, model=outage.label, error=error, said=said, count=count
            )
        )

    def _tell_ended(self, outage: _Outage, outcome: Outcome) -> None:
        seconds = now() - outage.began_at
        self._meter.outage_ended(seconds)
        logger.log(
            logging.ERROR if outcome == "gave_up" else logging.INFO,
            "an outage is over",
            extra={
                "action": "outage_ended",
                "kind": outage.kind,
                "model": outage.label,
                "seconds": round(seconds, 3),
                "outcome": outcome,
                "next": _NEXT[outcome],
            },
        )
        self._emit(
            OutageEndedEvent(kind=outage.kind, model=outage.label, seconds=seconds, outcome=outcome)
        )


_NEXT: dict[Outcome, str] = {
    "recovered": "what was asked last is answered, unless it was",
    "replaced": "the agent goes on with another model",
    "gave_up": "the session ends",
    "closed": "the session ends, for another reason",
}
